#include "cim/providers/virtual_system/draft.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cim/providers/virtual_system/element_writer.hpp"
#include "cim/providers/virtual_system/kept.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "cim/providers/virtual_system/serial_rules.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::vs {

namespace {

// Properties that say what a resource is, or what only this host can know.
constexpr std::array<std::string_view, 26> fixed{"ResourceType",
                                                 "ResourceSubType",
                                                 "OtherResourceType",
                                                 "AllocationUnits",
                                                 "VirtualQuantityUnits",
                                                 "ConsumerVisibility",
                                                 "IsVirtualized",
                                                 "SwapFilesInUse",
                                                 "HostExtentName",
                                                 "HostExtentNameFormat",
                                                 "HostExtentNameNamespace",
                                                 "OtherHostExtentNameFormat",
                                                 "OtherHostExtentNameNamespace",
                                                 "HostExtentStartingAddress",
                                                 "HostResourceBlockSize",
                                                 "VirtualResourceBlockSize",
                                                 "Access",
                                                 "IOPSAllocationUnits",
                                                 "Parent",
                                                 "AddressOnParent",
                                                 "SnapshotId",
                                                 "StorageQoSPolicyID",
                                                 "HugePagesEnabled",
                                                 "SgxEnabled",
                                                 "SgxSize",
                                                 "TargetVtl"};

bool is_fixed(std::string_view name) {
    return std::any_of(fixed.begin(), fixed.end(), [&](auto f) { return iequals(f, name); });
}

bool has_quantity(Kind k) {
    return k == Kind::processor || k == Kind::memory;
}

// The order in which what is given together takes effect. Static memory drags its limits along with its
// size, so it becomes static before all else and dynamic after all else.
int rank(std::string_view property, const Value& v) {
    if (iequals(property, "DynamicMemoryEnabled")) return v.bool_or(false) ? 2 : 0;
    return 1;
}

// The property that tells devices of a kind apart that every system has.
const char* number_of(Kind k) {
    return k == Kind::ide_controller ? "Address" : "ElementName";
}

Error unknown_element(const std::string& id) {
    return Error(Status::not_found, "wsvirt.resource.missing",
                 "There is no resource \"" + id + "\" in this virtual system.", "InstanceID");
}

}  // namespace

Error refuse(std::string id, const std::string& property, std::string text) {
    return Error(Status::invalid_parameter, std::move(id), std::move(text), property);
}

Error no_secure_boot() {
    return Error(Status::not_supported, "wsvirt.secure_boot.host",
                 "This host has no firmware with secure boot; set SecureBootEnabled to false.",
                 "SecureBootEnabled");
}

Error one_resource() {
    return refuse("wsvirt.resource.host_resource", "HostResource", "HostResource takes one entry.");
}

std::string first_of(const Value& v) {
    if (const auto* s = v.as_string()) return *s;
    const auto* a = v.as_array();
    return a && !a->empty() ? (*a)[0].string_or({}) : std::string();
}

bool several(const Value& v) {
    return v.as_array() && v.as_array()->size() > 1;
}

Error read_only(const std::string& property) {
    return Error(Status::invalid_parameter, "wsvirt.property.fixed",
                 property + " cannot be set to this value; leave it out or send it as it was read.",
                 property);
}

Error named(Error e) {
    const bool property = !e.subject.empty() && std::all_of(e.subject.begin(), e.subject.end(), [](char c) {
        return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9');
    });
    if (property && to_lower(e.text).find(to_lower(e.subject)) == std::string::npos)
        e.text = e.subject + ": " + e.text;
    return e;
}

Result<Draft> Draft::of(Services& services, const Namespace& ns, const Configuration& c) {
    if (c.snapshot)
        return Error(
            Status::invalid_state, "wsvirt.snapshot.settings_fixed",
            "The devices of a snapshot cannot be changed; apply the snapshot and change the machine.");
    if (c.is_planned()) return Draft(services, ns, c.spec(), c.id(), State::planned);
    State state = State::running;
    if (c.machine->state == backend::MachineState::off) state = State::off;
    if (c.machine->state == backend::MachineState::saved || c.machine->has_saved_state) state = State::saved;
    return Draft(services, ns, c.spec(), c.id(), state);
}

Result<void> Draft::need_off(const std::string& what) const {
    if (state_ == State::running)
        return Error(Status::invalid_state, "wsvirt.machine.running",
                     what + " can be changed only while the virtual machine is off.", what);
    return need_not_saved(what);
}

bool Draft::brings_memory() const {
    return state_ == State::planned && spec_.attributes.contains(std::string(planned_saved));
}

