// The settings of machines, snapshots and planned systems; those of a new virtual system, which clients copy;
// and the three secure boot templates, which clients find by ElementName and copy SecureBootTemplateId from.
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/virtual_system/capabilities.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/defaults.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/system_writer.hpp"
#include "cim/providers/virtual_system/writer_cache.hpp"

namespace wsvirt::cim {

namespace {

class SystemSettingProvider final : public Provider {
  public:
    explicit SystemSettingProvider(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<StreamPtr> parts;
        parts.push_back(stream(cls, vs::configurations(services_)));
        std::vector<Instance> templates{new_system(cls)};
        for (const auto& t : vs::boot_templates) templates.push_back(boot_template(cls, t));
        parts.push_back(stream_of(std::move(templates)));
        return concat(std::move(parts));
    }

    Result<Instance> get(const Request& request, const ClassPtr& cls, const ObjectPath& path) override {
        const auto id = path.key_string("InstanceID");
        if (id.empty()) return Provider::get(request, cls, path);
        auto found = look_up(cls, id);
        if (!found)
            return Error(Status::not_found, "wsvirt.setting.missing",
                         "There are no settings of a virtual system with the InstanceID \"" + id + "\".", id);
        return std::move(*found);
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        const auto* text = value.as_string();
        if (!text) return StreamPtr();
        std::vector<Instance> out;
        if (iequals(property, "InstanceID")) {
            if (auto i = look_up(cls, *text)) out.push_back(std::move(*i));
            return stream_of(std::move(out));
        }
        if (iequals(property, "VirtualSystemIdentifier")) {
            auto guid = vs::clean_guid(*text);
            return stream(cls,
                          guid ? vs::configurations_of(services_, *guid) : std::vector<vs::Configuration>{});
        }
        if (!iequals(property, "ConfigurationID")) return StreamPtr();
        std::vector<vs::Configuration> one;
        if (auto c = vs::find_configuration(services_, *text)) one.push_back(std::move(*c));
        return stream(cls, std::move(one));
    }

  private:
    StreamPtr stream(const ClassPtr& cls, std::vector<vs::Configuration> all) {
        auto writer = writers_.get(services_, cls);
        const auto count = all.size();
        return lazy_stream(count, [writer, all = std::move(all)](std::size_t n) -> std::optional<Instance> {
            return writer->write(all[n]);
        });
    }

    // What is a machine's own, or of one generation only, is left out.
    Instance new_system(const ClassPtr& cls) {
        auto described = std::make_shared<vs::PlannedSystem>();
        described->spec = vs::new_machine();
        vs::complete_generation(described->spec);
        vs::Configuration c;
        c.kind = vs::Configuration::Kind::planned;
        c.planned = std::move(described);
        auto i = writers_.get(services_, cls)->write(c);
        for (const char* own : {"VirtualSystemIdentifier", "ConfigurationID", "VirtualSystemType",
                                "CreationTime", "BIOSGUID", "BIOSSerialNumber", "BaseBoardSerialNumber",
                                "ChassisSerialNumber", "ChassisAssetTag", "BootOrder"})
            i.clear(own);
        i.set("InstanceID", vs::new_system_id);
        return i;
    }

    static Instance boot_template(const ClassPtr& cls, const vs::BootTemplate& t) {
        Instance i(cls);
        i.set("InstanceID", t.instance_id);
        i.set("ElementName", t.name);
        i.set("Caption", "Secure Boot Template");
        i.set("SecureBootTemplateId", t.id);
        i.set("VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2");
        return i;
    }

    std::optional<Instance> look_up(const ClassPtr& cls, std::string_view id) {
        const auto parsed = vs::parse_setting_id(id);
        if (parsed && parsed->device.empty()) {
            if (auto c = vs::find_configuration(services_, parsed->guid))
                return writers_.get(services_, cls)->write(*c);
            return std::nullopt;
        }
        if (iequals(id, vs::new_system_id)) return new_system(cls);
        for (const auto& t : vs::boot_templates)
            if (iequals(id, t.instance_id)) return boot_template(cls, t);
        return std::nullopt;
    }

    Services& services_;
    vs::WriterCache<vs::SystemWriter> writers_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemSettingData(Services& services) {
    return std::make_unique<SystemSettingProvider>(services);
}

}  // namespace wsvirt::cim
