// The definition file of an exported virtual system: what the export holds, in XML. One file says everything:
// the settings of the system and of its snapshots (as the machine layer writes them), which files hold its
// disks and its memory, how large they are and what their content's digest is. A reader refuses format
// versions that it does not know. Paths in it are relative to the folder of the export.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wsvirt::cim {

struct ExportDefinition {
    struct File {
        std::string source;  // where the system had it
        std::string path;    // below the export's folder
        std::string format;  // of an image
        std::uint64_t size = 0;
        std::string digest;  // content_digest()
        // Of a disk that holds only what differs from that of an earlier export: where that is, from the
        // folder of this one on, and what it holds.
        std::string base = {};
        std::uint64_t base_size = 0;
        std::string base_digest = {};
    };
    struct Snapshot {
        std::string id, parent;
        std::int64_t created_us = 0;
        bool has_memory = false, current = false;
        std::string settings;
        bool external = false;            // its disks are files of their own: those that its settings name
        std::vector<File> memory = {};    // none, or one when it is not inside the disks
        std::vector<File> firmware = {};  // none, or one with the variables of its UEFI firmware
        std::string name = {};            // what the disks call it, where that is not its id
        std::string hardware = {};        // of memory inside the disks: the devices that it belongs to
    };
    std::string id, name, host, producer;
    std::int64_t created_us = 0;
    std::string settings;
    std::vector<File> disks;
    std::vector<File> saved_state;  // none or one
    std::vector<File> firmware;     // none or one
    std::vector<Snapshot> snapshots;
};

// 2: has snapshots with files or hardware of their own, variables of firmware, or disks based on those of
// another export.
// Others are written as 1.
inline constexpr unsigned export_format_version = 2;

std::string export_definition_to_text(const ExportDefinition& d);
// Errors: malformed (no XML, no such document, unknown version, a path that leaves the folder, a file
// without digest).
Result<ExportDefinition> export_definition_from_text(std::string_view text);

}  // namespace wsvirt::cim