Result<void> Draft::need_not_saved(const std::string& what) const {
    if (brings_memory())
        return Error(Status::invalid_state, "wsvirt.planned.memory",
                     what +
                         " cannot be changed while the planned system has saved memory; discard its saved "
                         "state (RequestedState 3) first, or export it without memory.",
                     what);
    return need_not_fitted(what);
}

Result<void> Draft::need_in_memory(const Element& e, const std::string& what) const {
    const bool has =
        !brings_memory() || spec_.attributes.contains(std::string(planned_emptied) + device_data(spec_, e));
    return has ? Result<void>() : need_not_saved(what);
}

void Draft::note_emptied(const Element& e) {
    if (brings_memory()) spec_.attributes[std::string(planned_emptied) + device_data(spec_, e)] = "1";
}

Result<void> Draft::need_not_fitted(const std::string& what) const {
    if (state_ == State::saved)
        return Error(Status::invalid_state, "wsvirt.machine.saved",
                     what +
                         " cannot be changed while the machine has saved memory; start it or discard its "
                         "saved state (RequestedState 3) first.",
                     what);
    return {};
}

ObjectPath Draft::path_of(const std::string& instance_id) const {
    const auto id = parse_setting_id(instance_id);
    const auto e = id ? find_element(spec_, id->device) : std::nullopt;
    return setting_path(e ? info(e->kind).class_name : "Msvm_ResourceAllocationSettingData", instance_id);
}

Result<void> Draft::keep(const KeepIn& where, const Property& p, const Value& v) {
    if (auto r = check_value_map(p, v); !r) return r;
    if (p.type == Type::reference || p.type == Type::instance) return read_only(p.name);
    where.map->insert_or_assign(std::string(where.prefix) + p.name, keep_text(p, v));
    return {};
}

Result<void> Draft::apply(const Instance& wanted, const Element& e, const Properties& skip) {
    const auto& given = wanted.cls().properties();
    std::vector<std::size_t> order;
    for (std::size_t slot = 0; slot < wanted.size(); ++slot) {
        const auto& name = given[slot]->name;
        if (!wanted.given(slot) || wanted.at(slot).is_null()) continue;
        if (!iequals(name, "InstanceID") && !skip.contains(name)) order.push_back(slot);
    }
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        return rank(given[a]->name, wanted.at(a)) < rank(given[b]->name, wanted.at(b));
    });
    Instance current = write_element(services_, ns_, spec_, id_, e);
    for (const auto slot : order) {
        const auto& name = given[slot]->name;
        const auto& value = wanted.at(slot);
        const auto* mine = current.cls().property(name);
        if (!mine)
            return refuse("wsvirt.property.not_here", name,
                          std::string(info(e.kind).caption) + " settings have no property " + name + ".");
        if (same_value(current.get(name), value)) continue;
        auto done = set(e, *mine, value);
        if (!done) return named(done.error());
        // Anything kept makes the diskette drive's entry, and that means that QEMU has the drive.
        if (!*done && e.kind == Kind::diskette_drive && e.index == spec_.disks.size())
            if (auto r = need_off(mine->name); !r) return r;
        if (!*done)
            if (auto r = keep(keep_in(spec_, e), *mine, value); !r) return r;
        // One property may change what another reads, and "as it was" means as it is by now.
        current = write_element(services_, ns_, spec_, id_, e);
    }
    return {};
}

Result<bool> Draft::set(const Element& e, const Property& p, const Value& v) {
    if (iequals(p.name, "PoolID")) {
        const auto pool = v.string_or({});
        if (pool.empty() || iends_with(pool, "\\Root")) return true;
        return refuse("wsvirt.pool.missing", p.name, "There is no resource pool \"" + pool + "\".");
    }
    if (!has_quantity(e.kind) &&
        (iequals(p.name, "VirtualQuantity") || iequals(p.name, "Limit") || iequals(p.name, "Reservation"))) {
        // One device is one device; 0 is how some clients write "not said".
        if (v.uint_or(0) <= 1) return true;
        if (is_medium(e.kind)) return false;
        return read_only(p.name);
    }
    if (is_fixed(p.name)) {
        if (v.as_string() && v.as_string()->empty()) return true;
        return read_only(p.name);
    }
    switch (e.kind) {
        case Kind::processor:
            return set_processor(p, v);
        case Kind::memory:
            return set_memory(p, v);
        case Kind::ide_controller:
        case Kind::scsi_controller:
        case Kind::disk_drive:
        case Kind::dvd_drive:
        case Kind::diskette_drive:
            return set_place(e, p, v);
        case Kind::hard_disk:
        case Kind::dvd_disk:
        case Kind::floppy_disk:
            return set_medium(e, p, v);
        case Kind::synthetic_nic:
        case Kind::emulated_nic:
            return set_nic(e, p, v);
        case Kind::connection:
            return set_connection(e, p, v);
        case Kind::serial_port:
            return set_serial(e, p, v);
        default:
            return set_component(e, p, v);
    }
}

