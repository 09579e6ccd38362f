// CreateSnapshot and, in version 1, CreateVirtualSystemSnapshot.
#include <algorithm>
#include <array>
#include <ctime>

#include "base/text.hpp"
#include "cim/providers/snapshot_service/methods.hpp"
#include "cim/providers/snapshot_service/target.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"

namespace wsvirt::cim::snapshot_service {

namespace {

constexpr std::uint16_t full = vs::full_snapshot, disk_only = vs::disk_snapshot,
                        recovery = vs::recovery_snapshot;
constexpr std::uint32_t invalid_type = 6;

// UserSnapshotType of the machine: how a full snapshot of a running machine is taken.
enum class Policy : std::uint8_t {
    disabled = 2,
    production_or_standard = 3,
    production_only = 4,
    standard = 5
};

Policy policy_of(const backend::MachineSpec& spec) {
    const auto it = spec.attributes.find(std::string(vs::system_prefix) + "UserSnapshotType");
    const auto n = it == spec.attributes.end() ? std::nullopt : parse_uint(it->second);
    return n && *n >= 2 && *n <= 5 ? static_cast<Policy>(*n) : Policy::production_or_standard;
}

// "<machine> - (11/21/2026 - 10:51:12 AM)", as clients know it.
std::string default_name(const std::string& machine) {
    const auto now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), " - (%m/%d/%Y - %I:%M:%S %p)", &local);
    return machine + text.data();
}

struct Wish {
    std::uint16_t type = full;
    // From SnapshotSettings.
    bool application_consistent = false, leave_out_disks = false;
};

Result<Wish> wish_of(const MethodCall& call) {
    Wish w;
    w.type = static_cast<std::uint16_t>(call.in.get("SnapshotType").uint_or(full));
    const auto* settings = call.instance("SnapshotSettings");
    if (!settings) return w;
    if (!settings->cls().is_a("Msvm_VirtualSystemSnapshotSettingData"))
        return Error(Status::invalid_parameter, "wsvirt.snapshot.settings",
                     "SnapshotSettings must hold a Msvm_VirtualSystemSnapshotSettingData, not a " +
                         settings->cls().name() + ".",
                     "SnapshotSettings");
    const auto level = settings->uint("ConsistencyLevel");
    if (level > 2)
        return Error(Status::invalid_parameter, "wsvirt.snapshot.consistency",
                     "ConsistencyLevel must be 0, 1 (application consistent) or 2 (crash consistent).",
                     "ConsistencyLevel");
    if (settings->uint("GuestBackupType") > 2)
        return Error(Status::invalid_parameter, "wsvirt.snapshot.backup_type",
                     "GuestBackupType must be 0, 1 (full) or 2 (copy).", "GuestBackupType");
    w.application_consistent = level == 1;
    w.leave_out_disks = settings->get("IgnoreNonSnapshottableDisks").bool_or(false);
    return w;
}

// A disk that several machines write to cannot be frozen for one of them.
Result<void> check_disks(const backend::MachineSpec& spec) {
    for (const auto& d : spec.disks)
        if (d.device == backend::DiskDevice::disk && d.shareable && !d.path.empty())
            return Error(Status::invalid_state, "wsvirt.snapshot.shared_disk",
                         "The disk \"" + d.path +
                             "\" is shared with other machines and cannot be part of a snapshot; set "
                             "IgnoreNonSnapshottableDisks to leave it out.",
                         d.path);
    return {};
}

Result<void> check_machine(const backend::Machine& m, Policy policy, const Wish& wish) {
    using backend::MachineState;
    if (!wish.leave_out_disks)
        if (auto r = check_disks(m.spec); !r) return r;
    if (policy == Policy::disabled)
        return Error(Status::invalid_state, "wsvirt.snapshot.disabled",
                     "Snapshots of \"" + m.spec.name +
                         "\" are switched off; set its UserSnapshotType to 3, 4 or 5 first.",
                     "UserSnapshotType");
    const bool only_production = policy == Policy::production_only;
    const bool stopped = m.state == MachineState::paused || m.state == MachineState::saved;
    if (stopped && (wish.application_consistent || only_production))
        return Error(Status::invalid_state, "wsvirt.snapshot.stopped",
                     "The guest of \"" + m.spec.name +
                         "\" cannot be prepared while it does not run; start it first, or " +
                         (wish.application_consistent ? "leave ConsistencyLevel out" : "") +
                         (wish.application_consistent && only_production ? " and " : "") +
                         (only_production ? "set its UserSnapshotType to 5 (standard snapshots)." : "."),
                     "AffectedSystem");
    switch (m.state) {
        case MachineState::off:
        case MachineState::running:
        case MachineState::paused:
        case MachineState::saved:
            return {};
        default:
            return Error(Status::invalid_state, "wsvirt.snapshot.state",
                         "\"" + m.spec.name + "\" is changing its state; wait until it is off or running.",
                         "AffectedSystem");
    }
}

