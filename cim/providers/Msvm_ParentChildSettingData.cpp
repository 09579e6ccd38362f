// Settings of a snapshot → those of each snapshot taken on top of it, and the active ones.
#include "cim/providers/snapshot_service/links.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_ParentChildSettingData(Services& services) {
    using namespace snapshot_service;
    DerivedAssociation::Ends ends;
    ends.left = "Antecedent";
    ends.right = "Dependent";
    ends.lefts = [&services](const Request&) { return all_settings_with_children(services); };
    ends.rights_of = [&services](const Request&, const ObjectPath& p) { return children_of(services, p); };
    ends.lefts_of = [&services](const Request&, const ObjectPath& p) { return parent_of(services, p); };
    return std::make_unique<DerivedAssociation>(std::move(ends));
}

}  // namespace wsvirt::cim
