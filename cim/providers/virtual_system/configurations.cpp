#include "cim/providers/virtual_system/configurations.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"

namespace wsvirt::cim::vs {

namespace {

void append(std::shared_ptr<const backend::Machine> m, std::vector<Configuration>& out) {
    const auto* raw = m.get();
    out.push_back({Configuration::Kind::active, m, nullptr, nullptr});
    for (const auto& s : raw->snapshots) out.push_back({Configuration::Kind::snapshot, m, nullptr, &s});
}

void append(std::shared_ptr<const PlannedSystem> p, std::vector<Configuration>& out) {
    const auto* raw = p.get();
    out.push_back({Configuration::Kind::planned, nullptr, p, nullptr});
    for (const auto& s : raw->snapshots)
        out.push_back({Configuration::Kind::planned_snapshot, nullptr, p, &s});
}

class ConfigurationStream final : public InstanceStream {
  public:
    ConfigurationStream(std::vector<Configuration> all, ConfigurationWriter write)
        : all_(std::move(all)), write_(std::move(write)) {}

    Result<std::optional<Instance>> next() override {
        while (at_ == ready_.size()) {
            if (configuration_ == all_.size()) return std::optional<Instance>{};
            ready_.clear();
            at_ = 0;
            write_(all_[configuration_++], ready_);
        }
        return std::optional<Instance>(std::move(ready_[at_++]));
    }

  private:
    std::vector<Configuration> all_;
    ConfigurationWriter write_;
    std::vector<Instance> ready_;
    std::size_t configuration_ = 0, at_ = 0;
};

}  // namespace

std::vector<Configuration> configurations(Services& services) {
    std::vector<Configuration> out;
    auto machines = services.hypervisor.machines();
    out.reserve(machines.size() + 8);
    for (auto& m : machines) append(std::move(m), out);
    for (auto& p : PlannedSystems(services).all()) append(std::move(p), out);
    return out;
}

std::optional<Configuration> find_configuration(Services& services, std::string_view guid) {
    if (auto m = services.hypervisor.machine(guid))
        return Configuration{Configuration::Kind::active, std::move(m), nullptr, nullptr};
    for (auto& m : services.hypervisor.machines())
        for (const auto& s : m->snapshots)
            if (iequals(s.id, guid)) return Configuration{Configuration::Kind::snapshot, m, nullptr, &s};
    for (auto& p : PlannedSystems(services).all()) {
        if (iequals(p->spec.uuid, guid))
            return Configuration{Configuration::Kind::planned, nullptr, p, nullptr};
        for (const auto& s : p->snapshots)
            if (iequals(s.id, guid))
                return Configuration{Configuration::Kind::planned_snapshot, nullptr, p, &s};
    }
    return std::nullopt;
}

std::vector<Configuration> configurations_of(Services& services, std::string_view system_guid) {
    std::vector<Configuration> out;
    if (auto m = services.hypervisor.machine(system_guid))
        append(std::move(m), out);
    else if (auto p = PlannedSystems(services).find(system_guid))
        append(std::move(p), out);
    return out;
}

StreamPtr stream_configurations(std::vector<Configuration> all, ConfigurationWriter write) {
    return std::make_unique<ConfigurationStream>(std::move(all), std::move(write));
}

}  // namespace wsvirt::cim::vs
