// The host as a computer, as clients of WMI ask for it. What the host does not tell is NULL or "unknown".
#include "backend/hypervisor.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/host/host_facts.hpp"
#include "cim/providers/host/single_instance.hpp"
#include "cim/providers/instance_tools.hpp"

namespace wsvirt::cim {

namespace {

constexpr unsigned unknown_password = 3, unknown_state = 2;

std::string system_type(const std::string& arch) {
    if (arch == "aarch64") return "ARM64-based PC";
    return arch == "x86_64" || arch.empty() ? "x64-based PC" : arch + "-based PC";
}

void set_text(Instance& i, std::string_view name, const std::string& text) {
    if (!text.empty()) i.set(name, text);
}

Instance make(Services& services, const ClassPtr& cls) {
    const auto info = services.hypervisor.host();
    const auto product = host::product(info);
    const auto zone = host::time_zone();
    Instance i(cls);
    for (const char* name : {"Name", "Caption"}) i.set(name, services.host.name);
    i.set("CreationClassName", cls->name());
    i.set("DNSHostName", host::dns_host_name());
    i.set("Description", "Virtualization host");
    set_text(i, "Domain", host::dns_domain());
    set_text(i, "Manufacturer", product.vendor);
    set_text(i, "Model", product.name);
    i.set("DomainRole", 2u);  // standalone server
    i.set("PartOfDomain", false);
    i.set("NumberOfProcessors", info.sockets);
    i.set("NumberOfLogicalProcessors", info.cpus);
    const auto bytes = info.memory_mib > 0 ? info.memory_mib << 20 : host::memory().total << 10;
    i.set("TotalPhysicalMemory", bytes);
    i.set("SystemType", system_type(info.arch));
    i.set("CurrentTimeZone", zone.minutes_east);
    i.set("DaylightInEffect", zone.daylight);
    i.set("EnableDaylightSavingsTime", true);
    i.set("NetworkServerModeEnabled", true);
    i.set("InfraredSupported", false);
    i.set("BootupState", "Normal boot");
    i.set("Status", services.hypervisor.connected() ? "OK" : "Degraded");
    for (const char* name :
         {"AdminPasswordStatus", "FrontPanelResetStatus", "KeyboardPasswordStatus", "PowerOnPasswordStatus"})
        i.set(name, unknown_password);
    for (const char* name :
         {"ChassisBootupState", "PowerSupplyState", "ThermalState", "WakeUpType", "ResetCapability"})
        i.set(name, unknown_state);
    i.set("PowerState", 0u);    // unknown
    i.set("PCSystemType", 0u);  // unspecified
    i.set("PauseAfterReset", -1);
    i.set("ResetCount", -1);
    i.set("ResetLimit", -1);
    return i;
}

}  // namespace

std::unique_ptr<Provider> make_Win32_ComputerSystem(Services& services) {
    return std::make_unique<host::SingleInstance>(
        [&services](const ClassPtr& cls) { return make(services, cls); });
}

}  // namespace wsvirt::cim
