#include "cim/providers/migration_service/needs.hpp"

#include <algorithm>
#include <map>

#include "backend/overlays.hpp"
#include "backend/qemu/overlays.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/same_files.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/patience.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::migration_service {

using backend::Machine;

namespace {

// Of a machine or a planned system.
template <class System>
std::vector<const backend::Disk*> disks_of(const System& m) {
    std::vector<const backend::Disk*> all;
    for (const auto& d : m.spec.disks) all.push_back(&d);
    for (const auto& s : m.snapshots)
        for (const auto& d : s.spec.disks) all.push_back(&d);
    std::erase_if(all, [](const backend::Disk* d) { return d->path.empty(); });
    return all;
}

template <class System>
bool has(const System& m, const std::string& file) {
    const auto all = disks_of(m);
    return std::any_of(all.begin(), all.end(), [&](const backend::Disk* d) { return d->path == file; });
}

std::string words_for(const Machine& m) {
    return "the virtual machine \"" + m.spec.name + "\"";
}

// On its own host, and on those where it is shown that the file is the same.
std::string user_of(const Services& services, const HostEntry& host, const std::string& machine,
                    const std::string& file) {
    for (const auto& other : hosts_of(services)) {
        const bool own = other.hypervisor == host.hypervisor;
        for (const auto& m : other.hypervisor->machines()) {
            if (iequals(m->spec.uuid, machine) || !has(*m, file)) continue;
            auto shared = services_at(services, host);
            if (own) return words_for(*m);
            if (export_import::same_on_all(shared, file, {&host, &other}))
                return words_for(*m) + " on the host \"" + other.name + "\"";
        }
    }
    return {};
}

// It is to be a machine of this service's own host. What was staged for another is a machine's own plan.
std::string planned_user_of(const Services& services, const HostEntry& host, const std::string& file) {
    auto shared = services_at(services, host);
    const auto own = hosts_of(services).front();
    for (const auto& p : vs::PlannedSystems(shared).all())
        if (!p->spec.attributes.contains(std::string(staged_for)) && has(*p, file) &&
            (own.hypervisor == host.hypervisor || export_import::same_on_all(shared, file, {&host, &own})))
            return "the planned system \"" + p->spec.name + "\"";
    return {};
}

// Where overlays may lie. What this service sees by itself may be what others see, too.
std::map<std::string, std::string> disks_at(const Services& services, const HostEntry& host) {
    std::map<std::string, std::string> all;
    for (const auto& h : hosts_of(services))
        if (h.hypervisor == host.hypervisor || sees_files(services, host))
            for (const auto& m : h.hypervisor->machines())
                for (const auto* d : disks_of(*m))
                    all.emplace(d->path, h.hypervisor == host.hypervisor ? d->format : "qcow2");
    return all;
}

Result<std::vector<std::string>> overlays_of(const Services& services, const HostEntry& host,
                                             const std::string& file) {
    const auto disks = disks_at(services, host);
    if (sees_files(services, host)) return backend::qemu::overlays_of({file}, disks);
    auto* const sight = dynamic_cast<backend::OverlaySight*>(host.hypervisor);
    return sight ? sight->overlays_of(briefly(), {file}, disks) : std::vector<std::string>();
}

std::string words_for_overlay(const Services& services, const std::string& overlay) {
    for (const auto& h : hosts_of(services))
        for (const auto& m : h.hypervisor->machines())
            if (has(*m, overlay)) return "the disk \"" + overlay + "\" of " + words_for(*m);
    return "the disk \"" + overlay + "\"";
}

}  // namespace

Result<std::vector<Need>> needed_by_others(const Services& services, const HostEntry& host,
                                           const std::string& machine,
                                           const std::vector<std::string>& files) {
    std::vector<Need> needs;
    for (const auto& file : files) {
        auto user = user_of(services, host, machine, file);
        if (user.empty()) user = planned_user_of(services, host, file);
        if (!user.empty()) {
            needs.push_back({file, std::move(user)});
            continue;
        }
        const auto overlays = overlays_of(services, host, file);
        if (!overlays) return overlays.error();
        for (const auto& overlay : *overlays) {
            if (std::find(files.begin(), files.end(), overlay) != files.end()) continue;  // goes with it
            needs.push_back({file, words_for_overlay(services, overlay)});
            break;
        }
    }
    return needs;
}

}  // namespace wsvirt::cim::migration_service
