#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/migration_service/service_state.hpp"

namespace wsvirt::cim {

namespace {

class MigrationCapabilities final : public Provider {
  public:
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        Instance i(cls);
        set_if(i, "InstanceID", migration_service::capabilities_id);
        set_if(i, "Caption", "Migration Capabilities");
        set_if(i, "Description", "Virtual System Migration Capabilities");
        set_if(i, "ElementName", "Virtual System Migration Capabilities");
        set_if(i, "ElementNameEditSupported", false);
        // MigrateVirtualSystemToHost 2, ...ToSystem 3, CheckVirtualSystemIsMigratableToHost 4, ...ToSystem 5,
        // CheckVirtualSystemIsMigratable 32768; ToSystem answers either way, as long as it takes.
        set_if(i, "SynchronousMethodsSupported", Value::array_of(std::vector<std::uint16_t>{3, 4, 5}));
        set_if(i, "AsynchronousMethodsSupported", Value::array_of(std::vector<std::uint16_t>{2, 3, 32768}));
        // Names, IPv4 addresses, IPv6 addresses.
        set_if(i, "DestinationHostFormatsSupported", Value::array_of(std::vector<std::uint16_t>{2, 3, 4}));
        return stream_of({std::move(i)});
    }
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemMigrationCapabilities(Services&) {
    return std::make_unique<MigrationCapabilities>();
}

}  // namespace wsvirt::cim
