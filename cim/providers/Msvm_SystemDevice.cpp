// Machine → its devices.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/devices.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

class SystemDevice final : public Provider {
  public:
    explicit SystemDevice(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& m : services_.hypervisor.machines()) append(cls, *m, out);
        return stream_of(std::move(out));
    }

    Result<StreamPtr> references(const Request&, const ClassPtr& cls, const ObjectPath& object,
                                 std::string_view role) override {
        std::vector<Instance> out;
        const auto* facts = vs::device_facts(object.class_name());
        const bool system = iequals(object.class_name(), "Msvm_ComputerSystem");
        if (!vs::role_fits(role, system ? "GroupComponent" : "PartComponent") || (!system && !facts))
            return empty_stream();
        const auto guid = vs::clean_guid(object.key_string(system ? "Name" : "SystemName"));
        const auto m = guid ? services_.hypervisor.machine(*guid) : nullptr;
        if (!m) return empty_stream();
        if (system)
            append(cls, *m, out);
        else if (facts->exists(*m))
            out.push_back(link(cls, *m, *facts));
        return stream_of(std::move(out));
    }

  private:
    static Instance link(const ClassPtr& cls, const backend::Machine& m, const vs::DeviceFacts& d) {
        return vs::pair_of(cls, "GroupComponent", vs::system_path("Msvm_ComputerSystem", m.spec.uuid),
                           "PartComponent",
                           vs::device_path(d.class_name, m.spec.uuid, vs::device_id(m.spec.uuid, d)));
    }
    static void append(const ClassPtr& cls, const backend::Machine& m, std::vector<Instance>& out) {
        for (const auto& d : vs::devices())
            if (d.exists(m)) out.push_back(link(cls, m, d));
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_SystemDevice(Services& services) {
    return std::make_unique<SystemDevice>(services);
}

}  // namespace wsvirt::cim
