// Machines and planned systems → all of their settings, saying which are current; services → their own.
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

class ElementSettingData final : public Provider {
  public:
    explicit ElementSettingData(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& host : hosts_of_services(services_)) {
            out.push_back(service_link(cls, host));
            out.push_back(migration_link(cls, host));
        }
        for (const auto& c : vs::configurations(services_)) out.push_back(link(cls, c));
        return stream_of(std::move(out));
    }

    Result<StreamPtr> references(const Request& request, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        const auto guid = vs::system_guid_of(object);
        const bool settings = iequals(object.class_name(), "Msvm_VirtualSystemSettingData");
        const bool system = iequals(object.class_name(), "Msvm_ComputerSystem") ||
                            iequals(object.class_name(), "Msvm_PlannedComputerSystem");
        if (guid.empty() || (!settings && !system)) {
            const bool service =
                iequals(object.class_name(), "Msvm_VirtualSystemManagementService") ||
                iequals(object.class_name(), "Msvm_VirtualSystemManagementServiceSettingData") ||
                iequals(object.class_name(), migration_service::service_class) ||
                iequals(object.class_name(), migration_service::settings_class);
            return service ? Provider::references(request, cls, object, role) : empty_stream();
        }
        if (!vs::role_fits(role, system ? "ManagedElement" : "SettingData")) return empty_stream();
        std::vector<Instance> out;
        if (system) {
            for (const auto& c : vs::configurations_of(services_, guid)) out.push_back(link(cls, c));
        } else if (auto c = vs::find_configuration(services_, guid)) {
            out.push_back(link(cls, *c));
        }
        return stream_of(std::move(out));
    }

  private:
    static Instance service_link(const ClassPtr& cls, const std::string& host) {
        auto i =
            vs::pair_of(cls, "ManagedElement",
                        vs::service_path(host, "Msvm_VirtualSystemManagementService", "vmms"), "SettingData",
                        vs::setting_path("Msvm_VirtualSystemManagementServiceSettingData", "Microsoft:host"));
        set_if(i, "IsCurrent", 1);
        return i;
    }

    static Instance migration_link(const ClassPtr& cls, const std::string& host) {
        namespace ms = migration_service;
        auto i =
            vs::pair_of(cls, "ManagedElement", vs::service_path(host, ms::service_class, ms::service_name),
                        "SettingData", vs::setting_path(ms::settings_class, ms::settings_id));
        set_if(i, "IsCurrent", 1);
        return i;
    }

    static Instance link(const ClassPtr& cls, const vs::Configuration& c) {
        auto i =
            vs::pair_of(cls, "ManagedElement", vs::system_path(c.system_class(), c.system()), "SettingData",
                        vs::setting_path("Msvm_VirtualSystemSettingData", vs::setting_id(c.id())));
        // CIM_ElementSettingData: 1 is, 2 is not.
        set_if(i, "IsCurrent", c.snapshot ? 2 : 1);
        set_if(i, "IsDefault", 0);
        set_if(i, "IsNext", c.snapshot ? 2 : 1);
        return i;
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_ElementSettingData(Services& services) {
    return std::make_unique<ElementSettingData>(services);
}

}  // namespace wsvirt::cim
