// Machine → its export settings, and those of each of its snapshots.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/association.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_SystemExportSettingData(Services& services) {
    constexpr const char* settings = "Msvm_VirtualSystemExportSettingData";
    using Paths = DerivedAssociation::Paths;
    DerivedAssociation::Ends ends;
    ends.left = "ManagedElement";
    ends.right = "SettingData";
    ends.lefts = [&services](const Request&) {
        Paths out;
        for (const auto& m : services.hypervisor.machines())
            out.push_back(vs::system_path("Msvm_ComputerSystem", m->spec.uuid));
        return out;
    };
    ends.rights_of = [&services](const Request&, const ObjectPath& p) {
        Paths out;
        if (!iequals(p.class_name(), "Msvm_ComputerSystem")) return out;
        for (const auto& c : vs::configurations_of(services, vs::system_guid_of(p)))
            if (!c.is_planned()) out.push_back(vs::setting_path(settings, vs::setting_id(c.id())));
        return out;
    };
    ends.lefts_of = [&services](const Request&, const ObjectPath& p) {
        Paths out;
        const auto c = vs::find_configuration(services, vs::system_guid_of(p));
        if (c && !c->is_planned()) out.push_back(vs::system_path("Msvm_ComputerSystem", c->system()));
        return out;
    };
    ends.fill = [](const Request&, Instance& i) {
        set_if(i, "IsDefault", 1);
        set_if(i, "IsCurrent", 1);
        set_if(i, "IsNext", 0);
    };
    return std::make_unique<DerivedAssociation>(std::move(ends));
}

}  // namespace wsvirt::cim
