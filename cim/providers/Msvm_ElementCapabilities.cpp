// Pools → allocation capabilities, machines → what a virtual system can do, services → their own.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/capabilities.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/templates.hpp"

namespace wsvirt::cim {

namespace {

class ElementCapabilities final : public Provider {
  public:
    explicit ElementCapabilities(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& k : vs::kinds()) out.push_back(pool_link(cls, k.kind));
        for (const auto& host : hosts_of_services(services_)) {
            out.push_back(service_link(cls, host));
            out.push_back(migration_link(cls, host));
        }
        for (const auto& m : services_.hypervisor.machines()) out.push_back(machine_link(cls, m->spec.uuid));
        return stream_of(std::move(out));
    }

    Result<StreamPtr> references(const Request& request, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        const auto id = object.key_string("InstanceID");
        std::vector<Instance> out;
        if (auto k = vs::parse_pool_id(id)) {
            if (vs::role_fits(role, "ManagedElement")) out.push_back(pool_link(cls, *k));
        } else if (auto c = vs::parse_capabilities_id(id)) {
            if (vs::role_fits(role, "Capabilities")) out.push_back(pool_link(cls, *c));
        } else if (iequals(object.class_name(), "Msvm_ComputerSystem")) {
            auto m = services_.hypervisor.machine(object.key_string("Name"));
            if (m && vs::role_fits(role, "ManagedElement")) out.push_back(machine_link(cls, m->spec.uuid));
        } else {
            return Provider::references(request, cls, object, role);
        }
        return stream_of(std::move(out));
    }

  private:
    static Instance pool_link(const ClassPtr& cls, vs::Kind k) {
        const char* pool = k == vs::Kind::processor ? "Msvm_ProcessorPool" : "Msvm_ResourcePool";
        return vs::pair_of(cls, "ManagedElement", vs::setting_path(pool, vs::pool_id(k)), "Capabilities",
                           vs::setting_path("Msvm_AllocationCapabilities", vs::capabilities_id(k)));
    }
    static Instance machine_link(const ClassPtr& cls, const std::string& guid) {
        return vs::pair_of(cls, "ManagedElement", vs::system_path("Msvm_ComputerSystem", guid),
                           "Capabilities",
                           vs::setting_path("Msvm_VirtualSystemCapabilities", vs::system_capabilities_id));
    }
    static Instance service_link(const ClassPtr& cls, const std::string& host) {
        return vs::pair_of(
            cls, "ManagedElement", vs::service_path(host, "Msvm_VirtualSystemManagementService", "vmms"),
            "Capabilities",
            vs::setting_path("Msvm_VirtualSystemManagementCapabilities", vs::management_capabilities_id));
    }
    static Instance migration_link(const ClassPtr& cls, const std::string& host) {
        namespace ms = migration_service;
        return vs::pair_of(cls, "ManagedElement", vs::service_path(host, ms::service_class, ms::service_name),
                           "Capabilities", vs::setting_path(ms::capabilities_class, ms::capabilities_id));
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_ElementCapabilities(Services& services) {
    return std::make_unique<ElementCapabilities>(services);
}

}  // namespace wsvirt::cim
