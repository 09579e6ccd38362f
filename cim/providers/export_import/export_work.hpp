// Carries out an ExportPlan. The export is written under another name and gets its own when it is whole, so
// there is never half an export where a client asked for one. Runs in a job; a running machine is held still
// meanwhile (paused, or saved and started again) and runs again afterwards, whatever happened.
#pragma once

#include "cim/om/jobs.hpp"
#include "cim/providers/export_import/export_plan.hpp"

namespace wsvirt::cim::export_import {

Result<void> carry_out(Services& services, const ExportPlan& plan, JobContext& job);

// Removes what this service's exports left behind that ended with the program. Called once at the start.
void remove_partial_exports(Services& services);

}  // namespace wsvirt::cim::export_import
