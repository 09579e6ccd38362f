// Processor and memory settings, and the integration components.
#include "base/text.hpp"
#include "cim/providers/virtual_system/draft.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::uint64_t least_memory_mib = 32, most_memory_mib = 12'582'912;

Error out_of_range(const std::string& property, std::uint64_t low, std::uint64_t high) {
    return refuse("wsvirt.value.range", property,
                  property + " must be from " + std::to_string(low) + " to " + std::to_string(high) + ".");
}

Result<std::uint64_t> number_in(const Property& p, const Value& v, std::uint64_t low, std::uint64_t high) {
    std::uint64_t n = 0;
    if (!v.to_uint64(n) || n < low || n > high) return out_of_range(p.name, low, high);
    return n;
}

}  // namespace

Result<bool> Draft::set_processor(const Property& p, const Value& v) {
    if (iequals(p.name, "VirtualQuantity")) {
        if (auto r = need_off(p.name); !r) return r.error();
        auto n = number_in(p, v, 1, std::max(1U, services_.hypervisor.host().max_processors));
        if (!n) return n.error();
        spec_.processors = static_cast<unsigned>(*n);
        return true;
    }
    if (iequals(p.name, "Limit")) {
        auto n = number_in(p, v, 0, 100000);
        if (!n) return n.error();
        // 0 is no limit, as on Hyper-V; less than a tenth of a percent cannot be scheduled.
        const auto permille = static_cast<unsigned>(*n / 100);
        if (*n != 0 && permille == 0) return out_of_range(p.name, 100, 100000);
        spec_.cpu_limit_permille.reset();
        if (permille != 0 && permille != 1000) spec_.cpu_limit_permille = permille;
        if (*n == 0) {
            spec_.attributes.erase(std::string(processor_prefix) + p.name);
            return true;
        }
        return false;
    }
    if (iequals(p.name, "Reservation")) {
        auto n = number_in(p, v, 0, 100000);
        if (!n) return n.error();
        return false;
    }
    if (iequals(p.name, "Weight")) {
        auto n = number_in(p, v, 1, 10000);
        if (!n) return n.error();
        spec_.cpu_weight = static_cast<unsigned>(*n);  // cgroups count alike: 1 to 10000, usually 100
        return false;
    }
    if (iequals(p.name, "ExposeVirtualizationExtensions")) {
        if (auto r = need_off(p.name); !r) return r.error();
        spec_.nested_virtualization = v.bool_or(false);
        return true;
    }
    if (iequals(p.name, "HwThreadsPerCore")) {
        auto n = number_in(p, v, 0, 1);
        if (!n) return n.error();
        return false;
    }
    if (iequals(p.name, "CpuGroupId") && !v.string_or({}).empty())
        return refuse("wsvirt.processor.group", p.name, "There are no processor groups on this host.");
    return false;
}

Result<bool> Draft::set_memory(const Property& p, const Value& v) {
    auto& s = spec_;
    const bool quantity = iequals(p.name, "VirtualQuantity"), least = iequals(p.name, "Reservation"),
               most = iequals(p.name, "Limit");
    if (quantity || least || most) {
        if (auto r = need_not_saved(p.name); !r) return r.error();
        auto n = number_in(p, v, least_memory_mib, most_memory_mib);
        if (!n) return n.error();
        if (*n % 2 != 0)
            return refuse("wsvirt.memory.odd", p.name, p.name + " must be an even number of megabytes.");
        if (least) s.memory_min_mib = *n;
        if (most) s.memory_max_mib = *n;
        if (!quantity) return true;
        // Without dynamic memory the three are one size unless a client says otherwise.
        const auto before = s.memory_mib;
        s.memory_mib = *n;
        if (s.dynamic_memory) return true;
        if (s.memory_min_mib == before || s.memory_min_mib > *n) s.memory_min_mib = *n;
        if (s.memory_max_mib == before || s.memory_max_mib < *n) s.memory_max_mib = *n;
        return true;
    }
    if (iequals(p.name, "DynamicMemoryEnabled")) {
        if (auto r = need_off(p.name); !r) return r.error();
        s.dynamic_memory = v.bool_or(false);
        return true;
    }
    if (iequals(p.name, "Weight")) {
        auto n = number_in(p, v, 0, 10000);
        if (!n) return n.error();
    }
    if (iequals(p.name, "TargetMemoryBuffer")) {
        auto n = number_in(p, v, 5, 2000);
        if (!n) return n.error();
    }
    return false;
}

Result<bool> Draft::set_component(const Element&, const Property& p, const Value& v) {
    if (iequals(p.name, "ErrorThreshold") || iequals(p.name, "Interval") || iequals(p.name, "Latency") ||
        iequals(p.name, "Address") || iequals(p.name, "HostExchangeItems"))
        return read_only(p.name);
    if (iequals(p.name, "HostResource") && v.as_array() && !v.as_array()->empty()) return read_only(p.name);
    if (iequals(p.name, "EnabledState") && v.uint_or(0) != 2 && v.uint_or(0) != 3)
        return refuse("wsvirt.component.state", p.name, "EnabledState is 2 (enabled) or 3 (disabled).");
    return false;
}

}  // namespace wsvirt::cim::vs
