#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/service_provider.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_VirtualSystemMigrationService(Services& services) {
    using namespace migration_service;
    ServiceFacts facts;
    facts.name = service_name;
    facts.caption = "Hyper-V Migration Service";
    facts.description = "Service for moving virtual machines and their disks";
    facts.fill = [&services](Instance& i) { fill_service(services, i); };
    return make_service_provider(
        services, facts, {migrate_methods(), check_methods(), compatibility_methods(), settings_methods()});
}

}  // namespace wsvirt::cim
