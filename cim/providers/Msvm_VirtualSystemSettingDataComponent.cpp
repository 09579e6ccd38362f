// Settings of a virtual system → the settings of its resources. The way clients read devices.
#include "cim/om/provider.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

class SettingDataComponent final : public Provider {
  public:
    explicit SettingDataComponent(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        return vs::stream_configurations(vs::configurations(services_), all_of(cls));
    }

    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        const auto id = vs::parse_setting_id(object.key_string("InstanceID"));
        if (!id) return empty_stream();
        const bool whole = id->device.empty();
        if (!vs::role_fits(role, whole ? "GroupComponent" : "PartComponent")) return empty_stream();
        auto c = vs::find_configuration(services_, id->guid);
        if (!c) return empty_stream();
        if (whole) return vs::stream_configurations({std::move(*c)}, all_of(cls));
        const auto e = vs::find_element(c->spec(), id->device);
        if (!e || !iequals(vs::info(e->kind).class_name, object.class_name())) return empty_stream();
        return stream_of({link(cls, *c, *e)});
    }

  private:
    static Instance link(const ClassPtr& cls, const vs::Configuration& c, const vs::Element& e) {
        return vs::pair_of(cls, "GroupComponent",
                           vs::setting_path("Msvm_VirtualSystemSettingData", vs::setting_id(c.id())),
                           "PartComponent",
                           vs::setting_path(vs::info(e.kind).class_name,
                                            vs::setting_id(c.id(), vs::device_data(c.spec(), e))));
    }

    static vs::ConfigurationWriter all_of(const ClassPtr& cls) {
        return [cls](const vs::Configuration& c, std::vector<Instance>& out) {
            for (const auto& e : vs::elements(c.spec())) out.push_back(link(cls, c, e));
        };
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemSettingDataComponent(Services& services) {
    return std::make_unique<SettingDataComponent>(services);
}

}  // namespace wsvirt::cim
