#include "cim/providers/export_import/methods.hpp"
#include "cim/providers/management_service/methods.hpp"
#include "cim/providers/service_provider.hpp"
#include "cim/providers/snapshot_service/methods.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_VirtualSystemManagementService(Services& services) {
    using namespace management_service;
    ServiceFacts facts;
    facts.name = "vmms";
    facts.caption = "Hyper-V Virtual System Management Service";
    facts.description = "Service for creating, manipulating, and managing virtual machines";
    // Version 1 has the snapshot methods here; version 2's class does not declare them.
    return make_service_provider(services, facts,
                                 {define_methods(), settings_methods(), summary_methods(), service_methods(),
                                  export_import::export_methods(), export_import::import_methods(),
                                  export_import::planned_methods(), snapshot_service::create_methods(),
                                  snapshot_service::apply_methods(), snapshot_service::delete_methods()});
}

}  // namespace wsvirt::cim
