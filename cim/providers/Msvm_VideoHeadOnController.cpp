// Display controller → its video head.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/devices.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::string_view controller = "Msvm_SyntheticDisplayController", head = "Msvm_VideoHead";

class VideoHeadOnController final : public Provider {
  public:
    explicit VideoHeadOnController(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& m : services_.hypervisor.machines())
            if (vs::device_facts(head)->exists(*m)) out.push_back(link(cls, m->spec.uuid));
        return stream_of(std::move(out));
    }

    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        const bool up = iequals(object.class_name(), controller), down = iequals(object.class_name(), head);
        if ((!up && !down) || !vs::role_fits(role, up ? "Antecedent" : "Dependent")) return empty_stream();
        const auto guid = vs::clean_guid(object.key_string("SystemName"));
        const auto m = guid ? services_.hypervisor.machine(*guid) : nullptr;
        if (!m || !vs::device_facts(head)->exists(*m)) return empty_stream();
        return stream_of({link(cls, m->spec.uuid)});
    }

  private:
    static Instance link(const ClassPtr& cls, const std::string& guid) {
        const auto path = [&](std::string_view name) {
            return vs::device_path(name, guid, vs::device_id(guid, *vs::device_facts(name)));
        };
        return vs::pair_of(cls, "Antecedent", path(controller), "Dependent", path(head));
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_VideoHeadOnController(Services& services) {
    return std::make_unique<VideoHeadOnController>(services);
}

}  // namespace wsvirt::cim
