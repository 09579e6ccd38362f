#include "cim/om/provider.hpp"
#include "cim/providers/migration_service/service_state.hpp"

namespace wsvirt::cim {

namespace {

class MigrationNetworks final : public Provider {
  public:
    explicit MigrationNetworks(Services& services) : services_(services) {}
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& n : migration_service::networks(services_))
            out.push_back(migration_service::network_instance(cls, n));
        return stream_of(std::move(out));
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemMigrationNetworkSettingData(Services& services) {
    return std::make_unique<MigrationNetworks>(services);
}

}  // namespace wsvirt::cim
