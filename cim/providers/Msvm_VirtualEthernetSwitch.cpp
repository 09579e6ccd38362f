// What network ports can be plugged into: the host's bridges and networks, or QEMU's own user network.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

namespace {

class EthernetSwitch final : public Provider {
  public:
    explicit EthernetSwitch(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& s : services_.hypervisor.switches()) out.push_back(instance(cls, s));
        return stream_of(std::move(out));
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        const bool name = iequals(property, "Name");
        if ((!name && !iequals(property, "ElementName")) || !value.as_string()) return StreamPtr();
        std::vector<Instance> out;
        for (const auto& s : services_.hypervisor.switches())
            if (iequals(name ? s.id : s.name, *value.as_string())) out.push_back(instance(cls, s));
        return stream_of(std::move(out));
    }

  private:
    static Instance instance(const ClassPtr& cls, const backend::SwitchInfo& s) {
        Instance i(cls);
        set_if(i, "CreationClassName", cls->name());
        set_if(i, "Name", s.id);
        set_if(i, "ElementName", s.name);
        set_if(i, "Caption", "Virtual Switch");
        set_if(i, "Description", "Microsoft Virtual Switch");
        set_if(i, "OperationalStatus", array_with(s.active ? 2 : 10));
        set_if(i, "StatusDescriptions", array_with(s.active ? "OK" : "The network is not active"));
        set_if(i, "HealthState", 5);
        set_if(i, "EnabledState", 5);
        set_if(i, "EnabledDefault", 2);
        set_if(i, "RequestedState", 12);
        set_if(i, "Dedicated", array_with(5));
        set_if(i, "ResetCapability", 5);
        set_if(i, "MaxVMQOffloads", 0);
        set_if(i, "MaxIOVOffloads", 0);
        return i;
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualEthernetSwitch(Services& services) {
    return std::make_unique<EthernetSwitch>(services);
}

}  // namespace wsvirt::cim
