// Turns job records into instances of Msvm_ConcreteJob and its sisters, and their errors into Msvm_Error.
// Every property says what the record knows; what cannot be known is NULL. Pure functions.
#pragma once

#include <vector>

#include "cim/model/instance.hpp"
#include "cim/om/jobs.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::job {

// removal: how long the job stays after its end. ns: for embedded instances among the class's own properties.
Instance write(const ClassPtr& cls, const JobRecord& r, std::chrono::seconds removal, const Namespace& ns);
// The problems of an ended job as Msvm_Error, the reason of a failure first; none while it runs.
std::vector<Instance> errors(const Namespace& ns, const JobRecord& r);

}  // namespace wsvirt::cim::job
