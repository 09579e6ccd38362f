// The settings of the migration service → the networks that it may use.
#include "base/text.hpp"
#include "cim/om/association.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_VirtualSystemMigrationServiceSettingDataComponent(Services& services) {
    using namespace migration_service;
    using Paths = DerivedAssociation::Paths;
    const auto whole = vs::setting_path(settings_class, settings_id);
    DerivedAssociation::Ends e;
    e.left = "GroupComponent";
    e.right = "PartComponent";
    e.lefts = [whole](const Request&) { return Paths{whole}; };
    e.rights_of = [&services, whole](const Request&, const ObjectPath& settings) {
        Paths out;
        if (iequals(settings.key_string("InstanceID"), settings_id))
            for (const auto& n : networks(services)) out.push_back(vs::setting_path(network_class, n.id));
        return out;
    };
    e.lefts_of = [&services, whole](const Request&, const ObjectPath& network) {
        for (const auto& n : networks(services))
            if (iequals(n.id, network.key_string("InstanceID"))) return Paths{whole};
        return Paths{};
    };
    return std::make_unique<DerivedAssociation>(std::move(e));
}

}  // namespace wsvirt::cim