Result<void> Draft::modify(const Instance& wanted) {
    const auto text = wanted.string("InstanceID");
    if (text.empty())
        return Error(Status::missing_value, "wsvirt.resource.instance_id",
                     "Give the InstanceID of the resource to change.", "InstanceID");
    const auto id = parse_setting_id(text);
    if (!id || !iequals(id->guid, id_) || id->device.empty()) return unknown_element(text);
    const auto e = find_element(spec_, id->device);
    if (!e) return unknown_element(text);
    if (!wanted.get("ResourceSubType").is_null() || !wanted.get("OtherResourceType").is_null()) {
        auto kind = kind_of(wanted);
        if (kind && *kind != e->kind)
            return read_only(wanted.get("ResourceSubType").is_null() ? "OtherResourceType"
                                                                     : "ResourceSubType");
    }
    return apply(wanted, *e, {});
}

// Of two of a kind the number says which is meant: "COM 2", Address "1". Those without are given in order.
Result<Element> Draft::choose(const Instance& wanted, const std::vector<Element>& there) const {
    const auto kind = there.front().kind;
    const bool serial = kind == Kind::serial_port;
    const std::string said(trim(there.size() > 1 ? wanted.string(number_of(kind)) : ""));
    const auto is_chosen = [&](const Element& e) { return chosen_.contains({e.kind, e.index}); };
    if (said.empty() || (serial && iequals(said, info(kind).caption))) {  // as the template has it
        const auto next = std::find_if_not(there.begin(), there.end(), is_chosen);
        if (next != there.end()) return *next;
        return refuse("wsvirt.resource.twice", "ResourceSubType",
                      "Every virtual machine has " + std::to_string(there.size()) + " of the device \"" +
                          std::string(info(kind).caption) +
                          "\", and more settings were given for it; give those of each device once.");
    }
    const std::string_view numbers = serial ? "12" : "01";
    const auto which = numbers.find(said.back());
    const auto words = trim(std::string_view(said).substr(0, said.size() - 1));
    const bool only_a_number = words.empty() || (serial && iequals(words, info(kind).caption));
    if (which == std::string_view::npos || !only_a_number) return read_only(number_of(kind));
    if (!is_chosen(there[which])) return there[which];
    return refuse("wsvirt.resource.twice", number_of(kind),
                  "Settings were given before for the device that " + std::string(number_of(kind)) + " \"" +
                      said + "\" means; give those of each device once.");
}

Result<std::string> Draft::add_or_modify(const Instance& wanted) {
    auto kind = kind_of(wanted);
    if (!kind) return kind.error();
    std::vector<Element> there;
    const bool always = *kind == Kind::processor || *kind == Kind::memory || *kind == Kind::display ||
                        *kind == Kind::keyboard || *kind == Kind::mouse || is_component(*kind) ||
                        *kind == Kind::ide_controller || *kind == Kind::serial_port ||
                        *kind == Kind::diskette_drive;
    if (!always) return add(wanted);
    append_elements(spec_, *kind, there);
    if (there.empty()) return add(wanted);
    auto chosen = choose(wanted, there);
    if (!chosen) return chosen.error();
    const auto e = *chosen;
    chosen_.insert({e.kind, e.index});
    Properties skip;
    for (const char* name : {"ElementName", "Address"})  // empty: not said
        if (wanted.string(name).empty() || (there.size() > 1 && iequals(name, number_of(e.kind))))
            skip.insert(name);
    auto r = apply(wanted, e, skip);
    if (!r) return r.error();
    auto real = setting_id(id_, device_data(spec_, e));
    if (auto given = wanted.string("InstanceID"); !given.empty()) aliases_[given] = real;
    return real;
}

Result<std::string> Draft::add(const Instance& wanted) {
    auto kind = kind_of(wanted);
    if (!kind) return kind.error();
    Result<Element> added = Error();
    Properties skip;  // what has had its effect
    switch (*kind) {
        case Kind::scsi_controller:
            added = add_controller(wanted);
            break;
        case Kind::disk_drive:
        case Kind::dvd_drive:
            added = add_drive(*kind, wanted);
            skip = {"Parent", "AddressOnParent"};
            break;
        case Kind::hard_disk:
        case Kind::dvd_disk:
        case Kind::floppy_disk:
            added = add_medium(*kind, wanted);
            skip = {"Parent", "HostResource"};
            break;
        case Kind::synthetic_nic:
        case Kind::emulated_nic:
            added = add_nic(*kind, wanted);
            break;
        case Kind::connection:
            added = add_connection(wanted);
            skip = {"Parent", "HostResource"};
            break;
        case Kind::physical_drive:
            return Error(
                Status::not_supported, "wsvirt.resource.pass_through",
                "This host offers none of its own disks to virtual machines; use a virtual hard disk.",
                "ResourceSubType");
        default:
            return Error(Status::invalid_parameter, "wsvirt.resource.once",
                         "A virtual machine has the device \"" + std::string(info(*kind).caption) +
                             "\" already, or cannot have it; change it with ModifyResourceSettings.",
                         "ResourceSubType");
    }
    if (!added) return named(added.error());
    auto r = apply(wanted, *added, skip);
    if (!r) return r.error();
    auto real = setting_id(id_, device_data(spec_, *added));
    if (auto given = wanted.string("InstanceID"); !given.empty()) aliases_[given] = real;
    return real;
}

