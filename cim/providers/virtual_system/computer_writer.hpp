// Turns machines, and the host itself, into Msvm_ComputerSystem. Made once per class. Also the numbers that
// GetSummaryInformation shares with it.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/model/instance.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::vs {

// Jobs under way by the GUID of the machine they work on.
using RunningJobs = std::multimap<std::string, JobRecord, ILess>;
RunningJobs running_jobs(const JobManager& jobs);
std::vector<JobRecord> running_jobs_of(const JobManager& jobs, std::string_view guid);

std::uint16_t enabled_state(backend::MachineState s);
std::uint16_t health_state(backend::MachineState s);
// OperationalStatus and StatusDescriptions, parallel: the state, then what is being done to the machine.
struct OperationalStatus {
    std::vector<std::uint16_t> status;
    std::vector<std::string> descriptions;
};
OperationalStatus operational_status(backend::MachineState s, const std::vector<std::uint16_t>& job_types);
std::uint64_t up_time_ms(const backend::Machine& m);
std::vector<std::uint16_t> requested_states(backend::MachineState s);  // what may be asked for now

class ComputerWriter {
  public:
    ComputerWriter(Services& services, ClassPtr cls);
    Instance write(const backend::Machine& m, const std::vector<std::uint16_t>& job_types) const;
    Instance write_host() const;
    // Another host, where several are served.
    Instance write_host(const HostEntry& host) const;

  private:
    enum P : std::size_t {
        Name,
        ElementName,
        InstallDate,
        OperationalStatusP,
        StatusDescriptions,
        HealthState,
        EnabledState,
        RequestedState,
        TimeOfLastStateChange,
        AvailableRequestedStates,
        OnTimeInMilliseconds,
        ProcessID,
        TimeOfLastConfigurationChange,
        EnabledDefault,
        property_count
    };
    void put(Instance& i, P p, Value v) const;

    // What all machines of one state share; arrays are immutable, so that sharing them is a pointer.
    struct StateValues {
        Value status, descriptions, requested;
    };
    std::array<StateValues, 9> states_;  // by MachineState
    Services& services_;
    Instance prototype_;
    std::array<int, property_count> slots_{};
};

}  // namespace wsvirt::cim::vs
