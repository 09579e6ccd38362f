#include "cim/providers/migration_service/plan.hpp"

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/configuration_change.hpp"
#include "cim/providers/virtual_system/draft.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/serial_rules.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"
#include "cim/schema/mof.hpp"

namespace wsvirt::cim::migration_service {

using backend::MachineState;
using backend::MigrationRequest;

namespace {

Error incompatible(const char* what, std::string text, const char* parameter) {
    return Error(Status::invalid_parameter, std::string("wsvirt.migration.incompatible.") + what,
                 std::move(text), parameter);
}

Result<void> find_machine(const MethodCall& call, Plan& plan) {
    const auto guid = vs::system_guid_of(call.reference("ComputerSystem"));
    const auto host = guid.empty() ? std::nullopt : host_of_machine(call.services, guid);
    if (host) plan.machine = host->hypervisor->machine(guid);
    if (!plan.machine)
        return Error(Status::invalid_parameter, "wsvirt.migration.machine",
                     "ComputerSystem must refer to a virtual machine that exists.", "ComputerSystem");
    plan.source = *host;
    plan.spec = plan.machine->spec;
    return {};
}

Result<void> find_destination(std::optional<Result<HostEntry>> given, Plan& plan) {
    const auto type = plan.wishes.type;
    if (!given) {
        if (needs_host(type))
            return Error(Status::invalid_parameter, "wsvirt.migration.no_host",
                         "The call must say which host the virtual machine goes to.", "DestinationHost");
        plan.destination = plan.source;
        return {};
    }
    if (!*given) return given->error();
    plan.destination = **given;
    const bool same = plan.destination.hypervisor == plan.source.hypervisor;
    if (needs_host(type) && same)
        return incompatible("same_host",
                            "\"" + plan.spec.name + "\" is on the host \"" + plan.destination.name +
                                "\" already; to move only its disks use MigrationType 32769.",
                            "DestinationHost");
    if (!needs_host(type) && !same)
        return incompatible("storage_host",
                            "MigrationType 32769 moves disks on the machine's own host; to take the machine "
                            "along use 32771.",
                            "MigrationType");
    return {};
}

std::uint64_t made_at(const backend::MachineSpec& planned) {
    const auto it = planned.attributes.find(std::string(vs::planned_created));
    return it == planned.attributes.end() ? 0 : parse_uint(it->second).value_or(0);
}

// Clients may name what was staged by the machine's own identifier, as Hyper-V's planned systems have that:
// the newest for this host is meant.
std::shared_ptr<const vs::PlannedSystem> planned_of(Services& services, const Plan& plan) {
    const vs::PlannedSystems planned(services);
    std::shared_ptr<const vs::PlannedSystem> newest;
    const auto says = [](const vs::PlannedSystem& p, std::string_view what, const std::string& value) {
        const auto it = p.spec.attributes.find(std::string(what));
        return it != p.spec.attributes.end() && iequals(it->second, value);
    };
    if (iequals(plan.wishes.planned_system, plan.guid()))
        for (auto& p : planned.all())
            if (says(*p, staged_from, plan.guid()) && says(*p, staged_for, plan.destination.name) &&
                (!newest || made_at(p->spec) >= made_at(newest->spec)))
                newest = std::move(p);
    return newest ? newest : planned.find(plan.wishes.planned_system);
}

Error no_such_planned(const Plan& plan) {
    constexpr const char* parameter = "DestinationPlannedVirtualSystemId";
    const auto& id = plan.wishes.planned_system;
    std::string text = std::string(parameter) + ": there is no planned system " + id + ".";
    if (iequals(id, plan.guid()))
        text = std::string(parameter) + ": no planned system was made of \"" + plan.spec.name +
               "\" for the host \"" + plan.destination.name + "\"; do that first, with MigrationType 32770.";
    return Error(Status::invalid_parameter, "wsvirt.migration.planned", std::move(text), parameter);
}

// The planned system that the machine becomes over there; its devices are the machine's.
Result<void> take_planned(Services& services, Plan& plan) {
    if (plan.wishes.planned_system.empty()) return {};
    if (plan.wishes.type != MigrationType::machine)
        return incompatible("planned",
                            "DestinationPlannedVirtualSystemId goes with MigrationType 32768 only.",
                            "DestinationPlannedVirtualSystemId");
    const auto planned = planned_of(services, plan);
    if (!planned) return no_such_planned(plan);
    auto spec = planned->spec;
    plan.wishes.planned_system = spec.uuid;
    const auto staged = spec.attributes.find(std::string(staged_for));
    if (staged != spec.attributes.end() && !iequals(staged->second, plan.destination.name))
        return incompatible("planned_host",
                            "The planned system " + plan.wishes.planned_system + " was made for the host \"" +
                                staged->second + "\"; name that one, or stage the machine for this one.",
                            "DestinationPlannedVirtualSystemId");
    spec.uuid = plan.machine->spec.uuid;
    std::erase_if(spec.attributes, [](const auto& a) { return a.first.starts_with("Planned."); });
    plan.spec = std::move(spec);
    plan.request.new_spec = plan.spec;
    return {};
}

vs::Draft::State draft_state(const backend::Machine& m) {
    if (m.state == MachineState::saved || m.has_saved_state) return vs::Draft::State::saved;
    return m.state == MachineState::off ? vs::Draft::State::off : vs::Draft::State::running;
}

std::string host_resource(const Instance& i) {
    const auto& v = i.get("HostResource");
    const auto* a = v.as_array();
    if (a && a->size() > 1) return {};
    return a && !a->empty() ? a->front().string_or({}) : v.string_or({});
}

// As HostResource of a hard disk that means: where it goes is left to this service, as without a path.
bool is_one_empty_text(const Value& v) {
    const auto* a = v.as_array();
    const auto* text = a && a->size() == 1 ? a->front().as_string() : v.as_string();
    return text && trim(*text).empty();
}

// The path of a file with nothing left to resolve, as far as is seen from here: by it is told which machine
// has the file.
Result<std::string> normal_path(const std::string& path, const char* property) {
    if (auto r = vs::check_path(path, property); !r) return r.error();
    const auto normal = std::filesystem::path(path).lexically_normal();
    if (normal.filename().empty())
        return Error(Status::invalid_parameter, "wsvirt.disk.path", "\"" + path + "\" does not name a file.",
                     property);
    return normal.string();
}

// Whether it may lie there is said with the other problems.
Result<void> change_path(const Services& services, const Plan& plan, backend::Disk& disk,
                         const std::string& path) {
    if (path.empty() || path == disk.path) return {};
    const auto normal = normal_path(path, "HostResource");
    if (!normal) return normal.error();
    const bool made = copies_disks(plan.wishes.type) && disk.device == backend::DiskDevice::disk;
    const auto place = place_at(services, plan.destination, *normal, made);
    disk.path = place ? *place : *normal;
    return {};
}

// A port of a machine that is off. What it leads to on a host whose files are not seen from here is told by
// its name; \\.\pipe names are this service's own.
Result<bool> change_port(const Services& services, const Plan& plan, Services& there, vs::Draft& draft,
                         const vs::Element& e, const Value& connection) {
    constexpr std::string_view file = "file://";
    constexpr const char* property = "Connection";
    const bool several = connection.as_array() && connection.as_array()->size() > 1;
    auto path = vs::first_of(connection);
    if (sees_files(services, plan.destination) || draft.state() != vs::Draft::State::off || several ||
        path.empty() || path.starts_with('\\'))
        return false;
    const bool log = istarts_with(path, file);
    if (log) path.erase(0, file.size());
    const auto normal = normal_path(path, property);
    if (!normal) return normal.error();
    auto place = place_at(services, plan.destination, *normal, true);
    if (!place) {
        Error why = place.error();
        why.subject = property;
        if (why.status == Status::access_denied)
            why.text = "\"" + path + "\" lies outside the storage folders of \"" + plan.destination.name +
                       "\"; choose another Connection for the serial port.";
        return why;
    }
    vs::keep_in(draft.spec(), e).map->erase(property);
    for (auto& port : draft.spec().serial_ports) {
        if (port.port != e.index) continue;
        port.kind = log ? backend::SerialPort::Kind::file : backend::SerialPort::Kind::pipe_server;
        port.path = *place;
        if (auto r = vs::check_serial_target_there(there, plan.machine->spec, port); !r)
            return of_a_look(r.error());
    }
    return true;
}

// One entry of NewResourceSettingData. What is in a drive is told by its path at the destination, which this
// process may not see; everything else goes the way of ModifyResourceSettings.
Result<void> change_resource(const Services& services, Services& there, vs::Draft& draft, const Plan& plan,
                             const Instance& wanted) {
    const auto id = vs::parse_setting_id(wanted.string("InstanceID"));
    const bool ours = id && (iequals(id->guid, plan.guid()) || iequals(id->guid, plan.wishes.planned_system));
    const auto e = ours && !id->device.empty() ? vs::find_element(draft.spec(), id->device) : std::nullopt;
    if (!e)
        return Error(Status::invalid_parameter, "wsvirt.migration.resource",
                     "NewResourceSettingData must hold settings of the machine's own devices, with their "
                     "InstanceID.",
                     "InstanceID");
    Instance rest = wanted;
    rest.set("InstanceID", Value(vs::setting_id(draft.id(), id->device)));
    if (vs::is_medium(e->kind)) {
        const auto path = host_resource(wanted);
        const auto& given = wanted.get("HostResource");
        const bool chosen_here = e->kind == vs::Kind::hard_disk && is_one_empty_text(given);
        if (!given.is_null() && path.empty() && !chosen_here)
            return Error(Status::invalid_parameter, "wsvirt.migration.medium",
                         "HostResource must hold the one path that the disk has at the destination.",
                         "HostResource");
        if (auto r = change_path(services, plan, draft.spec().disks[e->index], path); !r) return r.error();
        rest.clear("HostResource");
    }
    if (e->kind == vs::Kind::serial_port) {
        const auto changed = change_port(services, plan, there, draft, *e, wanted.get("Connection"));
        if (!changed) return changed.error();
        if (*changed) rest.clear("Connection");
    }
    return draft.modify(rest);
}

// Whether more is to be different than what is in the drives.
bool says_more(backend::MachineSpec before, const backend::MachineSpec& after) {
    if (before.disks.size() != after.disks.size()) return true;
    for (std::size_t n = 0; n < after.disks.size(); ++n) before.disks[n].path = after.disks[n].path;
    return before != after;
}

Result<void> apply_settings(const MethodCall& call, Plan& plan) {
    const auto* system = call.instance("NewSystemSettingData");
    const auto resources = call.instances("NewResourceSettingData");
    for (const char* parameter : {"NewSystemSettingData", "NewResourceSettingData"})
        if (const auto& v = call.in.get(parameter); !call.instance(parameter) &&
                                                    call.instances(parameter).empty() && !v.is_array() &&
                                                    !trim(v.string_or({})).empty())
            return Error(Status::type_mismatch, "wsvirt.migration.settings",
                         std::string(parameter) + " must hold settings as embedded instances.", parameter);
    if (!system && resources.empty()) return {};
    auto there = services_at(call.services, plan.destination);
    vs::Draft draft(there, call.request.ns, plan.spec, plan.guid(), draft_state(*plan.machine));
    if (system) {
        if (auto r = draft.change_system(*system); !r) return r;
        plan.extra["NewSystemSettingData"] = instance_to_mof(*system);
    }
    for (std::size_t n = 0; n < resources.size(); ++n) {
        if (auto r = change_resource(call.services, there, draft, plan, *resources[n]); !r)
            return vs::in_element(r.error(), "NewResourceSettingData", n, resources.size());
        if (resources[n]->cls().is_a("Msvm_StorageAllocationSettingData"))
            plan.extra["NewResourceSettingData"] += instance_to_mof(*resources[n]);
    }
    if (!iequals(draft.spec().uuid, plan.guid()))
        return incompatible("identifier", "A machine keeps its identifier when it moves.",
                            "NewSystemSettingData");
    const bool changed = says_more(plan.spec, draft.spec());
    if (changed) {
        if (auto r = draft.finish(); !r) return r;
        // Disks that have moved alone by then would stay where they are.
        if (auto text = call.services.hypervisor.spec_to_text(draft.spec()); !text) return text.error();
    }
    plan.spec = std::move(draft.spec());
    if (plan.stays()) {
        plan.new_settings = changed;
        if (changed) plan.extra[settings_extra] = "1";
    } else if (changed || plan.request.new_spec)  // a planned system's: with the paths that are given now
        plan.request.new_spec = plan.spec;
    return {};
}

// Of those that the client gives, the first that is not known to be another host's alone.
Result<std::string> given_address(const MethodCall& call, const Plan& plan,
                                  const std::vector<MigrationNetwork>& nets) {
    auto given = plan.wishes.addresses;
    std::erase_if(given, [&](const std::string& a) { return !allowed(nets, a); });
    if (given.empty())
        return incompatible("network",
                            "None of the addresses in DestinationIPAddressList lies in a network that "
                            "migrations may use.",
                            "DestinationIPAddressList");
    const auto has = [](const std::vector<std::string>& all, const std::string& a) {
        return std::find(all.begin(), all.end(), a) != all.end();
    };
    const auto own = addresses_of(call.services, plan.destination);
    if (has(own, given.front())) return given.front();
    for (const auto& h : hosts_of(call.services)) {
        if (h.hypervisor == plan.destination.hypervisor) continue;
        const auto others = addresses_of(call.services, h);
        std::erase_if(given, [&](const std::string& a) { return has(others, a) && !has(own, a); });
    }
    if (!given.empty()) return given.front();
    return incompatible(
        "address",
        "The addresses in DestinationIPAddressList are those of other hosts; give addresses of "
        "\"" +
            plan.destination.name + "\", as its migration service in root/HyperVCluster/v2 lists them.",
        "DestinationIPAddressList");
}

// The address that the machine's memory goes to.
Result<std::string> data_address(const MethodCall& call, const Plan& plan) {
    const auto nets = networks(call.services);
    if (!plan.wishes.addresses.empty()) return given_address(call, plan, nets);
    const auto& d = plan.destination;
    if (!nets.empty()) {
        const auto all = addresses_of(call.services, d);
        for (const auto& n : nets)
            for (const auto& a : all)
                if (in_subnet(a, n.subnet, n.prefix_length)) return a;
        return incompatible(
            "network", "The host \"" + d.name + "\" has no address in a network that migrations may use.",
            "DestinationHost");
    }
    if (!d.migration_data_address.empty()) return d.migration_data_address;
    const auto host = host_in_uri(d.migration_uri);
    return host.empty() ? host_in_uri(d.uri) : host;
}

void fill_request(Plan& plan) {
    auto& r = plan.request;
    const auto& w = plan.wishes;
    r.machine = plan.guid();
    r.destination = plan.destination.name;
    r.destination_uri = plan.destination.uri;
    r.kind = w.type == MigrationType::both      ? MigrationRequest::Kind::machine_and_storage
             : w.type == MigrationType::storage ? MigrationRequest::Kind::storage
                                                : MigrationRequest::Kind::machine;
    r.tls = w.tls;
    r.compress = w.compression;
    r.bandwidth_mib_s = w.bandwidth_mib_s;
    if (w.cancel_on_blackout) r.max_downtime = std::chrono::milliseconds(300);
    for (const auto& was : plan.machine->spec.disks)
        for (const auto& now : plan.spec.disks)
            if (iequals(was.id, now.id) && !was.path.empty() && was.path != now.path) {
                if (is_copied(was))
                    r.disk_targets[was.path] = now.path;
                else
                    r.drive_targets[was.id] = now.path;
            }
    plan.extra["MigrationType"] = std::to_string(static_cast<unsigned>(w.type));
    plan.extra["VirtualSystemName"] = plan.machine->spec.name;
    plan.extra["DestinationHost"] = plan.destination.name;
    plan.extra[source_extra] = plan.source.name;
    if (!w.planned_system.empty()) plan.extra[planned_extra] = w.planned_system;
    const auto state = plan.machine->state;
    plan.extra[running_extra] = state == MachineState::running  ? "1"
                                : state == MachineState::paused ? stood_still
                                                                : "0";
    const auto copied = [&](const std::string& from, const std::string& to) {
        plan.extra[copies_extra] += to + '\n';
        if (!w.keep_source_disks) plan.extra[originals_extra] += from + '\n';
    };
    if (w.type != MigrationType::storage && w.type != MigrationType::both) return;
    for (const auto& was : plan.machine->spec.disks)
        for (const auto& now : plan.spec.disks)
            if (iequals(was.id, now.id) && is_copied(was) && !now.path.empty() &&
                (w.type == MigrationType::both || was.path != now.path))
                copied(was.path, now.path);
}

std::vector<std::string> files_in(const std::map<std::string, std::string>& extra, const char* name) {
    const auto it = extra.find(name);
    auto files = it == extra.end() ? std::vector<std::string>() : split(it->second, '\n');
    std::erase(files, std::string());
    return files;
}

bool moves_other_media(const Plan& plan) {
    const auto& all = plan.machine->spec.disks;
    return std::any_of(all.begin(), all.end(), [&](const backend::Disk& d) {
        return d.device != backend::DiskDevice::disk && plan.renames(d);
    });
}

}  // namespace

const char* not_copied(const backend::Disk& d) {
    if (d.shareable) return "is shared with other machines";
    if (d.read_only) return "can only be read";
    if (d.path.starts_with("/dev/")) return "is no file";
    if (vs::has_control_characters(d.path)) return "has a control character in its name";
    return nullptr;
}

bool is_copied(const backend::Disk& d) {
    return d.device == backend::DiskDevice::disk && !d.path.empty() && !not_copied(d);
}

std::vector<std::string> Plan::files_made() const {
    return files_in(extra, copies_extra);
}

std::vector<std::string> Plan::files_removed() const {
    return files_in(extra, originals_extra);
}

bool is_incompatible(const Error& e) {
    return e.message_id.starts_with("wsvirt.migration.incompatible");
}

Error of_a_look(Error e) {
    if (e.status == Status::timed_out) e.status = Status::unavailable;
    return e;
}

std::optional<Result<HostEntry>> destination_host(const MethodCall& call) {
    const auto name = call.in.get("DestinationHost").string_or({});
    if (trim(name).empty()) return std::nullopt;
    return find_host(call.services, name, "DestinationHost");
}

std::optional<Result<HostEntry>> destination_system(const MethodCall& call) {
    if (call.in.get("DestinationSystem").is_null()) return std::nullopt;
    return find_host(call.services, call.reference("DestinationSystem"), "DestinationSystem");
}

Result<Plan> plan_of(const MethodCall& call, std::optional<Result<HostEntry>> destination) {
    Plan plan;
    auto wishes = wishes_of(call);
    if (!wishes) return wishes.error();
    plan.wishes = std::move(*wishes);
    if (auto r = find_machine(call, plan); !r) return r.error();
    if (auto r = find_destination(std::move(destination), plan); !r) return r.error();
    if (auto r = take_planned(call.services, plan); !r) return r.error();
    if (auto r = apply_settings(call, plan); !r) return r.error();
    if (plan.spec.secure_boot != plan.machine->spec.secure_boot)  // the machine's UEFI variables go along
        return incompatible("secure_boot",
                            "Secure boot is not switched on or off by a migration; change SecureBootEnabled "
                            "before the machine moves, or when it has arrived.",
                            "SecureBootEnabled");
    if (needs_host(plan.wishes.type)) {
        auto address = data_address(call, plan);
        if (!address) return address.error();
        plan.request.migrate_uri = data_uri(*address);
    }
    fill_request(plan);
    const bool nothing = plan.request.disk_targets.empty() && plan.request.drive_targets.empty();
    if (plan.wishes.type == MigrationType::storage && nothing)
        return incompatible("nothing",
                            "Nothing would move: NewResourceSettingData must hold the disks that move, each "
                            "with its new path in HostResource.",
                            "NewResourceSettingData");
    if (plan.wishes.type == MigrationType::storage && moves_other_media(plan))
        return incompatible(
            "medium",
            "MigrationType 32769 moves disks; what is in a DVD or floppy drive is changed with "
            "ModifyResourceSettings.",
            "NewResourceSettingData");
    return plan;
}

}  // namespace wsvirt::cim::migration_service
