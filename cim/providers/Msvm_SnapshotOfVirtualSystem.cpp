// Machine → each of its snapshots.
#include "cim/providers/snapshot_service/links.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_SnapshotOfVirtualSystem(Services& services) {
    using namespace snapshot_service;
    DerivedAssociation::Ends ends;
    ends.left = "Antecedent";
    ends.right = "Dependent";
    ends.lefts = [&services](const Request&) { return machines_with_snapshots(services); };
    ends.rights_of = [&services](const Request&, const ObjectPath& p) {
        return snapshots_of(services, p, Which::all);
    };
    ends.lefts_of = [&services](const Request&, const ObjectPath& p) {
        return machine_of_snapshot(services, p, Which::all);
    };
    return std::make_unique<DerivedAssociation>(std::move(ends));
}

}  // namespace wsvirt::cim
