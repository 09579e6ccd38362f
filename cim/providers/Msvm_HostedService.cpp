// The hosts → their services.
#include "base/text.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/associations.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim {

namespace {

class HostedService final : public Provider {
  public:
    explicit HostedService(Services& services) : services_(services) {}

    // Every service class that has a provider has its one instance on each host.
    Result<StreamPtr> enumerate(const Request& request, const ClassPtr& cls) override {
        std::vector<Instance> out;
        if (!services_.object_manager) return empty_stream();
        auto all = services_.object_manager->enumerate(request, "CIM_Service");
        if (!all) return all.error();
        auto found = collect(**all);
        if (!found) return found.error();
        for (const auto& s : *found)
            out.push_back(vs::pair_of(
                cls, "Antecedent", vs::system_path("Msvm_ComputerSystem", s.string("SystemName")),
                "Dependent", vs::service_path(s.string("SystemName"), s.cls().name(), s.string("Name"))));
        return stream_of(std::move(out));
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_HostedService(Services& services) {
    return std::make_unique<HostedService>(services);
}

}  // namespace wsvirt::cim
