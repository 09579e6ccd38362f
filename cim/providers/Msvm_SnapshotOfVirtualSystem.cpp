// Machine, or planned system → each of its snapshots.
#include "cim/providers/snapshot_service/links.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_SnapshotOfVirtualSystem(Services& services) {
    using namespace snapshot_service;
    DerivedAssociation::Ends ends;
    ends.left = "Antecedent";
    ends.right = "Dependent";
    ends.lefts = [&services](const Request&) { return systems_with_snapshots(services); };
    ends.rights_of = [&services](const Request&, const ObjectPath& p) {
        return snapshots_of(services, p, Which::all);
    };
    ends.lefts_of = [&services](const Request&, const ObjectPath& p) {
        return system_of_snapshot(services, p, Which::all);
    };
    ends.left_class = "CIM_ComputerSystem";
    return std::make_unique<DerivedAssociation>(std::move(ends));
}

}  // namespace wsvirt::cim
