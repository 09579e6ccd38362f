// LibvirtHypervisor: what the host is and has, and what its machines use.
#include <libvirt/virterror.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <pugixml.hpp>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/firmware.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/qemu/accelerator.hpp"
#include "backend/qemu/png.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

// Hyper-V's own identifier of the Default Switch, which clients know.
constexpr const char* default_switch_id = "C08CB7B8-9B3C-408E-8E30-5E16A3AEB444";

std::string version_text(unsigned long v) {
    return std::to_string(v / 1'000'000) + "." + std::to_string(v / 1000 % 1000) + "." +
           std::to_string(v % 1000);
}

// The embedded driver has no identifier of its own where the firmware does not give one.
std::string own_host_uuid(const std::string& state_dir) {
    const fs::path file = fs::path(state_dir) / "host-uuid";
    std::string uuid;
    std::ifstream(file) >> uuid;
    if (is_guid(uuid)) return to_upper(uuid);
    uuid = make_guid();
    std::ofstream(file) << uuid << "\n";
    return uuid;
}

std::string host_name() {
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    return name;
}

// From /proc/meminfo: libvirt's figure leaves out memory outside NUMA nodes.
std::uint64_t meminfo_mib(std::string_view wanted) {
    std::ifstream in("/proc/meminfo");
    std::string key;
    std::uint64_t kib = 0;
    for (std::string unit; in >> key >> kib; std::getline(in, unit))
        if (key == wanted) return kib / 1024;
    return 0;
}

// What another host has, and what of it machines can have, nearly as MemAvailable says it here: libvirt's
// shorter figures leave out memory outside NUMA nodes, and of what is free what is only cached.
void read_memory(HostInfo& h, virConnectPtr connection) {
    int n = 0;
    if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, nullptr, &n, 0) != 0 || n <= 0)
        return;
    std::vector<virNodeMemoryStats> all(static_cast<std::size_t>(n));
    if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, all.data(), &n, 0) != 0) return;
    std::uint64_t total_kib = 0, free_kib = 0;
    for (const auto& one : all) {
        const std::string_view field = one.field;
        if (field == VIR_NODE_MEMORY_STATS_TOTAL) total_kib += one.value;
        if (field == VIR_NODE_MEMORY_STATS_FREE || field == VIR_NODE_MEMORY_STATS_BUFFERS ||
            field == VIR_NODE_MEMORY_STATS_CACHED)
            free_kib += one.value;
    }
    if (total_kib > 0) h.memory_mib = total_kib / 1024;
    if (free_kib > 0) h.free_memory_mib = free_kib / 1024;
}

void read_capabilities(HostInfo& h, virConnectPtr connection) {
    const std::string xml = take(virConnectGetCapabilities(connection));
    pugi::xml_document doc;
    if (!doc.load_string(xml.c_str())) return;
    const auto host = doc.child("capabilities").child("host");
    if (h.uuid.empty()) h.uuid = to_upper(host.child("uuid").text().get());
    const auto cpu = host.child("cpu");
    h.arch = cpu.child("arch").text().get();
    h.cpu_model = cpu.child("model").text().get();
    h.cpu_vendor = cpu.child("vendor").text().get();
    h.can_migrate = bool(host.child("migration_features").child("live"));
}

// Another host's processor can only be judged by the extensions that it shows; without them its KVM does not
// boot a kernel whatever its libvirt advertises.
bool remote_kvm(virConnectPtr connection) {
    const std::string xml = take(virConnectGetCapabilities(connection));
    const bool extensions = xml.find("<feature name='vmx'/>") != std::string::npos ||
                            xml.find("<feature name='svm'/>") != std::string::npos;
    return xml.find("<domain type='kvm'") != std::string::npos && extensions;
}

std::vector<SwitchInfo> bridges_here(const std::string& host_uuid) {
    std::vector<SwitchInfo> r;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator("/sys/class/net", ec)) {
        if (!fs::exists(entry.path() / "bridge", ec)) continue;
        const std::string name = entry.path().filename();
        std::string state;
        std::ifstream(entry.path() / "operstate") >> state;
        r.push_back(
            {derived_guid(host_uuid, "bridge " + name), name, NicLink::bridge, name, state != "down"});
    }
    return r;
}

std::vector<SwitchInfo> networks(virConnectPtr connection) {
    std::vector<SwitchInfo> r;
    virNetworkPtr* list = nullptr;
    const int n = virConnectListAllNetworks(connection, &list, 0);
    for (int i = 0; i < n; ++i) {
        const NetworkHandle network(list[i]);
        char uuid[VIR_UUID_STRING_BUFLEN] = "";
        virNetworkGetUUIDString(network.get(), uuid);
        const std::string name = virNetworkGetName(network.get());
        r.push_back({to_upper(uuid), name, NicLink::network, name, virNetworkIsActive(network.get()) == 1});
    }
    std::free(list);
    return r;
}

