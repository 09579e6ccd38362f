#include "cim/providers/virtual_system/service_settings.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/kept.hpp"
#include "cim/providers/virtual_system/mac_address.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::string_view kind = "service";

}  // namespace

std::string service_setting(Services& services, std::string_view property, std::string_view other) {
    auto text = services.store.get(kind, property);
    if (text && *text) return **text;
    return std::string(other);
}

Result<void> set_service_setting(Services& services, std::string_view property, std::string_view value) {
    return services.store.put(kind, property, value);
}

MacRange mac_range(Services& services) {
    return {service_setting(services, "MinimumMacAddress", "00155D000000"),
            service_setting(services, "MaximumMacAddress", "00155DFFFFFF")};
}

void add_macs(const backend::MachineSpec& spec, std::set<std::string, ILess>& to) {
    for (const auto& n : spec.nics) to.insert(n.mac);
}

Result<std::string> new_mac(Services& services, const std::set<std::string, ILess>& taken) {
    const auto range = mac_range(services);
    if (auto mac = free_mac(range.low, range.high, taken)) return *mac;
    return Error(
        Status::failed, "wsvirt.nic.mac_range",
        "Every MAC address from " + range.low + " to " + range.high +
            " is taken; give the network adapter an Address, or more room with MinimumMacAddress and "
            "MaximumMacAddress (ModifyServiceSettings).",
        "Address");
}

Result<std::string> new_mac(Services& services, const backend::MachineSpec& spec) {
    std::set<std::string, ILess> taken;
    add_macs(spec, taken);
    for (const auto& m : services.hypervisor.machines()) add_macs(m->spec, taken);
    return new_mac(services, taken);
}

Instance service_settings_instance(Services& services, const ClassPtr& cls) {
    Instance i(cls);
    set_if(i, "InstanceID", "Microsoft:host");
    set_if(i, "Caption", "Hyper-V Virtual System Management Service");
    set_if(i, "Description", "Settings for the Virtual System Management Service");
    set_if(i, "ElementName", "Hyper-V Virtual System Management Service");
    set_if(i, "BiosLockString", "");
    set_if(i, "DefaultExternalDataRoot", services.host.data_root.string());
    set_if(i, "DefaultVirtualHardDiskPath", services.host.virtual_hard_disk_path.string());
    set_if(i, "MinimumMacAddress", "00155D000000");
    set_if(i, "MaximumMacAddress", "00155DFFFFFF");
    set_if(i, "NumaSpanningEnabled", true);
    set_if(i, "PrimaryOwnerName", "Administrators");
    set_if(i, "PrimaryOwnerContact", "");
    set_if(i, "HbaLunTimeout", 120);
    set_if(i, "DefaultVirtualHardDiskCachingMode", 2);
    set_if(i, "HypervisorRootSchedulerEnabled", true);
    set_if(i, "EnhancedSessionModeEnabled", false);
    auto rows = services.store.list(kind);
    if (!rows) return i;
    for (const auto& row : *rows) {
        const auto* p = cls->property(row.key);
        if (p) set_if(i, row.key, kept_value(*p, row.text));
    }
    return i;
}

}  // namespace wsvirt::cim::vs
