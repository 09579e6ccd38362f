// Running time of virtual processors, one instance each while their machine runs: "<machine>:Hv VP <n>".
// Times count 100 ns. What QEMU does not count is NULL.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/host/host_facts.hpp"
#include "cim/providers/instance_tools.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::uint64_t per_second = 10'000'000;
constexpr std::string_view separator = ":Hv VP ";

using MachinePtr = std::shared_ptr<const backend::Machine>;

bool runs(const backend::Machine& m) {
    return m.state != backend::MachineState::off && m.state != backend::MachineState::saved &&
           m.state != backend::MachineState::crashed;
}

// Since 1601, as Windows counts.
std::uint64_t timestamp() {
    constexpr std::uint64_t seconds_1601_to_1970 = 11'644'473'600;
    return static_cast<std::uint64_t>(DateTime::now().microseconds()) * 10 +
           seconds_1601_to_1970 * per_second;
}

Instance make(const ClassPtr& cls, const backend::Machine& m, unsigned processor) {
    Instance i(cls);
    const auto name = m.spec.name + std::string(separator) + std::to_string(processor);
    for (const char* property : {"Name", "Caption"}) i.set(property, name);
    i.set("Description", "Virtual processor");
    const auto now = timestamp();
    for (const char* property : {"Timestamp_Object", "Timestamp_PerfTime", "Timestamp_Sys100NS"})
        i.set(property, now);
    for (const char* property : {"Frequency_Object", "Frequency_PerfTime", "Frequency_Sys100NS"})
        i.set(property, per_second);
    if (const auto ns = m.pid ? host::virtual_processor_ns(*m.pid, processor) : std::nullopt) {
        i.set("PercentTotalRunTime", *ns / 100);
        i.set("PercentTotalRunTime_Base", now);
    }
    return i;
}

class VirtualProcessors final : public Provider {
  public:
    explicit VirtualProcessors(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<std::pair<MachinePtr, unsigned>> all;
        for (const auto& m : services_.hypervisor.machines())
            for (unsigned n = 0; runs(*m) && n < m->spec.processors; ++n) all.emplace_back(m, n);
        const auto count = all.size();
        return lazy_stream(count, [cls, all = std::move(all)](std::size_t n) -> std::optional<Instance> {
            return make(cls, *all[n].first, all[n].second);
        });
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (!iequals(property, "Name")) return StreamPtr();
        const auto name = value.string_or({});
        std::vector<Instance> found;
        const auto at = name.rfind(separator);
        const auto n =
            at == std::string::npos ? std::nullopt : parse_uint(name.substr(at + separator.size()));
        for (const auto& m : services_.hypervisor.machines())
            if (n && runs(*m) && *n < m->spec.processors && iequals(m->spec.name, name.substr(0, at)))
                found.push_back(make(cls, *m, static_cast<unsigned>(*n)));
        return stream_of(std::move(found));
    }

    Result<Instance> get(const Request& request, const ClassPtr& cls, const ObjectPath& path) override {
        auto found = find(request, cls, "Name", Value(path.key_string("Name")));
        auto first = (*found)->next();
        if (first && *first) return std::move(**first);
        return Error(
            Status::not_found, "wsvirt.processor.missing",
            "There is no virtual processor \"" + path.key_string("Name") + "\" of a running machine.",
            "Name");
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor(
    Services& services) {
    return std::make_unique<VirtualProcessors>(services);
}

}  // namespace wsvirt::cim