void name_switches(std::vector<SwitchInfo>& all, const std::vector<NamedSwitch>& names,
                   const std::string& host_uuid) {
    for (const auto& n : names) {
        const auto link = n.bridge.empty() ? NicLink::network : NicLink::bridge;
        const auto& source = n.bridge.empty() ? n.network : n.bridge;
        const auto known = std::find_if(all.begin(), all.end(), [&](const SwitchInfo& s) {
            return s.link == link && s.source == source;
        });
        if (known != all.end())
            known->name = n.name;
        else  // a bridge may well be there; a network would have been listed
            all.push_back({derived_guid(host_uuid, (n.bridge.empty() ? "network " : "bridge ") + source),
                           n.name, link, source, !n.bridge.empty()});
    }
}

}  // namespace

void look_at_files(Core& core) {
    const HostKind kind = core.connector->kind();
    HostInfo h;
    const Settings& s = core.settings();
    h.name = s.name.empty() ? host_name() : s.name;
    if (kind == HostKind::embedded) h.uuid = own_host_uuid(s.state_dir);
    h.uefi_available = !core.options.firmware.code.empty();
    h.secure_boot_available = !core.options.firmware.secure_code.empty();
    h.accelerator = "tcg";
    const std::lock_guard lock(core.mutex);
    core.host = std::move(h);
    core.switches = {{default_switch_id, "Default Switch", NicLink::user, "", true}};
}

void look_at_host(Core& core, virConnectPtr connection) {
    const HostKind kind = core.connector->kind();
    const Settings& settings = core.settings();
    HostInfo h;
    {
        const std::lock_guard lock(core.mutex);
        h = core.host;
    }
    if (settings.name.empty())
        if (const std::string name = take(virConnectGetHostname(connection)); !name.empty()) h.name = name;
    unsigned long version = 0;
    if (virConnectGetVersion(connection, &version) == 0) h.hypervisor_version = version_text(version);
    if (virConnectGetLibVersion(connection, &version) == 0) h.libvirt_version = version_text(version);
    virNodeInfo node{};
    if (virNodeGetInfo(connection, &node) == 0) {
        h.cpus = node.cpus;
        h.mhz = node.mhz;
        h.memory_mib = node.memory / 1024;
        h.sockets = std::max(1u, node.nodes * node.sockets);
        h.cores_per_socket = std::max(1u, node.cores);
        h.threads_per_core = std::max(1u, node.threads);
    }
    if (kind != HostKind::remote && kind != HostKind::test) h.memory_mib = meminfo_mib("MemTotal:");
    h.free_memory_mib = virNodeGetFreeMemory(connection) / 1024 / 1024;
    if (kind == HostKind::remote) read_memory(h, connection);
    const bool first = h.arch.empty();
    if (first) read_capabilities(h, connection);
    FirmwareFiles firmware = core.domain_options().firmware;
    if (kind == HostKind::remote && settings.find_firmware)
        firmware = firmware_there(connection, settings.firmware, std::move(firmware));
    h.uefi_available = !firmware.code.empty();
    h.secure_boot_available = !firmware.secure_code.empty();
    std::string type = "qemu";
    if (kind == HostKind::test) {
        type = "test";
        h.accelerator = "test";
    } else {
        const bool kvm =
            settings.accelerator == "kvm" ||
            (settings.accelerator == "auto" &&
             (kind == HostKind::remote ? remote_kvm(connection) : qemu::kvm_works(settings.state_dir)));
        type = kvm ? "kvm" : "qemu";
        h.accelerator = kvm ? "kvm" : "tcg";
    }
    if (const int n = virConnectGetMaxVcpus(connection, type == "test" ? nullptr : type.c_str()); n > 0)
        h.max_processors = static_cast<unsigned>(n);
    std::vector<SwitchInfo> switches = {{default_switch_id, "Default Switch", NicLink::user, "", true}};
    if (kind == HostKind::embedded || kind == HostKind::local)
        for (auto& b : bridges_here(h.uuid)) switches.push_back(std::move(b));
    if (kind != HostKind::embedded)
        for (auto& n : networks(connection)) switches.push_back(std::move(n));
    name_switches(switches, settings.switches, h.uuid);
    const std::lock_guard lock(core.mutex);
    core.host = std::move(h);
    core.switches = std::move(switches);
    core.options.domain_type = type;
    core.options.firmware = std::move(firmware);
}

