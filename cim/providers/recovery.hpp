// After a crash: what became of the work whose jobs were cut off. Called once at start, when the machines are
// known and before any request is served.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim {

// Clears up what was left half done, then settles interrupted jobs by what is really there (a machine that
// was being defined exists, or not ...). Jobs that it knows nothing about stay as they are.
void recover(Services& services);

// A host that has the machine, whichever that is; nullptr when none is known to. Where not every host
// answers, such a machine may exist.
backend::Hypervisor* host_with(const Services& services, std::string_view machine);
// The one that the machine is on: a cut off job may have been for any. nullptr also where it was last on one
// that does not answer, whatever others have of it.
backend::Hypervisor* place_of(const Services& services, std::string_view machine);
bool every_host_answers(const Services& services);
// Whether such a machine, a snapshot of one or a planned system has the GUID. Two machines of one GUID would
// be one to libvirt as soon as they meet on a host.
bool identifier_taken(Services& services, std::string_view guid);

// The GUID of the first machine or planned system that the job works on, or "".
std::string system_of(const JobRecord& job);

// Goes on with what waits for a host when the host is back, for as long as what it gives is kept. services
// outlives it.
[[nodiscard]] std::vector<std::shared_ptr<void>> watch(Services& services);

}  // namespace wsvirt::cim
