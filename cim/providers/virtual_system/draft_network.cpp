// Network ports, what they are plugged into, and serial ports.
#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/virtual_system/draft.hpp"
#include "cim/providers/virtual_system/element_writer.hpp"
#include "cim/providers/virtual_system/mac_address.hpp"
#include "cim/providers/virtual_system/machine_folders.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/serial_rules.hpp"
#include "cim/providers/virtual_system/service_settings.hpp"
#include "cim/providers/virtual_system/switches.hpp"

namespace wsvirt::cim::vs {

using backend::Nic;
using backend::NicLink;
using backend::SerialPort;

namespace {

constexpr unsigned max_nics = 12;

// What a machine can be plugged into where it is. One that is not made yet goes to a host that has its
// switches.
std::vector<backend::SwitchInfo> switches_for(const Services& services, const std::string& guid,
                                              bool exists) {
    const auto place =
        exists && is_cluster(services) ? migration_service::host_of_machine(services, guid) : std::nullopt;
    return (place ? *place->hypervisor : services.hypervisor).switches();
}

}  // namespace

Result<Element> Draft::add_nic(Kind k, const Instance& wanted) {
    if (auto r = need_not_saved("ResourceSettings"); !r) return r.error();
    if (k == Kind::emulated_nic) {
        if (auto r = need_off("ResourceSettings"); !r) return r.error();
        if (generation_2(spec_))
            return refuse("wsvirt.nic.generation", "ResourceSubType",
                          "A generation 2 machine has no legacy network adapters.");
    }
    if (spec_.nics.size() >= max_nics)
        return refuse("wsvirt.nic.count", "ResourceSubType",
                      "A virtual machine has at most " + std::to_string(max_nics) + " network adapters.");
    Nic n;
    n.id = make_guid();
    n.model = k == Kind::synthetic_nic ? backend::NicModel::virtio : backend::NicModel::e1000;
    if (mac_is_unset(wanted.string("Address"))) {
        auto mac = new_mac(services_, spec_);
        if (!mac) return mac.error();
        n.mac = std::move(*mac);
    }
    if (generation_2(spec_)) spec_.boot_devices.push_back(n.id);
    spec_.nics.push_back(std::move(n));
    return Element{k, static_cast<unsigned>(spec_.nics.size() - 1)};
}

Result<bool> Draft::set_nic(const Element& e, const Property& p, const Value& v) {
    auto& n = spec_.nics[e.index];
    if (iequals(p.name, "Address")) {
        if (mac_is_unset(v.string_or({}))) return true;
        if (!n.mac.empty())
            if (auto r = need_off(p.name); !r) return r.error();
        auto mac = mac_with_colons(v.string_or({}));
        if (!mac)
            return refuse("wsvirt.nic.mac", p.name,
                          "Address must be the 12 hexadecimal digits of a unicast MAC address.");
        for (const auto& other : spec_.nics)
            if (&other != &n && iequals(other.mac, *mac))
                return refuse(
                    "wsvirt.nic.mac_taken", p.name,
                    "Another network adapter of the machine has the MAC address " + v.string_or({}) + ".");
        n.mac = *mac;
        return true;
    }
    if (iequals(p.name, "StaticMacAddress")) {
        n.attributes["StaticMacAddress"] = v.bool_or(false) ? "true" : "false";
        return true;
    }
    if (iequals(p.name, "HostResource") && !first_of(v).empty())
        return refuse("wsvirt.nic.host_resource", p.name,
                      "A network adapter is plugged into a switch by a resource of ResourceType 33.");
    return false;
}

Result<void> Draft::connect(Nic& n, const Value& host_resource) {
    const auto text = first_of(host_resource);
    for (const auto name : {missing_switch, unplugged_state}) n.attributes.erase(std::string(name));
    const bool exists = state_ != State::fresh && state_ != State::planned;
    if (!text.empty() && plug(n, switches_for(services_, spec_.uuid, exists), text)) return {};
    if (!text.empty() && state_ != State::planned)
        return refuse("wsvirt.switch.missing", "HostResource",
                      "There is no virtual switch \"" + text + "\"" +
                          (exists ? " on the machine's host" : "") + "; list Msvm_VirtualEthernetSwitch.");
    n.link = NicLink::none;
    n.source.clear();
    n.attributes[std::string(connection_present)] = "1";
    if (!text.empty()) n.attributes[std::string(missing_switch)] = text;  // ValidatePlannedSystem says so
    return {};
}

Result<Element> Draft::add_connection(const Instance& wanted) {
    if (auto r = need_not_fitted("ResourceSettings"); !r) return r.error();
    auto parent = find_parent(wanted, "a network adapter");
    if (!parent) return parent.error();
    if (!is_nic(parent->kind))
        return refuse("wsvirt.connection.parent", "Parent", "A connection's Parent is a network adapter.");
    auto& n = spec_.nics[parent->index];
    if (has_connection(n))
        return refuse("wsvirt.connection.taken", "Parent",
                      "The network adapter has a connection already; change its HostResource.");
    if (several(wanted.get("HostResource"))) return one_resource();
    if (auto r = connect(n, wanted.get("HostResource")); !r) return r.error();
    n.link_up = true;
    return Element{Kind::connection, parent->index};
}

Result<bool> Draft::set_connection(const Element& e, const Property& p, const Value& v) {
    auto& n = spec_.nics[e.index];
    if (iequals(p.name, "HostResource")) {
        if (several(v)) return one_resource();
        if (auto r = need_not_fitted(p.name); !r) return r.error();
        if (auto r = connect(n, v); !r) return r.error();
        return true;
    }
    if (iequals(p.name, "EnabledState")) {
        if (auto r = need_not_fitted(p.name); !r) return r.error();
        const auto state = v.uint_or(0);
        if (state != 2 && state != 3)
            return refuse("wsvirt.connection.state", p.name,
                          "EnabledState is 2 (connected) or 3 (not connected).");
        n.link_up = state == 2;
        // Of a connection to nothing it is only kept.
        return n.link != NicLink::none || n.attributes.contains(std::string(missing_switch));
    }
    if ((iequals(p.name, "RequiredFeatures")) && v.as_array() && !v.as_array()->empty())
        return refuse("wsvirt.connection.features", p.name,
                      "The switches of this host have no such features.");
    return false;
}

Result<bool> Draft::set_serial(const Element& e, const Property& p, const Value& v) {
    if (iequals(p.name, "Address") || iequals(p.name, "ElementName") || iequals(p.name, "HostResource"))
        return read_only(p.name);
    if (!iequals(p.name, "Connection")) return false;
    if (auto r = brings_memory() ? Result<void>() : need_off(p.name); !r) return r.error();
    const auto text = first_of(v);
    auto kept = keep_in(spec_, e);
    SerialPort* port = nullptr;
    for (auto& s : spec_.serial_ports)
        if (s.port == e.index) port = &s;
    if (port->kind == SerialPort::Kind::none && !text.empty())
        if (auto r = need_in_memory(e, p.name); !r) return r.error();
    kept.map->erase("Connection");
    if (text.empty()) {
        if (port->kind != SerialPort::Kind::none) note_emptied(e);
        port->kind = SerialPort::Kind::none;
        port->path.clear();
        return true;
    }
    if (v.as_array() && v.as_array()->size() > 1)
        return refuse("wsvirt.serial.connection", p.name, "Connection takes one entry.");
    // Names of Windows pipes become sockets; clients bring them along.
    constexpr std::string_view pipe = R"(\\.\pipe\)";
    if (istarts_with(text, pipe)) {
        auto path = pipe_socket(services_, text.substr(pipe.size()), p.name);
        if (!path) return path.error();
        if (auto r = check_serial_target(services_, SerialPort::Kind::pipe_server, *path); !r)
            return r.error();
        port->kind = SerialPort::Kind::pipe_server;
        port->path = *path;
        return false;  // kept as the client wrote it
    }
    const bool file = istarts_with(text, "file://");
    auto path = check_serial(services_, file ? text.substr(7) : text, p.name);
    if (!path) return path.error();
    const auto kind = file ? SerialPort::Kind::file : SerialPort::Kind::pipe_server;
    if (auto r = check_serial_target(services_, kind, *path); !r) return r.error();
    port->kind = kind;
    port->path = *path;
    return true;
}

}  // namespace wsvirt::cim::vs
