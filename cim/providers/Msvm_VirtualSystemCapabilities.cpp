#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/capabilities.hpp"

namespace wsvirt::cim {

namespace {

class VirtualSystemCapabilities final : public Provider {
  public:
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        Instance i(cls);
        set_if(i, "InstanceID", vs::system_capabilities_id);
        set_if(i, "Caption", "Hyper-V Virtual System Capabilities");
        set_if(i, "Description", "Defines Virtual System Capabilities");
        set_if(i, "ElementName", "Hyper-V Virtual System Capabilities");
        set_if(i, "ElementNameEditSupported", true);
        set_if(i, "MaxElementNameLen", vs::longest_element_name);
        set_if(i, "RequestedStatesSupported",
               Value::array_of(std::vector<std::uint16_t>{2, 3, 4, 6, 9, 10, 11}));
        return stream_of({std::move(i)});
    }
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemCapabilities(Services&) {
    return std::make_unique<VirtualSystemCapabilities>();
}

}  // namespace wsvirt::cim
