#include "cim/providers/image_service/users.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cim/providers/export_import/same_files.hpp"
#include "cim/providers/migration_service/hosts.hpp"

namespace wsvirt::cim::image_service {

namespace {

bool names(const backend::MachineSpec& s, const std::string& path) {
    return std::any_of(s.disks.begin(), s.disks.end(),
                       [&](const backend::Disk& d) { return d.path == path; });
}

bool has(const backend::Machine& m, const std::string& path) {
    return names(m.spec, path) || std::any_of(m.snapshots.begin(), m.snapshots.end(),
                                              [&](const auto& s) { return names(s.spec, path); });
}

Result<void> check_idle(const backend::Machine& m, const std::string& path, Use use) {
    const auto in_use = "\"" + path + "\" is in use by the virtual machine \"" + m.spec.name + "\"";
    if (names(m.spec, path) && (m.id >= 0 || m.has_saved_state))
        return Error(Status::busy, "wsvirt.disk.in_use", in_use + "; turn it off first.", "Path");
    // What stands on it, or is kept inside, was made for the disk as it is.
    if (use == Use::change && !m.snapshots.empty())
        return Error(Status::busy, "wsvirt.disk.snapshots",
                     in_use + ", which has snapshots; delete them first.", "Path");
    return {};
}

}  // namespace

Result<HeldUsers> hold_users(Services& services, const std::string& path, Use use) {
    auto held = std::make_shared<HeldUsers::element_type>();
    std::set<std::string, ILess> seen;
    const auto hosts = migration_service::hosts_of(services);
    for (const auto& h : hosts)
        for (const auto& m : h.hypervisor->machines()) {
            if (!has(*m, path)) continue;
            if (&h != &hosts.front() && !export_import::same_on_all(services, path, {&hosts.front(), &h}))
                continue;
            if (auto r = check_idle(*m, path, use); !r) return r.error();
            if (!seen.insert(m->spec.uuid).second) continue;
            auto one = services.jobs.lock(m->spec.uuid);
            if (!one)
                return Error(Status::busy, "wsvirt.disk.in_use",
                             "Another operation works on the virtual machine \"" + m->spec.name +
                                 "\", which has \"" + path + "\"; wait until it has ended.",
                             "Path");
            // As it is now that nothing else changes it.
            const auto now = h.hypervisor->machine(m->spec.uuid);
            if (auto r = now ? check_idle(*now, path, use) : Result<void>(); !r) return r.error();
            held->push_back(std::move(*one));
        }
    return held;
}

}  // namespace wsvirt::cim::image_service
