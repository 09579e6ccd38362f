// ApplySnapshot and, in version 1, ApplyVirtualSystemSnapshot; ClearSnapshotState.
#include "cim/providers/snapshot_service/methods.hpp"
#include "cim/providers/snapshot_service/target.hpp"

namespace wsvirt::cim::snapshot_service {

namespace {

using backend::MachineState;

// A machine that went back to a snapshot with memory is saved, not running: starting it is the client's
// decision. Without memory it is off.
Result<void> settle(backend::Hypervisor& hypervisor, const backend::Call& call, const std::string& guid,
                    bool keep_memory) {
    const auto now = hypervisor.machine(guid);
    if (!now || (now->state != MachineState::running && now->state != MachineState::paused)) return {};
    return keep_memory ? hypervisor.save(call, guid) : hypervisor.power_off(call, guid);
}

Result<MethodResult> apply(const MethodCall& call, std::string_view parameter) {
    Task task;
    task.type = job_type::apply_snapshot;
    task.caption = "Applying Virtual Machine Snapshot";
    task.owning_service = call.cls->name();
    task.always_a_job = true;
    auto target = snapshot_of(call, parameter);
    if (!target) return refused(call, task, target.error());
    const auto& m = *target->machine;
    if (m.state != MachineState::off && m.state != MachineState::saved)
        return refused(
            call, task,
            Error(Status::invalid_state, "wsvirt.snapshot.running",
                  "\"" + m.spec.name + "\" is not off; turn it off or save it before you apply a snapshot.",
                  std::string(parameter)));
    task.busy_key = target->guid();
    task.affected = {affected_machine(call, target->guid()), affected_snapshot(call, target->snapshot.id, 0)};
    const bool keep_memory =
        target->snapshot.has_memory && !target->snapshot.spec.attributes.contains(memory_cleared);
    auto& hypervisor = call.services.hypervisor;
    auto work = [&hypervisor, guid = target->guid(), id = target->snapshot.id,
                 keep_memory](JobContext& job) -> Result<void> {
        const auto c = call_of(job);
        if (auto r = hypervisor.revert(c, guid, id); !r) return r;
        return settle(hypervisor, c, guid, keep_memory);
    };
    return run(call, std::move(task), std::move(work), {}, std::move(target->held));
}

Result<MethodResult> apply_snapshot(const MethodCall& call) {
    return apply(call, "Snapshot");
}

Result<MethodResult> apply_virtual_system_snapshot(const MethodCall& call) {
    return apply(call, "SnapshotSettingData");
}

// The memory stays in the image until the snapshot is deleted, but it is never used again: applying the
// snapshot gives a machine that is off.
Result<MethodResult> clear_state(const MethodCall& call) {
    Task task;
    task.type = job_type::apply_snapshot;
    task.caption = "Clearing Saved State of Virtual Machine Snapshot";
    task.owning_service = service_class;
    auto target = snapshot_of(call, "SnapshotSettingData");
    if (!target) return refused(call, task, target.error());
    if (!target->snapshot.has_memory || target->snapshot.spec.attributes.contains(memory_cleared))
        return refused(
            call, task,
            Error(Status::invalid_state, "wsvirt.snapshot.no_memory",
                  "The snapshot has no saved memory that could be cleared.", "SnapshotSettingData"));
    task.busy_key = target->guid();
    task.affected = {affected_snapshot(call, target->snapshot.id, 0)};
    auto changed = target->snapshot;
    changed.spec.attributes[memory_cleared] = "1";
    auto& hypervisor = call.services.hypervisor;
    auto work = [&hypervisor, guid = target->guid(), changed = std::move(changed)](JobContext& job) {
        return hypervisor.modify_snapshot(call_of(job), guid, changed);
    };
    return run(call, std::move(task), std::move(work), {}, std::move(target->held));
}

constexpr MethodEntry table[] = {{"ApplySnapshot", &apply_snapshot},
                                 {"ApplyVirtualSystemSnapshot", &apply_virtual_system_snapshot},
                                 {"ClearSnapshotState", &clear_state}};

}  // namespace

MethodTable apply_methods() {
    return table;
}

}  // namespace wsvirt::cim::snapshot_service
