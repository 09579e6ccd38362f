// Everything that stands in the way of realizing a planned system, each as a job error that names what to
// mend. Reads only.
#pragma once

#include <vector>

#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::export_import {

std::vector<JobError> problems_of(Services& services, const vs::PlannedSystem& planned);

}  // namespace wsvirt::cim::export_import
