// The export settings to copy from: one for each machine, planned system and snapshot of a machine, with the
// values that an export uses when a client does not say.
#include "cim/om/provider.hpp"
#include "cim/providers/export_import/export_plan.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/system_writer.hpp"

namespace wsvirt::cim {

namespace {

Instance defaults_for(const ClassPtr& cls, const Services& services, const vs::Configuration& c) {
    const export_import::ExportWishes w;
    Instance i(cls);
    set_if(i, "InstanceID", vs::setting_id(c.id()));
    set_if(i, "Caption", "Virtual Machine Export Settings");
    set_if(i, "Description", "Settings for exporting a virtual machine");
    set_if(i, "ElementName", vs::element_name(c));
    set_if(i, "CaptureLiveState", w.live);
    const std::uint8_t snapshots = c.snapshot ? std::uint8_t{export_import::ExportWishes::one} : w.snapshots;
    set_if(i, "CopySnapshotConfiguration", snapshots);
    set_if(i, "CopyVmRuntimeInformation", w.runtime);
    set_if(i, "CopyVmStorage", w.storage);
    set_if(i, "CreateVmExportSubdirectory", w.subdirectory);
    set_if(i, "BackupIntent", 0);
    set_if(i, "ExportForLiveMigration", false);
    set_if(i, "DisableDifferentialOfIgnoredStorage", false);
    if (c.snapshot)
        set_if(i, "SnapshotVirtualSystem",
               vs::setting_path_text(services.host.name, "Msvm_VirtualSystemSettingData",
                                     vs::setting_id(c.id())));
    return i;
}

bool has_settings(const vs::Configuration& c) {
    return c.kind != vs::Configuration::Kind::planned_snapshot;
}

class ExportSettings final : public Provider {
  public:
    explicit ExportSettings(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        auto all = vs::configurations(services_);
        std::erase_if(all, [](const auto& c) { return !has_settings(c); });
        return vs::stream_configurations(std::move(all),
                                         [this, cls](const auto& c, std::vector<Instance>& out) {
                                             out.push_back(defaults_for(cls, services_, c));
                                         });
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (!iequals(property, "InstanceID") || !value.as_string()) return StreamPtr();
        std::vector<Instance> out;
        const auto id = vs::parse_setting_id(*value.as_string());
        const auto c = id && id->device.empty() ? vs::find_configuration(services_, id->guid) : std::nullopt;
        if (c && has_settings(*c)) out.push_back(defaults_for(cls, services_, *c));
        return stream_of(std::move(out));
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VirtualSystemExportSettingData(Services& services) {
    return std::make_unique<ExportSettings>(services);
}

}  // namespace wsvirt::cim
