// The settings of a drive or network port ↔ the boot source that it is.
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/boot_sources.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

class LogicalIdentity final : public Provider {
  public:
    explicit LogicalIdentity(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        return vs::stream_configurations(vs::configurations(services_),
                                         [cls](const vs::Configuration& c, std::vector<Instance>& out) {
                                             for (const auto& s : vs::boot_sources(c))
                                                 out.push_back(link(cls, c, s));
                                         });
    }

    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        const auto id = vs::parse_setting_id(object.key_string("InstanceID"));
        const auto c = id ? vs::find_configuration(services_, id->guid) : std::nullopt;
        if (!c) return empty_stream();
        const bool source = iequals(object.class_name(), "Msvm_BootSourceSettingData");
        if (!vs::role_fits(role, source ? "SameElement" : "SystemElement")) return empty_stream();
        std::vector<Instance> out;
        for (const auto& s : vs::boot_sources(*c))
            if (iequals(source ? s.device : vs::device_data(c->spec(), s.element), id->device))
                out.push_back(link(cls, *c, s));
        return stream_of(std::move(out));
    }

  private:
    static Instance link(const ClassPtr& cls, const vs::Configuration& c, const vs::BootSource& s) {
        return vs::pair_of(cls, "SameElement",
                           vs::setting_path("Msvm_BootSourceSettingData", vs::setting_id(c.id(), s.device)),
                           "SystemElement",
                           vs::setting_path(vs::info(s.element.kind).class_name,
                                            vs::setting_id(c.id(), vs::device_data(c.spec(), s.element))));
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_LogicalIdentity(Services& services) {
    return std::make_unique<LogicalIdentity>(services);
}

}  // namespace wsvirt::cim
