#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/capabilities.hpp"

namespace wsvirt::cim {

namespace {

class ManagementCapabilities final : public Provider {
  public:
    explicit ManagementCapabilities(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        Instance i(cls);
        constexpr std::string_view name = "Hyper-V Virtual System Management Service Capabilities";
        set_if(i, "InstanceID", vs::management_capabilities_id);
        set_if(i, "Caption", name);
        set_if(i, "Description", "Defines Virtual System Management Service Capabilities");
        set_if(i, "ElementName", name);
        set_if(i, "ElementNameEditSupported", false);
        std::vector<std::string> types{"Microsoft:Hyper-V:SubType:1"};
        if (services_.hypervisor.host().uefi_available) types.emplace_back("Microsoft:Hyper-V:SubType:2");
        set_if(i, "VirtualSystemTypesSupported", Value::array_of(types));
        // DefineSystem 2, DestroySystem 3, ModifyResourceSettings 5, ModifySystemSettings 6,
        // RemoveResourceSettings 7, AddResourceSettings 10: either way, as long as each takes.
        const std::vector<std::uint16_t> methods{2, 3, 5, 6, 7, 10};
        set_if(i, "SynchronousMethodsSupported", Value::array_of(methods));
        set_if(i, "AsynchronousMethodsSupported", Value::array_of(methods));
        return stream_of({std::move(i)});
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemManagementCapabilities(Services& services) {
    return std::make_unique<ManagementCapabilities>(services);
}

}  // namespace wsvirt::cim
