#include "backend/libvirt/observe.hpp"

#include <libvirt/virterror.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/snapshot_xml.hpp"
#include "backend/libvirt/unknown_in.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

const std::vector<SnapshotInfo> none_known;
constexpr int most_tries = 5;
constexpr auto try_again = std::chrono::milliseconds(100);

MachineState state_of(int state) {
    switch (state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
            return MachineState::running;
        case VIR_DOMAIN_PAUSED:
        case VIR_DOMAIN_PMSUSPENDED:
            return MachineState::paused;
        case VIR_DOMAIN_SHUTDOWN:
            return MachineState::stopping;
        case VIR_DOMAIN_CRASHED:
            return MachineState::crashed;
        default:
            return MachineState::off;
    }
}

// libvirt's words for the reasons, as virsh prints them; it has no public function for that.
std::string reason_of(int state, int reason) {
    using Words = std::vector<const char*>;
    static const Words running = {"unknown",       "booted",   "migrated",           "restored",
                                  "from snapshot", "unpaused", "migration canceled", "save canceled",
                                  "event wakeup",  "crashed",  "post-copy",          "post-copy failed"};
    static const Words paused = {
        "unknown",   "user",        "migrating",     "saving",           "dumping",
        "I/O error", "watchdog",    "from snapshot", "shutting down",    "creating snapshot",
        "crashed",   "starting up", "post-copy",     "post-copy failed", "api error"};
    static const Words shutoff = {"unknown", "shutdown", "destroyed",     "crashed", "migrated",
                                  "saved",   "failed",   "from snapshot", "daemon"};
    static const Words shutdown = {"unknown", "user"};
    static const Words crashed = {"unknown", "panicked"};
    static const Words none = {"unknown"};
    const Words& words = state == VIR_DOMAIN_RUNNING    ? running
                         : state == VIR_DOMAIN_PAUSED   ? paused
                         : state == VIR_DOMAIN_SHUTOFF  ? shutoff
                         : state == VIR_DOMAIN_SHUTDOWN ? shutdown
                         : state == VIR_DOMAIN_CRASHED  ? crashed
                                                        : none;
    return reason >= 0 && static_cast<std::size_t>(reason) < words.size()
               ? words[static_cast<std::size_t>(reason)]
               : "unknown";
}

std::int64_t modified_us(const std::string& path) {
    struct stat s {};
    if (path.empty() || stat(path.c_str(), &s) != 0) return 0;
    return static_cast<std::int64_t>(s.st_mtim.tv_sec) * 1'000'000 + s.st_mtim.tv_nsec / 1000;
}

// What libvirt leaves on disk about a machine of this host: QEMU's pid, and when it last started or ended.
void add_local_facts(Machine& m, const std::string& name, const Connector& connector) {
    if (const std::string dir = connector.run_dir(); !dir.empty() && m.id > 0) {
        const std::string file = dir + "/" + name + ".pid";
        std::ifstream in(file);
        int pid = 0;
        if (in >> pid && pid > 0) m.pid = pid;
        m.started_us = modified_us(file);
    }
    if (const std::string dir = connector.log_dir(); !dir.empty())
        m.state_since_us = m.id > 0 ? m.started_us : modified_us(dir + "/" + name + ".log");
}

bool agent_connected(const std::string& live) {
    const auto at = live.find("name='org.qemu.guest_agent.0'");
    if (at == std::string::npos) return false;
    const auto end = live.find('>', at);
    return live.substr(at, end - at).find("state='connected'") != std::string::npos;
}

}  // namespace

DomainHandle find_domain(virConnectPtr connection, std::string_view uuid) {
    return DomainHandle(virDomainLookupByUUIDString(connection, std::string(uuid).c_str()));
}

std::string uuid_of(virDomainPtr domain) {
    char text[VIR_UUID_STRING_BUFLEN] = "";
    virDomainGetUUIDString(domain, text);
    return to_upper(text);
}

namespace {

// As it runs, or as it ran when it was saved.
std::string running_xml(virDomainPtr domain, const Machine& m) {
    if (m.state == MachineState::saved) return take(virDomainManagedSaveGetXMLDesc(domain, 0));
    return m.id == -1 ? "" : take(virDomainGetXMLDesc(domain, 0));
}

Result<Machine> without_snapshots(virDomainPtr domain, const Connector& connector) {
    int state = 0, reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) return last_error("look at the machine");
    const bool persistent = virDomainIsPersistent(domain) == 1;
    const std::string xml =
        take(virDomainGetXMLDesc(domain, persistent ? unsigned{VIR_DOMAIN_XML_INACTIVE} : 0u));
    if (xml.empty()) return last_error("look at the machine");
    auto read = read_domain(xml);
    if (!read) return read.error();
    Machine m;
    m.spec = std::move(read->kept.spec);
    m.unknown = std::move(read->unknown);
    m.nvram_file = nvram_path(xml);
    m.created_us = read->kept.created_us;
    m.config_changed_us = read->kept.config_changed_us;
    m.persistent = persistent;
    m.state = state_of(state);
    m.state_reason = reason_of(state, reason);
    m.has_saved_state = persistent && has_saved_file(connector, domain, m.state == MachineState::off);
    if (m.state == MachineState::off && m.has_saved_state) m.state = MachineState::saved;
    const unsigned id = virDomainGetID(domain);
    m.id = id == static_cast<unsigned>(-1) ? -1 : static_cast<int>(id);
    int autostart = 0;
    if (persistent && virDomainGetAutostart(domain, &autostart) == 0) m.spec.autostart = autostart != 0;
    add_local_facts(m, read->domain_name, connector);
    const std::string now = running_xml(domain, m);
    if (m.state == MachineState::running) m.agent_connected = agent_connected(now);
    if (persistent && !now.empty()) add_devices_beside(m.unknown, xml, now);
    return m;
}

