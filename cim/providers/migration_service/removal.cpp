#include "cim/providers/migration_service/removal.hpp"

#include <algorithm>
#include <chrono>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/same_files.hpp"
#include "cim/providers/migration_service/claims.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/needs.hpp"
#include "cim/providers/migration_service/patience.hpp"

namespace wsvirt::cim::migration_service {

using backend::Machine;

namespace {

constexpr auto removal_patience = std::chrono::seconds(2);

bool stands_on(const Machine& m, const std::string& file) {
    const auto has_it = [&](const backend::MachineSpec& spec) {
        return std::any_of(spec.disks.begin(), spec.disks.end(),
                           [&](const backend::Disk& d) { return d.path == file; });
    };
    return has_it(m.spec) ||
           std::any_of(m.snapshots.begin(), m.snapshots.end(), [&](const auto& s) { return has_it(s.spec); });
}

bool in_use(const backend::Hypervisor& h, const std::string& file) {
    const auto all = h.machines();
    return std::any_of(all.begin(), all.end(), [&](const auto& m) { return stands_on(*m, file); });
}

// The machine itself may have gone on, and taken the file along: to a third host, or back to where it came
// from, where a file that was its own before may have the same name.
bool took_along(const Services& services, const CutOff& c, const HostEntry& host, const std::string& file,
                bool own) {
    if (host.hypervisor == c.destination.hypervisor) return false;
    if (host.hypervisor != c.source.hypervisor) return true;
    if (own) return false;
    const auto& before = c.originals;
    if (!before.empty() && std::find(before.begin(), before.end(), file) == before.end()) return true;
    auto shared = services_at(services, c.destination);
    return export_import::same_on_all(shared, file, {&c.destination, &host});
}

// Of whichever host: they may all see the same file.
bool others_use(const Services& services, const CutOff& c, const std::string& file, bool own) {
    const auto hosts = hosts_of(services);
    return std::any_of(hosts.begin(), hosts.end(), [&](const HostEntry& host) {
        const auto all = host.hypervisor->machines();
        return std::any_of(all.begin(), all.end(), [&](const auto& m) {
            return stands_on(*m, file) &&
                   (!iequals(m->spec.uuid, c.guid) || took_along(services, c, host, file, own));
        });
    });
}

enum class Owner : std::uint8_t { ours, others, nobody, unknown };

// Whose file it is that has the name of one with this mark. A host that has just come back may not say
// everything yet.
Owner owner_of(const CutOff& c, backend::Hypervisor& host, const std::string& file, const std::string& mark) {
    const bool own = mark.starts_with(machines_own);
    Owner owner = Owner::unknown;
    const auto look = [&] {
        const auto there = host.has_file(briefly(c.stop), file);
        const bool none = there ? !*there : there.error().status == Status::not_supported;
        if (none) owner = Owner::nobody;
        if (none || !there) return none;
        const auto made = mark == machines_own
                              ? Result<bool>(true)
                              : host.is_made(briefly(c.stop), file, own ? mark.substr(1) : mark);
        if (made) owner = *made ? Owner::ours : Owner::others;
        return made.ok();
    };
    (void)wait_until(removal_patience, look, c.stop);
    return owner;
}

bool removed(const CutOff& c, backend::Hypervisor& host, const std::string& file) {
    return wait_until(
        removal_patience, [&] { return bool(host.remove_file(briefly(c.stop), file)); }, c.stop);
}

// Whether one that the machine has left behind has to stay, or to wait, as others need it or may do so.
bool stays(const Services& services, const CutOff& c, const HostEntry& host, const std::string& file,
           Removal& r) {
    const auto needs = needed_by_others(services, host, c.guid, {file});
    if (!needs)
        r.left.push_back(file);
    else if (!needs->empty())
        r.needed.push_back("\"" + file + "\" stays on \"" + host.name + "\", as " + needs->front().by +
                           " needs it.");
    return !needs || !needs->empty();
}

}  // namespace

Removal remove_copies(const Services& services, const CutOff& c, bool keep) {
    Removal r;
    auto& host = *c.destination.hypervisor;
    for (const auto& file : c.copies) {
        const auto claim = c.claimed ? nullptr : claim_file(services, c.destination.name, file);
        if (in_use(host, file)) {
            ++r.used;
            continue;
        }
        const bool outside = std::find(c.outside.begin(), c.outside.end(), file) != c.outside.end();
        const auto noted = c.made.find(file);
        const auto mark = noted == c.made.end() ? std::string() : noted->second;
        const bool own = mark.starts_with(machines_own);
        if ((!claim && !c.claimed) || outside) continue;
        if (others_use(services, c, file, own)) {
            if (!own && owner_of(c, host, file, mark) != Owner::nobody) r.strange.push_back(file);
            continue;
        }
        if (own && stays(services, c, c.destination, file, r)) continue;
        const auto owner = owner_of(c, host, file, mark);
        if (owner == Owner::others || (keep && owner != Owner::nobody)) {
            r.strange.push_back(file);
            continue;
        }
        const bool ours = owner == Owner::ours;
        if (owner == Owner::unknown || (ours && !removed(c, host, file))) r.left.push_back(file);
    }
    return r;
}

Removal remove_originals(const Services& services, const CutOff& c) {
    Removal r;
    auto& host = *c.source.hypervisor;
    if (c.originals.size() != c.copies.size()) return r;
    for (std::size_t i = 0; i < c.copies.size(); ++i) {
        const auto& file = c.originals[i];
        if (in_use(host, file)) continue;
        if (!in_use(*c.destination.hypervisor, c.copies[i])) {
            if (!c.disks_only && owner_of(c, host, file, own_mark(c, file)) != Owner::nobody)
                r.needed.push_back(
                    "\"" + file + "\" stays on \"" + c.source.name + "\", as \"" + c.destination.name +
                    "\" has no machine with its copy any more; remove it when nobody needs it.");
            continue;
        }
        const auto claim = claim_file(services, c.source.name, file);
        if (stays(services, c, c.source, file, r)) continue;
        if (others_use(services, c, file, true)) {
            r.needed.push_back("\"" + file + "\" stays on \"" + c.source.name +
                               "\", as a machine of another host has a disk of this name.");
            continue;
        }
        const auto mark = own_mark(c, file);
        const auto owner = mark == machines_own ? Owner::ours : owner_of(c, host, file, mark);
        if (owner == Owner::others)
            r.needed.push_back("\"" + file + "\" stays on \"" + c.source.name +
                               "\", as it is not the file any more that was copied.");
        if (owner == Owner::others || owner == Owner::nobody) continue;
        if (!claim || owner == Owner::unknown || !removed(c, host, file)) r.left.push_back(file);
    }
    return r;
}

std::string own_mark(const CutOff& c, const std::string& original) {
    const auto known = c.marks.find(original);
    return machines_own + (known == c.marks.end() ? std::string() : known->second);
}

std::string made_text(const Made& made) {
    std::string text;
    for (const auto& [file, mark] : made) text += mark + ' ' + file + '\n';
    return text;
}

Made made_from(const std::vector<std::string>& lines) {
    Made made;
    for (const auto& line : lines)
        if (const auto at = line.find(' '); at != std::string::npos)
            made[line.substr(at + 1)] = line.substr(0, at);
    return made;
}

}  // namespace wsvirt::cim::migration_service
