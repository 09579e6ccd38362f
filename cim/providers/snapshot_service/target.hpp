// Which machine and snapshot a call means, with the machine's busy key taken, so that nothing moves between
// the check and the change.
#pragma once

#include <memory>

#include "backend/hypervisor.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/configurations.hpp"

namespace wsvirt::cim::snapshot_service {

struct Target {
    std::shared_ptr<const backend::Machine> machine;
    backend::SnapshotInfo snapshot;  // empty id where only a machine is meant
    std::shared_ptr<JobManager::Guard> held;

    const std::string& guid() const { return machine->spec.uuid; }
};

// Errors: invalid_parameter (the reference means no machine, or no snapshot), busy.
Result<Target> machine_of(const MethodCall& call, std::string_view parameter);
Result<Target> snapshot_of(const MethodCall& call, std::string_view parameter);

// Paths of the machine and of a snapshot's settings, for results and affected elements.
ObjectPath snapshot_path(const std::string& id);
JobRecord::Affected affected_machine(const MethodCall& call, const std::string& guid);
JobRecord::Affected affected_snapshot(const MethodCall& call, const std::string& id, std::uint16_t effect);

// Goes back to the snapshot and notes that it is the last one applied. The machine is off or saved then.
Result<void> go_back(backend::Hypervisor& hypervisor, const backend::Call& call, const std::string& guid,
                     const std::string& snapshot);

// What others went back to last is told by where the machine stands; noted before that changes, and after an
// apply that was cut off has been finished. Errors: busy, invalid_state: that cannot be done yet.
Result<void> keep_last_applied(backend::Hypervisor& hypervisor, const backend::Call& call,
                               const std::string& guid);

// A backend call that ends with the job.
backend::Call call_of(JobContext& job);

}  // namespace wsvirt::cim::snapshot_service
