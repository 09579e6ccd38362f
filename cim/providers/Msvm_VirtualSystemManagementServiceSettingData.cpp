#include "cim/om/provider.hpp"
#include "cim/providers/virtual_system/service_settings.hpp"

namespace wsvirt::cim {

namespace {

class ServiceSettings final : public Provider {
  public:
    explicit ServiceSettings(Services& services) : services_(services) {}
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        return stream_of({vs::service_settings_instance(services_, cls)});
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemManagementServiceSettingData(Services& services) {
    return std::make_unique<ServiceSettings>(services);
}

}  // namespace wsvirt::cim
