// Allocation capabilities → their four template settings; those of the migration service → the settings of
// each MigrationType; those of the management service → the settings of a new virtual system and the secure
// boot templates.
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/capabilities.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/templates.hpp"

namespace wsvirt::cim {

namespace {

constexpr unsigned standard = 0, supported = 3;  // ValueRole

struct ServiceLink {
    const char* group_class;
    std::string group;
    const char* part_class;
    std::string part;
    unsigned role;
};

std::vector<ServiceLink> service_links() {
    namespace ms = migration_service;
    constexpr const char* management = "Msvm_VirtualSystemManagementCapabilities";
    constexpr const char* settings = "Msvm_VirtualSystemSettingData";
    const std::string group(vs::management_capabilities_id);
    std::vector<ServiceLink> out{{management, group, settings, std::string(vs::new_system_id), standard}};
    for (const auto& t : vs::boot_templates)
        out.push_back({management, group, settings, std::string(t.instance_id), supported});
    for (auto& id : ms::setting_template_ids())
        out.push_back(
            {ms::capabilities_class, ms::capabilities_id, ms::migration_class, std::move(id), standard});
    return out;
}

class SettingsDefineCapabilities final : public Provider {
  public:
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& k : vs::kinds())
            for (auto t : vs::template_types) out.push_back(link(cls, {k.kind, t}));
        for (const auto& l : service_links()) out.push_back(link(cls, l));
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
        const auto is = [&](std::string_view end, const char* class_name, const std::string& its_id) {
            return vs::role_fits(role, end) && iequals(object.class_name(), class_name) &&
                   iequals(id, its_id);
        };
        for (const auto& l : service_links())
            if (is("GroupComponent", l.group_class, l.group) || is("PartComponent", l.part_class, l.part))
                out.push_back(link(cls, l));
        return stream_of(std::move(out));
    }

  private:
    static Instance link(const ClassPtr& cls, const ServiceLink& l) {
        auto i = vs::pair_of(cls, "GroupComponent", vs::setting_path(l.group_class, l.group), "PartComponent",
                             vs::setting_path(l.part_class, l.part));
        set_if(i, "PropertyPolicy", 0);
        set_if(i, "ValueRange", 0);
        set_if(i, "ValueRole", l.role);
        return i;
    }
    static Instance link(const ClassPtr& cls, const vs::TemplateId& t) {
        auto i =
            vs::pair_of(cls, "GroupComponent",
                        vs::setting_path("Msvm_AllocationCapabilities", vs::capabilities_id(t.kind)),
                        "PartComponent", vs::setting_path(vs::info(t.kind).class_name, vs::template_id(t)));
        set_if(i, "PropertyPolicy", 0);
        set_if(i, "ValueRange", static_cast<unsigned>(t.type));
        set_if(i, "ValueRole", t.type == vs::TemplateType::standard ? standard : supported);
        return i;
    }
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_SettingsDefineCapabilities(Services&) {
    return std::make_unique<SettingsDefineCapabilities>();
}

}  // namespace wsvirt::cim
