// Export, import and planned systems: methods of Msvm_VirtualSystemManagementService.
#pragma once

#include "cim/providers/methods.hpp"

namespace wsvirt::cim::export_import {

MethodTable export_methods();  // ExportSystemDefinition, GetSizeOfSystemFiles
MethodTable
import_methods();  // ImportSystemDefinition, ImportSnapshotDefinitions, GetDefinitionFileSummaryInformation
MethodTable planned_methods();  // DefinePlannedSystem, ValidatePlannedSystem, RealizePlannedSystem

// Whether the folder that the job of an export was to make is there; it is whole then.
bool is_exported(const JobRecord& job);

// What a program that was killed left unfinished: half exports are removed, half realized systems become
// planned ones again. Called once at the start, when the hypervisor answers.
void recover(Services& services);

}  // namespace wsvirt::cim::export_import
