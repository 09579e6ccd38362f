// What a generation 2 machine can boot from: each of its drives and network ports. BootSourceOrder of its
// settings names them by path.
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/boot_sources.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

class BootSources final : public Provider {
  public:
    explicit BootSources(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        return vs::stream_configurations(vs::configurations(services_),
                                         [cls](const vs::Configuration& c, std::vector<Instance>& out) {
                                             for (const auto& s : vs::boot_sources(c))
                                                 out.push_back(instance(cls, c, s));
                                         });
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (!iequals(property, "InstanceID") || !value.as_string()) return StreamPtr();
        std::vector<Instance> out;
        const auto id = vs::parse_setting_id(*value.as_string());
        const auto c = id ? vs::find_configuration(services_, id->guid) : std::nullopt;
        if (c)
            for (const auto& s : vs::boot_sources(*c))
                if (iequals(s.device, id->device)) out.push_back(instance(cls, *c, s));
        return stream_of(std::move(out));
    }

  private:
    static Instance instance(const ClassPtr& cls, const vs::Configuration& c, const vs::BootSource& s) {
        Instance i(cls);
        const bool network = vs::is_nic(s.element.kind);
        set_if(i, "InstanceID", vs::setting_id(c.id(), s.device));
        set_if(i, "Caption", "Boot Source");
        set_if(i, "Description", "Boot source of the virtual machine");
        set_if(i, "ElementName", network ? "EFI Network" : "EFI SCSI Device");
        set_if(i, "BootSourceType", network ? 2 : 1);
        set_if(i, "BootSourceDescription", network ? "EFI Network" : "EFI SCSI Device");
        return i;
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_BootSourceSettingData(Services& services) {
    return std::make_unique<BootSources>(services);
}

}  // namespace wsvirt::cim
