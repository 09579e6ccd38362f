// Reading an export: the definition file and what it names, as a planned system.
#pragma once

#include <filesystem>
#include <string>

#include "cim/codec/export_definition.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::export_import {

struct ImportFolder {
    std::filesystem::path file;  // the definition file, resolved
    std::filesystem::path root;  // the export's folder
    ExportDefinition definition;
};

// Errors: invalid_parameter and malformed (no such file, no definition), access_denied (outside the export
// folders).
Result<ImportFolder> open_import(const Services& services, const std::string& definition_file);

// new_id: "" keeps the identifiers; else the system gets this one and its snapshots new ones too (the names
// that their disks have for them are kept in an attribute of each).
Result<vs::PlannedSystem> planned_of(const Services& services, const ImportFolder& folder,
                                     const std::string& new_id);

// Attribute of a planned snapshot's spec: what the disks call it.
inline constexpr const char* name_in_disks = "Planned.NameInDisks";
// And what its memory inside the disks belongs to.
inline constexpr const char* hardware_of_memory = "Planned.HardwareOfMemory";

}  // namespace wsvirt::cim::export_import
