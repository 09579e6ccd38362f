// Machine, or planned system → its own export settings: clients expect exactly one.
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
        for (const auto& p : vs::PlannedSystems(services).all())
            out.push_back(vs::system_path("Msvm_PlannedComputerSystem", p->spec.uuid));
        return out;
    };
    ends.rights_of = [&services](const Request&, const ObjectPath& p) {
        Paths out;
        const auto c = vs::find_configuration(services, vs::system_guid_of(p));
        if (c && !c->snapshot && iequals(p.class_name(), c->system_class()))
            out.push_back(vs::setting_path(settings, vs::setting_id(c->id())));
        return out;
    };
    ends.lefts_of = [&services](const Request&, const ObjectPath& p) {
        Paths out;
        const auto c = vs::find_configuration(services, vs::system_guid_of(p));
        if (c && !c->snapshot) out.push_back(vs::system_path(c->system_class(), c->system()));
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
