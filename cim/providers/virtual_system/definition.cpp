#include "cim/providers/virtual_system/definition.hpp"

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

// What stays in the drives and ports of a machine that is like another: an import brings settings that nobody
// has checked yet, and what a machine once got may be gone.
Result<void> check_kept(Services& services, backend::MachineSpec& s, bool planned) {
    const std::string parameter = "ReferenceConfiguration";
    for (auto& d : s.disks) {
        if (d.path.empty()) continue;
        auto medium = check_medium(services, d.path, {medium_kind(d), {}, planned, {}, d.shareable});
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

Result<backend::MachineSpec> base_of(const MethodCall& call, bool planned) {
    if (call.in.get("ReferenceConfiguration").is_null()) return new_machine();
    const auto guid = system_guid_of(call.reference("ReferenceConfiguration"));
    const auto c = guid.empty() ? std::nullopt : find_configuration(call.services, guid);
    if (!c)
        return refuse("wsvirt.reference.missing", "ReferenceConfiguration",
                      "ReferenceConfiguration must refer to the settings of a virtual machine that exists.");
    auto spec = like(c->spec());
    if (auto r = check_kept(call.services, spec, planned); !r) return r.error();
    return spec;
}

}  // namespace

Result<backend::MachineSpec> definition_of(const MethodCall& call, Draft::State state) {
    const auto* settings = call.instance("SystemSettings");
    if (!settings)
        return Error(Status::invalid_parameter, "wsvirt.system.settings_missing",
                     "SystemSettings must hold the settings of the new virtual machine.", "SystemSettings");
    const auto& ns = call.request.ns;
    if (auto r = check_system_class(ns, *settings); !r) return r.error();
    auto base = base_of(call, state == Draft::State::planned);
    if (!base) return base.error();
    const auto guid = base->uuid;
    Draft draft(call.services, ns, std::move(*base), guid, Draft::State::fresh);
    if (auto r = draft.change_system(*settings); !r) return r.error();
    complete_generation(draft.spec());

    Draft devices(call.services, ns, draft.spec(), draft.id(), state);
    const auto resources = call.instances("ResourceSettings");
    for (std::size_t n = 0; n < resources.size(); ++n)
        if (auto r = devices.add_or_modify(*resources[n]); !r)
            return in_element(r.error(), "ResourceSettings", n, resources.size());
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
