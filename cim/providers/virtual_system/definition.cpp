#include "cim/providers/virtual_system/definition.hpp"

#include "backend/cluster.hpp"
#include "base/text.hpp"
#include "cim/providers/virtual_system/configuration_change.hpp"
#include "cim/providers/virtual_system/defaults.hpp"
#include "cim/providers/virtual_system/element_writer.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/service_settings.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"
#include "cim/providers/virtual_system/switches.hpp"

namespace wsvirt::cim::vs {

namespace {

const std::string parameter = "ReferenceConfiguration";

// What stays in the drives and ports of a machine that is like another: an import brings settings that nobody
// has checked yet, and what a machine once got may be gone.
Result<void> check_kept(Services& services, backend::MachineSpec& s, bool planned, std::string_view host) {
    for (auto& d : s.disks) {
        if (d.path.empty()) continue;
        auto medium = check_medium(services, d.path, {medium_kind(d), {}, planned, {}, d.shareable, host});
        if (!medium) {
            auto e = medium.error();
            e.subject = parameter;
            return named(std::move(e));
        }
        d.path = medium->path;
        d.format = medium->format;
    }
    if (planned) return {};  // ValidatePlannedSystem looks at the ports
    const auto switches = services.hypervisor.switches();
    plug_missing(s, switches);
    for (const auto& n : s.nics) {
        const auto missing = n.attributes.find(std::string(missing_switch));
        if (missing == n.attributes.end() && (n.link == backend::NicLink::none || switch_of(switches, n)))
            continue;
        return refuse("wsvirt.switch.missing", parameter,
                      "ReferenceConfiguration has a port on the switch \"" +
                          (missing == n.attributes.end() ? n.source : missing->second) +
                          "\", which does not exist on this host; choose another for it there with "
                          "ModifyResourceSettings.");
    }
    return {};
}

// A machine of generation 1 has its diskette drive anyway; drives and adapters were given to it.
Result<void> leave_generation_1(backend::MachineSpec& s) {
    std::erase_if(s.disks, [](const auto& d) { return d.device == backend::DiskDevice::floppy; });
    const auto refused = [](const char* what) {
        return refuse("wsvirt.reference.generation", parameter,
                      std::string("ReferenceConfiguration has ") + what +
                          ", and a generation 2 machine has none; refer to another machine, or leave out "
                          "ReferenceConfiguration and give what the new one shall have in ResourceSettings.");
    };
    for (const auto& d : s.disks)
        if (d.bus == backend::Bus::ide) return refused("drives on IDE controllers");
    for (const auto& n : s.nics)
        if (n.model != backend::NicModel::virtio) return refused("legacy network adapters");
    return {};
}

Result<backend::MachineSpec> base_of(const MethodCall& call, bool planned, std::string_view host) {
    if (call.in.get("ReferenceConfiguration").is_null()) return new_machine();
    const auto guid = system_guid_of(call.reference("ReferenceConfiguration"));
    const auto c = guid.empty() ? std::nullopt : find_configuration(call.services, guid);
    if (!c)
        return refuse("wsvirt.reference.missing", "ReferenceConfiguration",
                      "ReferenceConfiguration must refer to the settings of a virtual machine that exists.");
    auto spec = like(c->spec());
    if (auto r = check_kept(call.services, spec, planned, host); !r) return r.error();
    return spec;
}

// Which of the two that every machine has (Draft::add_or_modify).
bool says_which(const Instance& device) {
    const auto kind = kind_of(device);
    if (!kind || (*kind != Kind::ide_controller && *kind != Kind::serial_port)) return false;
    const auto number = device.string(*kind == Kind::ide_controller ? "Address" : "ElementName");
    const auto text = trim(number);
    return !text.empty() && text.back() >= '0' && text.back() <= '9';
}

// Those that say which they are for get it before the others take what is left.
Result<void> give_devices(Draft& draft, const std::vector<const Instance*>& resources) {
    for (const bool saying : {true, false})
        for (std::size_t n = 0; n < resources.size(); ++n)
            if (says_which(*resources[n]) == saying)
                if (auto r = draft.add_or_modify(*resources[n]); !r)
                    return in_element(r.error(), "ResourceSettings", n, resources.size());
    return {};
}

}  // namespace

Result<backend::MachineSpec> definition_of(const MethodCall& call, Draft::State state,
                                           const std::string& host) {
    const auto* settings = call.instance("SystemSettings");
    if (!settings)
        return Error(Status::invalid_parameter, "wsvirt.system.settings_missing",
                     "SystemSettings must hold the settings of the new virtual machine.", "SystemSettings");
    const auto& ns = call.request.ns;
    if (auto r = check_system_class(ns, *settings); !r) return r.error();
    auto base = base_of(call, state == Draft::State::planned, host);
    if (!base) return base.error();
    if (!host.empty()) base->attributes[std::string(backend::new_machine_host)] = host;
    const auto guid = base->uuid;
    const bool first_generation = !generation_2(*base);
    Draft draft(call.services, ns, std::move(*base), guid, Draft::State::fresh);
    if (auto r = draft.change_system(*settings); !r) return r.error();
    if (first_generation && generation_2(draft.spec()))
        if (auto r = leave_generation_1(draft.spec()); !r) return r.error();
    complete_generation(draft.spec());

    Draft devices(call.services, ns, draft.spec(), draft.id(), state);
    if (auto r = give_devices(devices, call.instances("ResourceSettings")); !r) return r.error();
    if (auto r = devices.finish(); !r) return r.error();
    auto spec = std::move(devices.spec());
    for (auto& n : spec.nics) {
        if (!n.mac.empty()) continue;
        auto mac = new_mac(call.services, spec);
        if (!mac) return mac.error();
        n.mac = std::move(*mac);
    }
    return spec;
}

}  // namespace wsvirt::cim::vs
