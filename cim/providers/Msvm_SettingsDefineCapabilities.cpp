// Allocation capabilities → their four template settings.
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/templates.hpp"

namespace wsvirt::cim {

namespace {

class SettingsDefineCapabilities final : public Provider {
  public:
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& k : vs::kinds())
            for (auto t : vs::template_types) out.push_back(link(cls, {k.kind, t}));
        return stream_of(std::move(out));
    }

    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        std::vector<Instance> out;
        const auto id = object.key_string("InstanceID");
        if (auto k = vs::parse_capabilities_id(id);
            k && vs::role_fits(role, "GroupComponent") &&
            iequals(object.class_name(), "Msvm_AllocationCapabilities"))
            for (auto t : vs::template_types) out.push_back(link(cls, {*k, t}));
        if (auto t = vs::parse_template_id(id); t && vs::role_fits(role, "PartComponent") &&
                                                iequals(object.class_name(), vs::info(t->kind).class_name))
            out.push_back(link(cls, *t));
        return stream_of(std::move(out));
    }

  private:
    static Instance link(const ClassPtr& cls, const vs::TemplateId& t) {
        auto i =
            vs::pair_of(cls, "GroupComponent",
                        vs::setting_path("Msvm_AllocationCapabilities", vs::capabilities_id(t.kind)),
                        "PartComponent", vs::setting_path(vs::info(t.kind).class_name, vs::template_id(t)));
        set_if(i, "PropertyPolicy", 0);
        set_if(i, "ValueRange", static_cast<unsigned>(t.type));
        set_if(i, "ValueRole", t.type == vs::TemplateType::standard ? 0 : 3);
        return i;
    }
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_SettingsDefineCapabilities(Services&) {
    return std::make_unique<SettingsDefineCapabilities>();
}

}  // namespace wsvirt::cim
