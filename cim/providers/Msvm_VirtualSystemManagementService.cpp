#include "cim/providers/management_service/methods.hpp"
#include "cim/providers/service_provider.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_VirtualSystemManagementService(Services& services) {
    using namespace management_service;
    ServiceFacts facts;
    facts.name = "vmms";
    facts.caption = "Hyper-V Virtual System Management Service";
    facts.description = "Service for creating, manipulating, and managing virtual machines";
    return make_service_provider(
        services, facts, {define_methods(), settings_methods(), summary_methods(), service_methods()});
}

}  // namespace wsvirt::cim