Result<Element> Draft::find_parent(const Instance& wanted, const char* expected) const {
    const auto text = wanted.string("Parent");
    if (text.empty())
        return Error(Status::missing_value, "wsvirt.resource.parent_missing",
                     std::string("Parent must name ") + expected + ".", "Parent");
    auto id = instance_id_of(text);
    if (id.empty() && aliases_.contains(text)) id = text;
    if (auto alias = aliases_.find(id); alias != aliases_.end()) id = alias->second;
    const auto parsed = parse_setting_id(id);
    if (parsed && iequals(parsed->guid, id_))
        if (auto e = find_element(spec_, parsed->device)) return *e;
    return refuse("wsvirt.resource.parent_unknown", "Parent",
                  std::string("Parent must name ") + expected + " of the same virtual system.");
}

Result<void> Draft::remove(const SettingId& id) {
    const auto e = find_element(spec_, id.device);
    if (!e) return unknown_element(setting_id(id.guid, id.device));
    switch (e->kind) {
        case Kind::scsi_controller:
            return remove_controller(*e);
        case Kind::disk_drive:
        case Kind::dvd_drive:
            return remove_drive(*e);
        case Kind::hard_disk:
        case Kind::dvd_disk:
        case Kind::floppy_disk:
            if (auto r = put_medium(spec_.disks[e->index], {}, "ResourceSettings"); !r) return r;
            note_emptied(*e);
            return {};
        case Kind::synthetic_nic:
        case Kind::emulated_nic: {
            if (auto r = need_not_saved("ResourceSettings"); !r) return r;
            forget_boot_device(spec_.nics[e->index].id);
            spec_.nics.erase(spec_.nics.begin() + e->index);
            return {};
        }
        case Kind::connection: {
            if (auto r = need_not_fitted("ResourceSettings"); !r) return r;
            auto& n = spec_.nics[e->index];
            n.link = backend::NicLink::none;
            n.source.clear();
            std::erase_if(n.attributes, [](const auto& a) { return a.first.starts_with(connection_prefix); });
            return {};
        }
        default:
            return Error(Status::invalid_parameter, "wsvirt.resource.permanent",
                         "\"" + std::string(info(e->kind).caption) +
                             "\" is part of every virtual machine and cannot be removed.",
                         "ResourceSettings");
    }
}

void Draft::forget_boot_device(const std::string& id) {
    std::erase(spec_.boot_devices, id);
}

Result<void> Draft::finish() {
    auto& s = spec_;
    if (s.dynamic_memory) {
        if (s.memory_min_mib > s.memory_mib)
            return refuse("wsvirt.memory.minimum", "Reservation",
                          "Reservation (minimum memory) is above VirtualQuantity (memory at start).");
        if (s.memory_max_mib < s.memory_mib)
            return refuse("wsvirt.memory.maximum", "Limit",
                          "Limit (maximum memory) is below VirtualQuantity (memory at start).");
    }
    if (s.secure_boot && !generation_2(s))
        return refuse("wsvirt.secure_boot.generation", "SecureBootEnabled",
                      "Secure boot needs a generation 2 virtual machine.");
    if (state_ == State::fresh && s.secure_boot && !services_.hypervisor.host().secure_boot_available)
        return no_secure_boot();
    if (auto r = check_own_serial_ports(s); !r) return r;
    const bool scsi_only = generation_2(s);
    for (const auto& d : s.disks)
        if (d.shareable && !d.format.empty() && d.format != "raw")
            return refuse("wsvirt.disk.shared_format", "PersistentReservationsSupported",
                          "PersistentReservationsSupported is for raw images, and \"" + d.path +
                              "\" has the format " + d.format + ".");
    for (const auto& d : s.disks)
        if (scsi_only && d.bus == backend::Bus::ide)
            return refuse("wsvirt.disk.bus", "Parent",
                          "A generation 2 machine has no IDE controllers; use SCSI.");
    return {};
}

}  // namespace wsvirt::cim::vs
