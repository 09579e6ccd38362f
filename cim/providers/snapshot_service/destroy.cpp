// DestroySnapshot, DestroySnapshotTree and, in version 1, RemoveVirtualSystemSnapshot(Tree).
#include <set>

#include "base/text.hpp"
#include "cim/providers/snapshot_service/methods.hpp"
#include "cim/providers/snapshot_service/target.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"

namespace wsvirt::cim::snapshot_service {

namespace {

// The snapshot and, for a tree, everything that was taken on top of it.
std::set<std::string> doomed(const backend::Machine& m, const std::string& id, bool tree) {
    std::set<std::string> gone{id};
    for (bool more = tree; more;) {
        more = false;
        for (const auto& s : m.snapshots)
            if (gone.contains(s.parent)) more |= gone.insert(s.id).second;
    }
    return gone;
}

// Then none is the last applied one, also where the tree alone would let one look like it.
Result<void> note_applied_gone(backend::Hypervisor& hypervisor, const backend::Call& call,
                               const std::string& guid) {
    if (const auto now = hypervisor.machine(guid))
        for (auto s : now->snapshots) {
            if (!s.current) continue;
            s.spec.attributes[vs::snapshot_applied] = "0";
            return hypervisor.modify_snapshot(call, guid, s);
        }
    return {};
}

Result<MethodResult> destroy(const MethodCall& call, std::string_view parameter, bool tree) {
    Task task;
    task.type = job_type::delete_snapshot;
    task.caption = tree ? "Deleting Virtual Machine Snapshot Tree" : "Deleting Virtual Machine Snapshot";
    task.owning_service = call.cls->name();
    task.always_a_job = true;
    auto target = snapshot_of(call, parameter);
    if (!target) return refused(call, task, target.error());
    task.busy_key = target->guid();
    task.affected = {affected_machine(call, target->guid())};
    for (const auto& id : doomed(*target->machine, target->snapshot.id, tree))
        task.affected.push_back(affected_snapshot(call, id, 0));
    auto& hypervisor = call.services.hypervisor;
    const auto* applied = vs::last_applied(*target->machine);
    const bool last_applied_goes =
        applied && doomed(*target->machine, target->snapshot.id, tree).contains(applied->id);
    auto work = [&hypervisor, guid = target->guid(), id = target->snapshot.id, tree,
                 last_applied_goes](JobContext& job) -> Result<void> {
        const auto c = call_of(job);
        if (auto r = hypervisor.delete_snapshot(c, guid, id, tree); !r) return r;
        return last_applied_goes ? note_applied_gone(hypervisor, c, guid) : Result<void>();
    };
    return run(call, std::move(task), std::move(work), {}, std::move(target->held));
}

Result<MethodResult> destroy_snapshot(const MethodCall& call) {
    return destroy(call, "AffectedSnapshot", false);
}
Result<MethodResult> destroy_snapshot_tree(const MethodCall& call) {
    return destroy(call, "SnapshotSettingData", true);
}
Result<MethodResult> remove_virtual_system_snapshot(const MethodCall& call) {
    return destroy(call, "SnapshotSettingData", false);
}

constexpr MethodEntry table[] = {{"DestroySnapshot", &destroy_snapshot},
                                 {"DestroySnapshotTree", &destroy_snapshot_tree},
                                 {"RemoveVirtualSystemSnapshot", &remove_virtual_system_snapshot},
                                 {"RemoveVirtualSystemSnapshotTree", &destroy_snapshot_tree}};

}  // namespace

MethodTable delete_methods() {
    return table;
}

}  // namespace wsvirt::cim::snapshot_service
