#include "cim/providers/service_provider.hpp"
#include "cim/providers/snapshot_service/methods.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_VirtualSystemSnapshotService(Services& services) {
    using namespace snapshot_service;
    ServiceFacts facts;
    facts.name = "vssnapsvc";
    facts.caption = "Hyper-V Virtual System Snapshot Service";
    facts.description = "Service for taking, applying and deleting snapshots of virtual machines";
    return make_service_provider(services, facts, {create_methods(), apply_methods(), delete_methods()});
}

}  // namespace wsvirt::cim
