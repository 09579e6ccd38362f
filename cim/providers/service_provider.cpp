#include "cim/providers/service_provider.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/instance_tools.hpp"

namespace wsvirt::cim {

namespace {

class ServiceProvider final : public Provider {
  public:
    ServiceProvider(Services& services, ServiceFacts facts, const std::vector<MethodTable>& methods)
        : services_(services), facts_(std::move(facts)) {
        for (const auto& table : methods) methods_.insert(methods_.end(), table.begin(), table.end());
    }

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        // Over several hosts: the first leaves to us where things are made, the others name their host.
        for (const auto& host : hosts_of_services(services_)) out.push_back(instance(cls, host));
        return stream_of(std::move(out));
    }

    Result<MethodResult> invoke(const Request& request, const ClassPtr& cls, const ObjectPath& target,
                                const Method& method, const Arguments& in) override {
        return dispatch(methods_, {services_, request, cls, target, method, in});
    }

  private:
    Instance instance(const ClassPtr& cls, const std::string& host) const {
        Instance i(cls);
        const bool connected = services_.hypervisor.connected();
        set_if(i, "SystemCreationClassName", "Msvm_ComputerSystem");
        set_if(i, "SystemName", host);
        set_if(i, "CreationClassName", cls->name());
        set_if(i, "Name", facts_.name);
        set_if(i, "ElementName", facts_.caption);
        set_if(i, "Caption", facts_.caption);
        set_if(i, "Description", facts_.description);
        set_if(i, "OperationalStatus",
               Value::array_of(std::vector<std::uint16_t>{static_cast<std::uint16_t>(connected ? 2 : 3)}));
        set_if(i, "StatusDescriptions",
               Value::array_of(std::vector<std::string>{connected ? "The service is running normally"
                                                                  : "The hypervisor does not answer"}));
        set_if(i, "HealthState", connected ? 5 : 20);
        set_if(i, "EnabledState", 2);
        set_if(i, "RequestedState", 12);
        set_if(i, "EnabledDefault", 2);
        set_if(i, "Started", true);
        if (facts_.fill) facts_.fill(i);
        return i;
    }

    Services& services_;
    ServiceFacts facts_;
    std::vector<MethodEntry> methods_;
};

}  // namespace

std::unique_ptr<Provider> make_service_provider(Services& services, ServiceFacts facts,
                                                std::vector<MethodTable> methods) {
    return std::make_unique<ServiceProvider>(services, std::move(facts), methods);
}

}  // namespace wsvirt::cim