Result<SnapshotInfo> read_one(virDomainSnapshotPtr snapshot, const std::string& uuid,
                              const std::vector<SnapshotInfo>& known) {
    const std::string id = snapshot_id(uuid, virDomainSnapshotGetName(snapshot));
    const auto old = std::find_if(known.begin(), known.end(), [&](const auto& s) { return s.id == id; });
    if (old != known.end()) return *old;
    const std::string xml = take(virDomainSnapshotGetXMLDesc(snapshot, 0));
    if (xml.empty()) return Error{Status::not_found, "wsvirt.snapshot.unknown", "It was deleted.", id};
    return read_snapshot(xml, uuid);
}

// With settings as kept by us, parents before children. Known ones are not read again.
Result<std::vector<SnapshotInfo>> read_snapshots(virDomainPtr domain,
                                                 const std::vector<SnapshotInfo>& known) {
    std::vector<SnapshotInfo> r;
    virDomainSnapshotPtr* list = nullptr;
    const int n = virDomainListAllSnapshots(domain, &list, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
    if (n < 0) {
        if (last_error_code() == VIR_ERR_NO_SUPPORT) return r;
        return last_error("list the machine's snapshots");
    }
    std::vector<SnapshotHandle> snapshots;
    for (int i = 0; i < n; ++i) snapshots.emplace_back(list[i]);
    std::free(list);
    const std::string uuid = n > 0 ? uuid_of(domain) : "";
    std::string below_former;
    for (const auto& s : snapshots) {
        if (std::string_view(virDomainSnapshotGetName(s.get())).starts_with(former_prefix)) {
            const SnapshotHandle parent(virDomainSnapshotGetParent(s.get(), 0));
            if (parent && virDomainSnapshotIsCurrent(s.get(), 0) == 1)
                below_former = snapshot_id(uuid, virDomainSnapshotGetName(parent.get()));
            continue;
        }
        auto info = read_one(s.get(), uuid, known);
        if (!info && info.error().status == Status::not_found) continue;
        if (!info) return info.error();
        info->current = virDomainSnapshotIsCurrent(s.get(), 0) == 1;
        r.push_back(std::move(*info));
    }
    for (auto& s : r) s.current |= s.id == below_former;
    return r;
}

Result<Machine> observe(virDomainPtr domain, const Connector& connector,
                        const std::vector<SnapshotInfo>& known) {
    auto m = without_snapshots(domain, connector);
    if (!m) return m;
    auto snapshots = read_snapshots(domain, known);
    if (!snapshots) return snapshots.error();
    m->snapshots = std::move(*snapshots);
    return m;
}

// One that is being taken may have been seen before it was whole.
std::vector<SnapshotInfo> known_but(const Inventory& inventory, std::string_view uuid,
                                    const std::string& added) {
    const auto before = added.empty() ? nullptr : inventory.machine(uuid);
    if (!before) return {};
    auto known = before->snapshots;
    std::erase_if(known, [&](const auto& s) { return s.id == added; });
    return known;
}

}  // namespace

Result<void> refresh(virConnectPtr connection, std::string_view uuid, const Connector& connector,
                     Inventory& inventory, const std::string& added) {
    const auto known = known_but(inventory, uuid, added);
    const auto ticket = inventory.draw();
    const auto domain = find_domain(connection, uuid);
    if (!domain) {
        if (last_error_code() != VIR_ERR_NO_DOMAIN) return last_error("look at the machine");
        inventory.gone(ticket, uuid);
        return {};
    }
    auto machine = observe(domain.get(), connector, known);
    if (machine) {
        inventory.seen(ticket, std::move(*machine));
        return {};
    }
    if (machine.error().status != Status::not_found) return machine.error();
    inventory.gone(ticket, uuid);
    return {};
}

Result<void> refresh_all(virConnectPtr connection, const Connector& connector, Inventory& inventory) {
    const auto ticket = inventory.draw();
    virDomainPtr* list = nullptr;
    const int n = virConnectListAllDomains(connection, &list, 0);
    if (n < 0) return last_error("list the machines");
    std::vector<DomainHandle> domains;
    for (int i = 0; i < n; ++i) domains.emplace_back(list[i]);
    std::free(list);
    std::vector<std::string> there;
    for (const auto& d : domains) {
        there.push_back(uuid_of(d.get()));
        auto own = inventory.draw();
        auto machine = observe(d.get(), connector, none_known);
        // libvirt may still be taking up its connections to machines that run since before it began.
        for (int tries = 1; !machine && machine.error().status != Status::not_found && tries < most_tries;
             ++tries) {
            std::this_thread::sleep_for(try_again);
            own = inventory.draw();
            machine = observe(d.get(), connector, none_known);
        }
        if (machine)
            inventory.seen(own, std::move(*machine));
        else if (machine.error().status == Status::unavailable)
            return machine.error();
    }
    inventory.only(ticket, there);
    return {};
}

}  // namespace wsvirt::backend::libvirt