HostInfo LibvirtHypervisor::host() const {
    HostInfo h;
    {
        const std::lock_guard lock(core_->mutex);
        h = core_->host;
    }
    const HostKind kind = core_->connector->kind();
    if (kind == HostKind::embedded || kind == HostKind::local)
        h.free_memory_mib = meminfo_mib("MemAvailable:");
    return h;
}

std::vector<SwitchInfo> LibvirtHypervisor::switches() const {
    std::vector<SwitchInfo> r;
    {
        const std::lock_guard lock(core_->mutex);
        r = core_->switches;
    }
    if (core_->connector->kind() == HostKind::embedded) {  // no events speak of bridges
        const std::string uuid = host().uuid;
        std::erase_if(r, [](const SwitchInfo& s) { return s.link == NicLink::bridge; });
        for (auto& b : bridges_here(uuid)) r.push_back(std::move(b));
        name_switches(r, core_->settings().switches, uuid);
    }
    return r;
}

// Who looks at all machines does not wait for each that a silent host has.
Result<MachineStats> LibvirtHypervisor::stats(const Call& call, std::string_view uuid) {
    if (!connected()) return host_lost();
    return core_->workers->run<MachineStats>(
        call, {"read the machine's statistics", core_->settings().read_limit, false, {}, {}},
        [id = std::string(uuid)](Session& s) -> Result<MachineStats> {
            const auto d = find_domain(s.connection, id);
            if (!d)
                return last_error_code() == VIR_ERR_NO_DOMAIN ? no_machine(id)
                                                              : last_error("read the statistics");
            virDomainPtr list[] = {d.get(), nullptr};
            virDomainStatsRecordPtr* records = nullptr;
            const unsigned wanted = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL |
                                    VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_INTERFACE |
                                    VIR_DOMAIN_STATS_BLOCK;
            const int n =
                virDomainListGetStats(list, wanted, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
            if (n < 0) return last_error("read the machine's statistics");
            MachineStats r;
            for (int i = 0; n == 1 && i < records[0]->nparams; ++i) {
                const virTypedParameter& p = records[0]->params[i];
                const std::string_view name = p.field;
                const std::uint64_t v = p.type == VIR_TYPED_PARAM_ULLONG ? p.value.ul : 0;
                if (name == "cpu.time") r.cpu_time_ns = v;
                if (name == "balloon.current") r.memory_actual_mib = v / 1024;
                if (name == "balloon.unused") r.memory_unused_mib = v / 1024;
                if (name.starts_with("block.") && name.ends_with(".rd.bytes")) r.disk_read_bytes += v;
                if (name.starts_with("block.") && name.ends_with(".wr.bytes")) r.disk_written_bytes += v;
                if (name.starts_with("net.") && name.ends_with(".rx.bytes")) r.net_rx_bytes += v;
                if (name.starts_with("net.") && name.ends_with(".tx.bytes")) r.net_tx_bytes += v;
            }
            virDomainStatsRecordListFree(records);
            if (virDomainIsActive(d.get()) != 1) r.memory_actual_mib = 0;
            return r;
        });
}

Result<std::string> LibvirtHypervisor::screenshot(const Call& call, std::string_view uuid) {
    if (!connected()) return host_lost();
    return core_->workers->run<std::string>(
        call, {"take a picture of the screen", core_->settings().read_limit, false, {}, {}},
        [core = core_, id = std::string(uuid)](Session& s) -> Result<std::string> {
            const auto d = find_domain(s.connection, id);
            if (!d)
                return last_error_code() == VIR_ERR_NO_DOMAIN ? no_machine(id) : last_error("take a picture");
            auto state = state_now(*core->connector, d.get());
            if (!state) return state.error();
            if (!is_active(*state)) return wrong_state(*state, "take a picture of the machine's screen", id);
            const std::unique_ptr<virStream, FreeBy<&virStreamFree>> stream(virStreamNew(s.connection, 0));
            const std::string type = take(virDomainScreenshot(d.get(), stream.get(), 0, 0));
            if (type.empty()) return last_error("take a picture of the screen");
            std::string picture;
            char part[64 * 1024];
            for (int n = 0; (n = virStreamRecv(stream.get(), part, sizeof part)) != 0;) {
                if (n < 0) {
                    Error e = last_error("take a picture of the screen");
                    virStreamAbort(stream.get());
                    return e;
                }
                picture.append(part, static_cast<std::size_t>(n));
            }
            virStreamFinish(stream.get());
            if (auto converted = qemu::png_to_ppm(picture)) return std::move(*converted);
            if (!picture.starts_with("P6"))
                return Error{Status::not_supported, "wsvirt.screen.format",
                             "The host gives pictures in a form that cannot be used.", id, type};
            return picture;
        });
}

}  // namespace wsvirt::backend::libvirt
