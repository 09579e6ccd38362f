#include "cim/om/provider.hpp"
#include "cim/providers/migration_service/service_state.hpp"

namespace wsvirt::cim {

namespace {

class MigrationSettings final : public Provider {
  public:
    explicit MigrationSettings(Services& services) : services_(services) {}
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        return stream_of(migration_service::setting_templates(services_, cls));
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemMigrationSettingData(Services& services) {
    return std::make_unique<MigrationSettings>(services);
}

}  // namespace wsvirt::cim
