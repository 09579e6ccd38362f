#include "cim/om/provider.hpp"
#include "cim/providers/migration_service/service_state.hpp"

namespace wsvirt::cim {

namespace {

class MigrationServiceSettings final : public Provider {
  public:
    explicit MigrationServiceSettings(Services& services) : services_(services) {}
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        return stream_of({migration_service::settings_instance(services_, cls)});
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemMigrationServiceSettingData(Services& services) {
    return std::make_unique<MigrationServiceSettings>(services);
}

}  // namespace wsvirt::cim
