// Machine, or planned system → its own settings, which are no snapshot's.
#include "backend/hypervisor.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

class SettingsDefineState final : public Provider {
  public:
    explicit SettingsDefineState(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        auto all = services_.hypervisor.machines();
        const auto count = all.size();
        std::vector<StreamPtr> parts;
        parts.push_back(
            lazy_stream(count, [cls, all = std::move(all)](std::size_t n) -> std::optional<Instance> {
                return link(cls, machine_class, all[n]->spec.uuid);
            }));
        std::vector<Instance> planned;
        for (const auto& p : vs::PlannedSystems(services_).all())
            planned.push_back(link(cls, planned_class, p->spec.uuid));
        parts.push_back(stream_of(std::move(planned)));
        return concat(std::move(parts));
    }

    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        const bool system =
            iequals(object.class_name(), machine_class) || iequals(object.class_name(), planned_class);
        const bool settings = iequals(object.class_name(), "Msvm_VirtualSystemSettingData");
        if ((system && !vs::role_fits(role, "ManagedElement")) ||
            (settings && !vs::role_fits(role, "SettingData")) || (!system && !settings))
            return empty_stream();
        const auto id = vs::parse_setting_id(object.key_string("InstanceID"));
        if (settings && (!id || !id->device.empty())) return empty_stream();
        const auto guid = vs::system_guid_of(object);
        const auto c = guid.empty() ? std::nullopt : vs::find_configuration(services_, guid);
        if (!c || c->snapshot || (system && !iequals(object.class_name(), c->system_class())))
            return empty_stream();
        return stream_of({link(cls, c->system_class(), c->system())});
    }

  private:
    static constexpr std::string_view machine_class = "Msvm_ComputerSystem",
                                      planned_class = "Msvm_PlannedComputerSystem";

    static Instance link(const ClassPtr& cls, std::string_view system_class, const std::string& guid) {
        return vs::pair_of(cls, "ManagedElement", vs::system_path(system_class, guid), "SettingData",
                           vs::setting_path("Msvm_VirtualSystemSettingData", vs::setting_id(guid)));
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_SettingsDefineState(Services& services) {
    return std::make_unique<SettingsDefineState>(services);
}

}  // namespace wsvirt::cim