// Tries what the policy prefers; where it allows, a standard snapshot takes the place of a production one
// that the guest cannot give.
Result<void> take(backend::Hypervisor& hypervisor, backend::SnapshotRequest request, bool may_fall_back,
                  JobContext& job) {
    const bool full_one = request.attributes.at(vs::snapshot_type) == std::to_string(full);
    const auto call = call_of(job);
    if (auto r = keep_last_applied(hypervisor, call, request.machine); !r) return r;
    auto made = hypervisor.snapshot(call, request);
    if (!made && request.quiesce && may_fall_back && made.error().status != Status::cancelled) {
        JobError note;
        note.code = 32768;
        note.message_id = "wsvirt.snapshot.fallback";
        note.message =
            "The guest could not be prepared for a production snapshot, so a standard one was taken: " +
            made.error().full_text();
        request.quiesce = false;
        request.memory = full_one;
        made = hypervisor.snapshot(call, request);
        if (made) job.warn(note);
    }
    return made ? Result<void>{} : Result<void>(made.error());
}

Result<MethodResult> create(const MethodCall& call, std::string_view system, std::string_view result) {
    Task task;
    task.type = job_type::take_snapshot;
    task.caption = "Creating Virtual Machine Snapshot";
    task.owning_service = call.cls->name();
    task.always_a_job = true;
    const auto wish = wish_of(call);
    if (!wish) return refused(call, task, wish.error());
    if (wish->type != full && wish->type != disk_only && wish->type != recovery) {
        auto r = refused(call, task,
                         Error(Status::invalid_parameter, "wsvirt.snapshot.type",
                               "SnapshotType must be 2 (full), 3 (disks only) or 32768 (recovery), not " +
                                   std::to_string(wish->type) + ".",
                               "SnapshotType"));
        if (r) r->return_value = Value(invalid_type);
        return r;
    }
    auto target = machine_of(call, system);
    if (!target) return refused(call, task, target.error());
    const auto policy = policy_of(target->machine->spec);
    if (auto r = check_machine(*target->machine, policy, *wish); !r) return refused(call, task, r.error());

    const bool running = target->machine->state == backend::MachineState::running;
    const bool production =
        policy != Policy::standard && wish->type == full && target->machine->agent_connected;
    backend::SnapshotRequest request;
    request.machine = target->guid();
    request.id = make_guid();
    request.name = default_name(target->machine->spec.name);
    request.quiesce = running && (wish->application_consistent || wish->type == recovery || production ||
                                  policy == Policy::production_only);
    request.memory = wish->type == full && !request.quiesce;
    request.attributes[vs::snapshot_type] = std::to_string(wish->type);
    const bool may_fall_back = !wish->application_consistent && policy != Policy::production_only;

    task.busy_key = target->guid();
    task.cancellable = true;
    task.affected = {affected_machine(call, target->guid()), affected_snapshot(call, request.id, 5)};
    Arguments results;
    results.set(std::string(result), Value(snapshot_path(request.id)));
    auto& hypervisor = call.services.hypervisor;
    auto work = [&hypervisor, request = std::move(request), may_fall_back](JobContext& job) -> Result<void> {
        return take(hypervisor, request, may_fall_back, job);
    };
    return run(call, std::move(task), std::move(work), std::move(results), std::move(target->held));
}

Result<MethodResult> create_snapshot(const MethodCall& call) {
    return create(call, "AffectedSystem", "ResultingSnapshot");
}

Result<MethodResult> create_virtual_system_snapshot(const MethodCall& call) {
    return create(call, "SourceSystem", "SnapshotSettingData");
}

constexpr MethodEntry table[] = {{"CreateSnapshot", &create_snapshot},
                                 {"CreateVirtualSystemSnapshot", &create_virtual_system_snapshot}};

}  // namespace

MethodTable create_methods() {
    return table;
}

}  // namespace wsvirt::cim::snapshot_service
