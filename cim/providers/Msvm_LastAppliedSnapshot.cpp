// The snapshot that was last applied to a machine → the machine; none once that snapshot is deleted.
#include "cim/providers/snapshot_service/links.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_LastAppliedSnapshot(Services& services) {
    using namespace snapshot_service;
    DerivedAssociation::Ends ends;
    ends.left = "Dependent";
    ends.right = "Antecedent";
    ends.lefts = [&services](const Request&) { return systems_with_snapshots(services); };
    ends.rights_of = [&services](const Request&, const ObjectPath& p) {
        return snapshots_of(services, p, Which::last_applied);
    };
    ends.lefts_of = [&services](const Request&, const ObjectPath& p) {
        return system_of_snapshot(services, p, Which::last_applied);
    };
    ends.left_class = "Msvm_ComputerSystem";
    ends.right_class = "Msvm_VirtualSystemSettingData";
    return std::make_unique<DerivedAssociation>(std::move(ends));
}

}  // namespace wsvirt::cim
