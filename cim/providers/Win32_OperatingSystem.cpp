// The host's operating system. Version is the distribution's release as three numbers; BuildNumber is the
// kernel's.
#include "backend/hypervisor.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/host/host_facts.hpp"
#include "cim/providers/host/single_instance.hpp"
#include "cim/providers/instance_tools.hpp"

namespace wsvirt::cim {

namespace {

constexpr unsigned linux_type = 36, server_product = 3;

void set_memory(Instance& i, const backend::HostInfo& info) {
    const auto m = host::memory();
    const auto total = info.memory_mib > 0 ? info.memory_mib << 10 : m.total;
    // What a new machine could get counts, also where it holds the file cache at the moment.
    const auto available = m.available > 0 ? m.available : info.free_memory_mib << 10;
    i.set("TotalVisibleMemorySize", total);
    i.set("FreePhysicalMemory", available);
    i.set("TotalVirtualMemorySize", total + m.swap_total);
    i.set("FreeVirtualMemory", available + m.swap_free);
    i.set("SizeStoredInPagingFiles", m.swap_total);
    i.set("FreeSpaceInPagingFiles", m.swap_free);
    if constexpr (sizeof(void*) == 8) i.set("MaxProcessMemorySize", std::uint64_t{1} << 37);  // KiB
}

Instance make(Services& services, const ClassPtr& cls) {
    const auto os = host::operating_system();
    const auto cpu = host::processor();
    const auto zone = host::time_zone();
    Instance i(cls);
    i.set("CreationClassName", cls->name());
    i.set("CSCreationClassName", "Win32_ComputerSystem");
    i.set("CSName", services.host.name);
    i.set("Name", os.pretty_name);
    i.set("Caption", os.pretty_name);
    i.set("Manufacturer", os.name);
    i.set("Version", os.version);
    i.set("BuildNumber", os.kernel_release);
    i.set("OSType", linux_type);
    i.set("ProductType", server_product);
    i.set("OSArchitecture", sizeof(void*) == 8 ? "64-bit" : "32-bit");
    i.set("CodeSet", "65001");  // UTF-8
    i.set("Status", "OK");
    i.set("Primary", true);
    i.set("Debug", false);
    i.set("Distributed", false);
    i.set("PAEEnabled", cpu.pae);
    i.set("DataExecutionPrevention_Available", cpu.nx);
    i.set("ServicePackMajorVersion", 0u);
    i.set("ServicePackMinorVersion", 0u);
    i.set("NumberOfLicensedUsers", 0u);  // unlimited
    i.set("NumberOfProcesses", os.processes);
    i.set("NumberOfUsers", os.users);
    if (os.max_processes) i.set("MaxNumberOfProcesses", *os.max_processes);
    if (!os.root_device.empty())
        for (const char* name : {"BootDevice", "SystemDevice"}) i.set(name, os.root_device);
    i.set("CurrentTimeZone", zone.minutes_east);
    i.set("LocalDateTime", DateTime::timestamp(DateTime::now().microseconds(), zone.minutes_east));
    if (os.boot_time)
        i.set("LastBootUpTime", DateTime::timestamp(*os.boot_time * 1'000'000, zone.minutes_east));
    set_memory(i, services.hypervisor.host());
    return i;
}

}  // namespace

std::unique_ptr<Provider> make_Win32_OperatingSystem(Services& services) {
    return std::make_unique<host::SingleInstance>(
        [&services](const ClassPtr& cls) { return make(services, cls); });
}

}  // namespace wsvirt::cim
