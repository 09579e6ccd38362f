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
    return vs::find_configuration(services, id->guid);
}

const std::vector<backend::SnapshotInfo>& beside(const vs::Configuration& c) {
    return c.machine ? c.machine->snapshots : c.planned->snapshots;
}

// Of a planned system it is not known which one was applied last.
bool is(Which which, const vs::Configuration& snapshot) {
    if (which == Which::all) return true;
    if (which == Which::current) return snapshot.snapshot->current;
    return snapshot.machine && vs::last_applied(*snapshot.machine) == snapshot.snapshot;
}

}  // namespace

Paths systems_with_snapshots(Services& services) {
    Paths out;
    for (const auto& m : services.hypervisor.machines())
        if (!m->snapshots.empty()) out.push_back(vs::system_path("Msvm_ComputerSystem", m->spec.uuid));
    for (const auto& p : vs::PlannedSystems(services).all())
        if (!p->snapshots.empty()) out.push_back(vs::system_path("Msvm_PlannedComputerSystem", p->spec.uuid));
    return out;
}

Paths snapshots_of(Services& services, const ObjectPath& system, Which which) {
    Paths out;
    for (const auto& c : vs::configurations_of(services, vs::system_guid_of(system)))
        if (c.snapshot && iequals(system.class_name(), c.system_class()) && is(which, c))
            out.push_back(snapshot_path(c.id()));
    return out;
}

Paths system_of_snapshot(Services& services, const ObjectPath& settings, Which which) {
    const auto c = configuration_at(services, settings);
    if (!c || !c->snapshot || !is(which, *c)) return {};
    return {vs::system_path(c->system_class(), c->system())};
}

Paths all_settings_with_children(Services& services) {
    Paths out;
    for (const auto& c : vs::configurations(services))
        if (c.snapshot) out.push_back(snapshot_path(c.id()));
    return out;
}

Paths children_of(Services& services, const ObjectPath& settings) {
    Paths out;
    const auto c = configuration_at(services, settings);
    if (!c || !c->snapshot) return out;
    for (const auto& s : beside(*c))
        if (iequals(s.parent, c->snapshot->id)) out.push_back(snapshot_path(s.id));
    if (c->snapshot->current) out.push_back(snapshot_path(c->system()));
    return out;
}

Paths parent_of(Services& services, const ObjectPath& settings) {
    const auto c = configuration_at(services, settings);
    if (!c) return {};
    if (c->snapshot) return c->snapshot->parent.empty() ? Paths{} : Paths{snapshot_path(c->snapshot->parent)};
    for (const auto& s : beside(*c))
        if (s.current) return {snapshot_path(s.id)};
    return {};
}

}  // namespace wsvirt::cim::snapshot_service
