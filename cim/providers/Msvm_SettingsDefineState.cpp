// Machine → its active settings.
#include "backend/hypervisor.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

class SettingsDefineState final : public Provider {
  public:
    explicit SettingsDefineState(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        auto all = services_.hypervisor.machines();
        const auto count = all.size();
        return lazy_stream(count, [cls, all = std::move(all)](std::size_t n) -> std::optional<Instance> {
            return link(cls, all[n]->spec.uuid);
        });
    }

    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        const bool system = iequals(object.class_name(), "Msvm_ComputerSystem");
        const bool settings = iequals(object.class_name(), "Msvm_VirtualSystemSettingData");
        if ((system && !vs::role_fits(role, "ManagedElement")) ||
            (settings && !vs::role_fits(role, "SettingData")) || (!system && !settings))
            return empty_stream();
        const auto id = vs::parse_setting_id(object.key_string("InstanceID"));
        if (settings && (!id || !id->device.empty())) return empty_stream();
        const auto machine = services_.hypervisor.machine(vs::system_guid_of(object));
        if (!machine) return empty_stream();
        return stream_of({link(cls, machine->spec.uuid)});
    }

  private:
    static Instance link(const ClassPtr& cls, const std::string& guid) {
        return vs::pair_of(cls, "ManagedElement", vs::system_path("Msvm_ComputerSystem", guid), "SettingData",
                           vs::setting_path("Msvm_VirtualSystemSettingData", vs::setting_id(guid)));
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_SettingsDefineState(Services& services) {
    return std::make_unique<SettingsDefineState>(services);
}

}  // namespace wsvirt::cim
