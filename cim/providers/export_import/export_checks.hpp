// Whether a machine can be exported as it is, before anything is done to it.
#pragma once

#include <set>
#include <string>

#include "cim/providers/export_import/export_plan.hpp"

namespace wsvirt::cim::export_import {

bool is_active(const backend::Machine& m);

// Errors: invalid_state, not_supported; subject = the property.
Result<void> check_state(const ExportPlan& plan);
// Before the machine is saved for it: whether its memory could be read at all. Errors: not_supported.
Result<void> check_memory(Services& services, const backend::Machine& m);
// What the settings have no word for: that is said of devices that are left out (left_out), and refused of
// disks and where the memory knows it. When all else is planned. Errors: not_supported.
Result<void> check_unknown(ExportPlan& plan);

// The files that this machine alone has, with those of its snapshots.
std::set<std::string> own_files(const ExportPlan& plan);

}  // namespace wsvirt::cim::export_import
