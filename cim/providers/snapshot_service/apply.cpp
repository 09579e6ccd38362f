// ApplySnapshot and, in version 1, ApplyVirtualSystemSnapshot(Ex); ClearSnapshotState.
#include "base/text.hpp"
#include "cim/providers/export_import/stillness.hpp"
#include "cim/providers/snapshot_service/methods.hpp"
#include "cim/providers/snapshot_service/target.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"

namespace wsvirt::cim::snapshot_service {

namespace {

using backend::MachineState;

// In version 1 the call names the machine too; it must be the one that the snapshot belongs to.
Result<void> check_machine(const MethodCall& call, const Target& target) {
    if (!call.method.parameter("ComputerSystem") || call.in.get("ComputerSystem").is_null()) return {};
    if (iequals(vs::system_guid_of(call.reference("ComputerSystem")), target.guid())) return {};
    return Error(Status::invalid_parameter, "wsvirt.snapshot.other_machine",
                 "The snapshot belongs to \"" + target.machine->spec.name +
                     "\", not to the machine that ComputerSystem names.",
                 "ComputerSystem");
}

// For certain.
bool nothing_came_of_it(Services& services, const std::shared_ptr<const backend::Machine>& before,
                        const Error& e) {
    using enum Status;
    if (e.status == unavailable || e.status == timed_out || e.status == cancelled || e.status == busy ||
        e.message_id == "wsvirt.snapshot.half_applied")
        return false;
    const auto now = services.hypervisor.machine(before->spec.uuid);
    return now && now->state == before->state && now->state_since_us == before->state_since_us;
}

Result<MethodResult> apply(const MethodCall& call, std::string_view parameter) {
    Task task;
    task.type = job_type::apply_snapshot;
    task.caption = "Applying Virtual Machine Snapshot";
    task.owning_service = call.cls->name();
    task.always_a_job = true;
    auto target = snapshot_of(call, parameter);
    if (!target) return refused(call, task, target.error());
    if (auto r = check_machine(call, *target); !r) return refused(call, task, r.error());
    const auto& m = *target->machine;
    if (m.state != MachineState::off && m.state != MachineState::saved)
        return refused(
            call, task,
            Error(Status::invalid_state, "wsvirt.snapshot.running",
                  "\"" + m.spec.name + "\" is not off; turn it off or save it before you apply a snapshot.",
                  std::string(parameter)));
    task.busy_key = target->guid();
    task.affected = {affected_machine(call, target->guid()), affected_snapshot(call, target->snapshot.id, 0)};
    auto work = [&services = call.services, guid = target->guid(), id = target->snapshot.id,
                 m = target->machine](JobContext& job) {
        const auto noted = export_import::forget_held(services, guid);
        auto done = go_back(services.hypervisor, call_of(job), guid, id);
        if (done)
            (void)export_import::forget_held(services, guid);  // its file systems are not frozen any more
        else if (nothing_came_of_it(services, m, done.error()))
            export_import::note_held_again(services, guid, noted);
        return done;
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
    task.type = job_type::modify_system;
    task.caption = "Clearing Saved State of Virtual Machine Snapshot";
    task.owning_service = service_class;
    auto target = snapshot_of(call, "SnapshotSettingData");
    if (!target) return refused(call, task, target.error());
    if (!vs::keeps_memory(target->snapshot))
        return refused(
            call, task,
            Error(Status::invalid_state, "wsvirt.snapshot.no_memory",
                  "The snapshot has no saved memory that could be cleared.", "SnapshotSettingData"));
    task.busy_key = target->guid();
    task.affected = {affected_snapshot(call, target->snapshot.id, 0)};
    auto changed = target->snapshot;
    changed.spec.attributes[vs::snapshot_memory_cleared] = "1";
    auto& hypervisor = call.services.hypervisor;
    auto work = [&hypervisor, guid = target->guid(), changed = std::move(changed)](JobContext& job) {
        return hypervisor.modify_snapshot(call_of(job), guid, changed);
    };
    return run(call, std::move(task), std::move(work), {}, std::move(target->held));
}

constexpr MethodEntry table[] = {{"ApplySnapshot", &apply_snapshot},
                                 {"ApplyVirtualSystemSnapshot", &apply_virtual_system_snapshot},
                                 {"ApplyVirtualSystemSnapshotEx", &apply_virtual_system_snapshot},
                                 {"ClearSnapshotState", &clear_state}};

}  // namespace

Result<void> go_back(backend::Hypervisor& hypervisor, const backend::Call& call, const std::string& guid,
                     const std::string& snapshot) {
    using Memory = backend::AfterRevert::Memory;
    const auto before = hypervisor.machine(guid);
    backend::AfterRevert then{Memory::dropped, vs::snapshot_applied,
                              std::to_string(DateTime::now().microseconds())};
    if (before)
        for (const auto& s : before->snapshots)
            if (iequals(s.id, snapshot) && vs::keeps_memory(s)) then.memory = Memory::saved;
    return hypervisor.revert(call, guid, snapshot, then);
}

Result<void> keep_last_applied(backend::Hypervisor& hypervisor, const backend::Call& call,
                               const std::string& guid) {
    auto whole = hypervisor.check_whole(call, guid);
    if (!whole && whole.error().message_id != "wsvirt.snapshot.just_applied") return whole;
    const auto now = hypervisor.machine(guid);
    const auto* applied = now ? vs::last_applied(*now) : nullptr;
    if (!applied || applied == vs::noted_applied(*now)) return {};
    for (const auto& s : now->snapshots) {
        if (&s != applied && !s.spec.attributes.contains(vs::snapshot_applied)) continue;
        auto changed = s;
        changed.spec.attributes.erase(vs::snapshot_applied);
        if (&s == applied)
            changed.spec.attributes[vs::snapshot_applied] = std::to_string(DateTime::now().microseconds());
        if (auto r = hypervisor.modify_snapshot(call, guid, changed); !r) return r;
    }
    return {};
}

MethodTable apply_methods() {
    return table;
}

}  // namespace wsvirt::cim::snapshot_service
