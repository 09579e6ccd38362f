// What one export will do, decided and checked before anything is written: where it goes, which settings it
// holds, and which file is copied how.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "cim/codec/export_definition.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/configurations.hpp"

namespace wsvirt::cim::export_import {

// Msvm_VirtualSystemExportSettingData, with the defaults of what a client leaves out.
struct ExportWishes {
    enum Snapshots : std::uint8_t { all = 0, none = 1, one = 2, one_for_backup = 3 };
    enum Live : std::uint8_t { crash_consistent = 0, saved_state = 1, application_consistent = 2 };
    std::uint8_t snapshots = all;
    std::uint8_t live = saved_state;
    bool storage = true, runtime = true, subdirectory = true;
    bool merge = false;                 // BackupIntent 1: a chain of disks becomes one disk
    std::string snapshot_path;          // SnapshotVirtualSystem
    std::vector<std::string> excluded;  // paths of disks, or of their settings
    std::string differential_base;      // definition file of an earlier export
};
// `settings` may be null: the defaults. Errors: invalid_parameter, not_supported; subject = the property.
Result<ExportWishes> wishes_of(const Instance* settings);

struct CopyStep {
    std::string from, to;  // `to` relative to the export's folder
    std::string format, subformat;
    std::string source_format;  // of `from`
    bool whole = false;         // byte by byte (its internal snapshots come along); else through conversion
    std::string from_snapshot;  // conversion of that internal snapshot's content
    std::string parent;         // the exported disk that this one stands on, in the same folder; "" = none
    std::string parent_format;
    bool changes_only = false;  // `parent` is a disk of an earlier export, seen from the folder of disks
    bool in_use = false;        // a machine has `from` open meanwhile
    std::uint64_t weight = 1;   // bytes to be read, about
};

struct ExportPlan {
    std::filesystem::path target;  // the folder that will be there when it succeeded
    vs::Configuration what;        // the machine, or one of its snapshots
    std::string settings;          // its own, as text
    ExportWishes wishes;
    std::vector<CopyStep> steps;
    std::vector<ExportDefinition::Snapshot> snapshots;
    // Beside the disks: memory of snapshots, and variables of UEFI firmware.
    struct SideFile {
        CopyStep step;
        std::optional<std::size_t> snapshot;  // else of the machine
        bool firmware = false;
    };
    std::vector<SideFile> side_files;
    bool with_memory = false;  // the machine is saved, or will be for the export
    bool live = false;         // it runs or is paused now, and that is what is exported
    std::string left_out;      // names of devices that an imported machine will lack; "" = none

    const backend::Machine& machine() const { return *what.machine; }
};

// Errors: invalid_parameter (directory, settings), access_denied (outside the export folders),
// already_exists, not_supported (snapshots that cannot be taken along), invalid_state.
Result<ExportPlan> plan_export(Services& services, const vs::Configuration& what,
                               const std::string& directory, const ExportWishes& wishes);

inline constexpr const char* machines_folder = "Virtual Machines";
inline constexpr const char* disks_folder = "Virtual Hard Disks";
inline constexpr const char* snapshots_folder = "Snapshots";
// Names of folders that are being written begin with this; no client's do.
inline constexpr const char* partial_mark = ".wsvirt-partial";

}  // namespace wsvirt::cim::export_import
