#include "cim/providers/virtual_system/resource_pool.hpp"

#include "backend/hypervisor.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/templates.hpp"

namespace wsvirt::cim::vs {

namespace {

class PoolProvider final : public Provider {
  public:
    PoolProvider(Services& services, bool processors) : services_(services), processors_(processors) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& k : kinds())
            if ((k.kind == Kind::processor) == processors_) out.push_back(instance(cls, k));
        return stream_of(std::move(out));
    }

  private:
    Instance instance(const ClassPtr& cls, const KindInfo& k) const {
        Instance i(cls);
        const auto id = pool_id(k.kind);
        set_if(i, "InstanceID", id);
        set_if(i, "PoolID", id);
        set_if(i, "Primordial", true);
        set_if(i, "Caption", k.caption);
        set_if(i, "ElementName", k.caption);
        set_if(i, "Name", k.caption);
        set_if(i, "Description", "Root resource pool of the host");
        set_if(i, "ResourceType", k.resource_type);
        if (!k.sub_type.empty()) set_if(i, "ResourceSubType", k.sub_type);
        if (!k.other_type.empty()) set_if(i, "OtherResourceType", k.other_type);
        set_if(i, "AllocationUnits", k.units);
        set_if(i, "ConsumedResourceUnits", k.units);
        set_if(i, "OperationalStatus", array_with(2));
        set_if(i, "StatusDescriptions", array_with("OK"));
        set_if(i, "HealthState", 5);
        set_if(i, "Reserved", 0);
        amounts(i, k.kind);
        return i;
    }

    void amounts(Instance& i, Kind k) const {
        std::uint64_t capacity = 0, used = 0;
        const auto host = services_.hypervisor.host();
        if (k == Kind::processor) capacity = std::uint64_t{host.cpus} * 100000;
        if (k == Kind::memory) capacity = host.memory_mib;
        if (capacity == 0) return;
        for (const auto& m : services_.hypervisor.machines()) {
            if (m->id < 0) continue;
            used += k == Kind::memory
                        ? m->spec.memory_mib
                        : std::uint64_t{m->spec.processors} * 100 * m->spec.cpu_limit_permille.value_or(1000);
        }
        set_if(i, "Capacity", capacity);
        set_if(i, "MaxConsumableResource", capacity);
        set_if(i, "CurrentlyConsumedResource", used);
    }

    Services& services_;
    bool processors_;
};

}  // namespace

std::unique_ptr<Provider> make_pool_provider(Services& services, bool processors) {
    return std::make_unique<PoolProvider>(services, processors);
}

}  // namespace wsvirt::cim::vs
