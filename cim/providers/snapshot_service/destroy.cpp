// DestroySnapshot, DestroySnapshotTree and, in version 1, RemoveVirtualSystemSnapshot(Tree).
#include <map>
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

// When the last applied one goes, none is, also where the tree alone would let the one look like it that the
// machine stands on then. That holds on when the one goes that says so.
Result<void> note_applied_goes(backend::Hypervisor& hypervisor, const backend::Call& call,
                               const std::string& guid, const std::set<std::string>& gone) {
    const auto now = hypervisor.machine(guid);
    const auto* applied = now ? vs::last_applied(*now) : nullptr;
    if (!now || (applied && !gone.contains(applied->id))) return {};
    std::map<std::string, const backend::SnapshotInfo*> by_id;
    const backend::SnapshotInfo* current = nullptr;
    for (const auto& s : now->snapshots) {
        by_id[s.id] = &s;
        if (s.current) current = &s;
    }
    const auto* stands_on = current;
    while (stands_on && gone.contains(stands_on->id)) stands_on = by_id[stands_on->parent];
    if (!stands_on || (!applied && stands_on == current)) return {};
    auto changed = *stands_on;
    changed.spec.attributes[vs::snapshot_applied] = std::to_string(-DateTime::now().microseconds());
    return hypervisor.modify_snapshot(call, guid, changed);
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
    const auto gone = doomed(*target->machine, target->snapshot.id, tree);
    for (const auto& id : gone) task.affected.push_back(affected_snapshot(call, id, 0));
    auto& hypervisor = call.services.hypervisor;
    // Whatever cuts the deletion off, what has been noted by then is right.
    auto work = [&hypervisor, guid = target->guid(), id = target->snapshot.id, tree,
                 gone](JobContext& job) -> Result<void> {
        const auto c = call_of(job);
        if (auto r = keep_last_applied(hypervisor, c, guid); !r) return r;
        if (auto r = note_applied_goes(hypervisor, c, guid, gone); !r) return r;
        return hypervisor.delete_snapshot(c, guid, id, tree);
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
