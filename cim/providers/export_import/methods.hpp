// Export, import and planned systems: methods of Msvm_VirtualSystemManagementService.
#pragma once

#include <memory>
#include <vector>

#include "cim/providers/methods.hpp"

namespace wsvirt::cim::export_import {

MethodTable export_methods();  // ExportSystemDefinition, GetSizeOfSystemFiles
MethodTable
import_methods();  // ImportSystemDefinition, ImportSnapshotDefinitions, GetDefinitionFileSummaryInformation
MethodTable planned_methods();  // DefinePlannedSystem, ValidatePlannedSystem, RealizePlannedSystem

// Whether the folder that the job was to make of this machine is there; it is whole then.
bool is_exported(const JobRecord& job, const std::string& guid);

// What a program that was killed left unfinished: half exports are removed, half realized systems become
// planned ones again. Called once at the start, when the hypervisor answers.
void recover(Services& services);
// And when a host is back, for as long as what it gives is kept.
std::vector<std::shared_ptr<void>> watch(Services& services);

}  // namespace wsvirt::cim::export_import
