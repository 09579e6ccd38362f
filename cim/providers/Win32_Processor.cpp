// The host's processors, one instance a socket.
#include "backend/hypervisor.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/host/host_facts.hpp"
#include "cim/providers/instance_tools.hpp"

namespace wsvirt::cim {

namespace {

std::uint32_t architecture(const std::string& arch) {
    if (arch == "aarch64") return 12;
    return arch == "i686" ? 0 : 9;  // x86, x64
}

void set_number(Instance& i, std::string_view name, std::optional<std::uint32_t> n) {
    if (n) i.set(name, *n);
}

void set_identity(Instance& i, const backend::HostInfo& info, const host::Processor& cpu) {
    const auto model = cpu.model_name.empty() ? info.cpu_model : cpu.model_name;
    i.set("Name", model);
    i.set("Manufacturer", cpu.vendor.empty() ? info.cpu_vendor : cpu.vendor);
    i.set("Family", 1u);  // other: the name below says which
    i.set("OtherFamilyDescription", model);
    set_number(i, "Level", cpu.family);
    if (!cpu.family || !cpu.model || !cpu.stepping) return;
    i.set("Revision", (*cpu.model << 8 | *cpu.stepping) & 0xffff);
    i.set("Stepping", std::to_string(*cpu.stepping));
    const std::string text = "Family " + std::to_string(*cpu.family) + " Model " +
                             std::to_string(*cpu.model) + " Stepping " + std::to_string(*cpu.stepping);
    i.set("Caption", text);
    i.set("Description", text);
}

Instance make(Services& services, const ClassPtr& cls, unsigned socket) {
    const auto info = services.hypervisor.host();
    const auto cpu = host::processor();
    Instance i(cls);
    i.set("DeviceID", "CPU" + std::to_string(socket));
    i.set("CreationClassName", cls->name());
    i.set("SystemCreationClassName", "Win32_ComputerSystem");
    i.set("SystemName", services.host.name);
    set_identity(i, info, cpu);
    const unsigned width = architecture(info.arch) == 0 ? 32 : 64;
    i.set("Architecture", architecture(info.arch));
    i.set("AddressWidth", width);
    i.set("DataWidth", width);
    i.set("NumberOfCores", info.cores_per_socket);
    i.set("NumberOfLogicalProcessors", info.cores_per_socket * info.threads_per_core);
    const auto now = cpu.mhz ? *cpu.mhz : info.mhz;
    i.set("CurrentClockSpeed", now);
    i.set("MaxClockSpeed", cpu.max_mhz ? *cpu.max_mhz : std::max(now, info.mhz));
    set_number(i, "L2CacheSize", cpu.l2_kib);
    set_number(i, "L3CacheSize", cpu.l3_kib);
    i.set("Availability", 3u);   // running
    i.set("CpuStatus", 1u);      // enabled
    i.set("StatusInfo", 3u);     // enabled
    i.set("ProcessorType", 3u);  // central processor
    i.set("UpgradeMethod", 2u);  // unknown
    i.set("Role", "CPU");
    i.set("Status", "OK");
    i.set("PowerManagementSupported", false);
    return i;
}

class Processors final : public Provider {
  public:
    explicit Processors(Services& services) : services_(services) {}
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        const auto sockets = std::max(1u, services_.hypervisor.host().sockets);
        return lazy_stream(sockets, [this, cls](std::size_t n) -> std::optional<Instance> {
            return make(services_, cls, static_cast<unsigned>(n));
        });
    }

  private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Win32_Processor(Services& services) {
    return std::make_unique<Processors>(services);
}

}  // namespace wsvirt::cim
