#include "cim/providers/snapshot_service/links.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/snapshot_service/target.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"

namespace wsvirt::cim::snapshot_service {

namespace {

// The configuration that an object path of settings means; device settings mean none.
std::optional<vs::Configuration> configuration_at(Services& services, const ObjectPath& settings) {
    const auto id = vs::parse_setting_id(settings.key_string("InstanceID"));
    if (!id || !id->device.empty()) return std::nullopt;
    auto found = vs::find_configuration(services, id->guid);
    if (found && found->is_planned()) return std::nullopt;
    return found;
}

bool is(Which which, const backend::Machine& m, const backend::SnapshotInfo& s) {
    return which == Which::all || (which == Which::current ? s.current : vs::last_applied(m) == &s);
}

}  // namespace

Paths machines_with_snapshots(Services& services) {
    Paths out;
    for (const auto& m : services.hypervisor.machines())
        if (!m->snapshots.empty()) out.push_back(vs::system_path("Msvm_ComputerSystem", m->spec.uuid));
    return out;
}

Paths snapshots_of(Services& services, const ObjectPath& machine, Which which) {
    Paths out;
    if (!iequals(machine.class_name(), "Msvm_ComputerSystem")) return out;
    if (const auto m = services.hypervisor.machine(vs::system_guid_of(machine)))
        for (const auto& s : m->snapshots)
            if (is(which, *m, s)) out.push_back(snapshot_path(s.id));
    return out;
}

Paths machine_of_snapshot(Services& services, const ObjectPath& settings, Which which) {
    const auto c = configuration_at(services, settings);
    if (!c || !c->snapshot || !is(which, *c->machine, *c->snapshot)) return {};
    return {vs::system_path("Msvm_ComputerSystem", c->system())};
}

Paths all_settings_with_children(Services& services) {
    Paths out;
    for (const auto& m : services.hypervisor.machines())
        for (const auto& s : m->snapshots) out.push_back(snapshot_path(s.id));
    return out;
}

Paths children_of(Services& services, const ObjectPath& settings) {
    Paths out;
    const auto c = configuration_at(services, settings);
    if (!c || !c->snapshot) return out;
    for (const auto& s : c->machine->snapshots)
        if (iequals(s.parent, c->snapshot->id)) out.push_back(snapshot_path(s.id));
    if (c->snapshot->current) out.push_back(snapshot_path(c->system()));
    return out;
}

Paths parent_of(Services& services, const ObjectPath& settings) {
    const auto c = configuration_at(services, settings);
    if (!c) return {};
    if (c->snapshot) return c->snapshot->parent.empty() ? Paths{} : Paths{snapshot_path(c->snapshot->parent)};
    for (const auto& s : c->machine->snapshots)
        if (s.current) return {snapshot_path(s.id)};
    return {};
}

}  // namespace wsvirt::cim::snapshot_service
