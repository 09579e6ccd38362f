// What can be asked of each kind of resource; leads from a pool to the template settings.
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/templates.hpp"

namespace wsvirt::cim {

namespace {

// Kinds that QEMU plugs into a running machine.
bool hot(vs::Kind k) {
    return k == vs::Kind::disk_drive || k == vs::Kind::hard_disk || k == vs::Kind::dvd_disk ||
           k == vs::Kind::synthetic_nic || k == vs::Kind::connection;
}

class AllocationCapabilities final : public Provider {
  public:
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& k : vs::kinds()) out.push_back(instance(cls, k));
        return stream_of(std::move(out));
    }

  private:
    static Instance instance(const ClassPtr& cls, const vs::KindInfo& k) {
        Instance i(cls);
        set_if(i, "InstanceID", vs::capabilities_id(k.kind));
        set_if(i, "Caption", k.caption);
        set_if(i, "ElementName", k.caption);
        set_if(i, "Description", "Allocation capabilities of the host");
        set_if(i, "ResourceType", k.resource_type);
        if (!k.sub_type.empty()) set_if(i, "ResourceSubType", k.sub_type);
        if (!k.other_type.empty()) set_if(i, "OtherResourceType", k.other_type);
        set_if(i, "RequestTypesSupported", 2);
        set_if(i, "SharingMode", k.kind == vs::Kind::processor ? 3 : 2);
        const std::vector<std::uint16_t> states =
            hot(k.kind) ? std::vector<std::uint16_t>{2, 3, 9} : std::vector<std::uint16_t>{3};
        set_if(i, "SupportedAddStates", Value::array_of(states));
        set_if(i, "SupportedRemoveStates", Value::array_of(states));
        return i;
    }
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_AllocationCapabilities(Services&) {
    return std::make_unique<AllocationCapabilities>();
}

}  // namespace wsvirt::cim
