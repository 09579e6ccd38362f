#include "cim/providers/migration_service/settle.hpp"

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "cim/providers/machine_wait.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/patience.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/removal.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::migration_service {

using backend::Machine;
using backend::MachineState;

namespace {

constexpr std::string_view kind = "migration_left";
constexpr auto contact_patience = std::chrono::seconds(20);  // for hosts to be connected to
constexpr auto settle_patience = std::chrono::seconds(20);   // for libvirt to clear up
constexpr unsigned most_attempts = 3;
constexpr std::string_view names_of_rest[] = {"", " at_source", " at_destination", " copies"};

bool is_active(const Machine& m) {
    return m.state != MachineState::off && m.state != MachineState::saved;
}

// Its files are those of the machine that is on the other host, but for variables of its firmware that were
// made here. What the host says of it may lag behind, so it is asked again.
bool take_away(backend::Hypervisor& h, const std::string& guid) {
    return wait_until(settle_patience,
                      [&] {
                          const auto m = h.machine(guid);
                          if (m && is_active(*m)) (void)h.power_off(briefly(), guid);
                          const bool gone = h.forget_rest(briefly(), guid).ok();
                          return (gone && !h.machine(guid)) || !h.connected();
                      }) &&
           h.connected();
}

std::optional<CutOff> only_copies(const CutOff& c, const Removal& r) {
    if (r.left.empty()) return std::nullopt;
    CutOff left = c;
    left.rest = Rest::copies;
    left.disks_only = left.claimed = false;
    left.copies = r.left;
    left.originals.clear();
    return left;
}

std::optional<CutOff> left_at_source(const Services& services, const CutOff& c) {
    CutOff here = c;
    std::swap(here.source, here.destination);  // the machine has come from over there, so to speak
    here.made.clear();
    for (const auto& file : c.originals) here.made[file] = machines_own;
    return only_copies(here, remove_originals(services, c));
}

Settled silent(const CutOff& c, const HostEntry& host, const std::string& more) {
    return {Outcome::unknown, "The host \"" + host.name + "\" does not answer" + more, c};
}

Settled settle_disks(const Services& services, const CutOff& c) {
    auto& host = *c.source.hypervisor;
    if (!wait_until(contact_patience, [&] { return host.connected(); })) return silent(c, c.source, ".");
    // While it is not known that nothing is written to them they stay.
    if (auto r = host.abandon(briefly(), c.guid); !r && r.error().status != Status::not_found)
        return silent(c, c.source, ".");
    auto removed = remove_copies(services, c);
    const auto originals = remove_originals(services, c);
    CutOff rest = c;
    for (const auto& file : originals.left) rest.made[file] = machines_own;
    removed.left.insert(removed.left.end(), originals.left.begin(), originals.left.end());
    const auto left = only_copies(rest, removed);
    if (removed.used == c.copies.size()) return {Outcome::moved, {}, left};
    return {Outcome::stayed,
            removed.used == 0 ? "The disks are where they were."
                              : "Some disks have moved, the others are where they were.",
            left, removed.strange};
}

// Whether both still answer: that nobody has noticed yet that a host is gone does not mean that it does. What
// is left of a migration there is ended.
const HostEntry* silent_one(const CutOff& c) {
    for (const auto* host : {&c.source, &c.destination})
        if (auto r = host->hypervisor->abandon(briefly(), c.guid);
            !r && r.error().status == Status::unavailable)
            return host;
    return nullptr;
}

struct Seen {
    std::string host;
    std::shared_ptr<const Machine> machine;
};

// Where it has gone on to since, of a machine that is not where it came from. Right after the migration one
// that is off on a third host is what others have left there before.
Seen gone_on(const Services& services, const CutOff& c) {
    for (const auto& h : hosts_of(services)) {
        if (h.hypervisor == c.source.hypervisor || h.hypervisor == c.destination.hypervisor) continue;
        auto m = h.hypervisor->machine(c.guid);
        if (m && (!c.alone || m->state != MachineState::off)) return {h.name, std::move(m)};
    }
    return {};
}

Settled settle_rest(const Services& services, const CutOff& c) {
    for (const auto* host : {&c.source, &c.destination})
        if (!host->hypervisor->connected()) return silent(c, *host, ".");
    if (c.rest != Rest::copies) {
        if (const auto* host = silent_one(c)) return silent(c, *host, ".");
        const bool at_source = c.rest == Rest::at_source;
        auto& host = at_source ? *c.source.hypervisor : *c.destination.hypervisor;
        const auto rest = host.machine(c.guid);
        auto whole = (at_source ? c.destination : c.source).hypervisor->machine(c.guid);
        if (!whole) whole = gone_on(services, c).machine;
        // What runs alone was started by somebody since, and is not ours to end.
        const bool ours =
            whole && (!rest || rest->state != MachineState::running || whole->state == MachineState::running);
        if (ours && !take_away(host, c.guid)) return {at_source ? Outcome::moved : Outcome::stayed, {}, c};
        if (at_source) return {Outcome::moved, {}, left_at_source(services, c)};
    }
    const auto removed = remove_copies(services, c);
    return {Outcome::stayed, {}, only_copies(c, removed), removed.strange};
}

// Over there it counts once it runs, or once nothing of it runs here. What stands still here since its memory
// was sent has moved when libvirt keeps it there for good, whatever became of it since.
bool has_moved(const CutOff& c, const Machine* here, const Machine* third, const Machine& there) {
    const auto* other = here ? here : third;
    if (!other) return true;
    if (there.state == MachineState::running) return other->state != MachineState::running;
    return here && here->state == MachineState::paused && c.was_running && there.persistent;
}

// Only the source answers. What certainly goes on there is not asked for again when the destination is back:
// somebody may have stopped it by then, or taken it elsewhere.
Settled settle_here(const CutOff& c) {
    auto& from = *c.source.hypervisor;
    const bool ended = from.abandon(briefly(), c.guid).ok();
    const auto here = from.machine(c.guid);
    auto s = silent(c, c.destination,
                    here ? "; the machine is on \"" + c.source.name + "\"."
                         : "; where the machine is will be seen when it does.");
    if (ended && here && has_stayed(c, *here)) s.left->rest = Rest::at_destination;
    return s;
}

// Whether there is nothing to wait for. What else both have libvirt may be clearing up.
bool stands_still(const CutOff& c) {
    const auto here = c.source.hypervisor->machine(c.guid), there = c.destination.hypervisor->machine(c.guid);
    if (!here || !there) return true;
    if (!c.alone) return false;
    const bool runs_here = here->state == MachineState::running;
    if (there->state == MachineState::running) return !runs_here;
    return there->state == MachineState::off && (runs_here || here->state == MachineState::off);
}

Settled settle_machine(const Services& services, const CutOff& c) {
    if (c.rest != Rest::everything) return settle_rest(services, c);
    if (c.disks_only) return settle_disks(services, c);
    auto& from = *c.source.hypervisor;
    auto& to = *c.destination.hypervisor;
    const bool both = wait_until(contact_patience, [&] { return from.connected() && to.connected(); });
    if (!both && !from.connected())
        return silent(c, c.source, "; where the machine is will be seen when it does.");
    if (!both) return settle_here(c);
    if (const auto* host = silent_one(c)) return host == &c.source ? silent(c, *host, ".") : settle_here(c);
    wait_until(settle_patience, [&] { return stands_still(c); });
    const auto here = from.machine(c.guid), there = to.machine(c.guid);
    const auto third = here ? Seen() : gone_on(services, c);
    if (there && has_moved(c, here.get(), third.machine.get(), *there)) {
        if (take_away(from, c.guid)) return {Outcome::moved, {}, left_at_source(services, c)};
        CutOff left = c;
        left.rest = Rest::at_source;
        return {Outcome::moved, {}, left};
    }
    if (!here && !there && !third.machine)  // perhaps removed by hand, and the copies are all there is of it
        return {Outcome::stayed,
                "Neither \"" + c.source.name + "\" nor \"" + c.destination.name + "\" has the machine.",
                {},
                remove_copies(services, c, true).strange};
    const bool alone = take_away(to, c.guid);
    if (here && here->state == MachineState::paused && c.was_running) (void)from.resume(briefly(), c.guid);
    const std::string where =
        "The machine is on \"" + (here ? c.source.name + "\", as before." : third.host + "\".");
    if (alone) {
        const auto removed = remove_copies(services, c);
        return {Outcome::stayed, where, only_copies(c, removed), removed.strange};
    }
    CutOff left = c;
    left.rest = Rest::at_destination;
    return {Outcome::stayed, where, left};
}

// Lines: source, destination, "1" where it ran or else "0" and then what is left to do, the copies, after an
// empty one the originals, and after one more what was made.
std::string left_text(const CutOff& c) {
    std::string text = c.source.name + '\n' + c.destination.name + '\n' + (c.was_running ? "1" : "0");
    text += c.disks_only ? " disks" : names_of_rest[static_cast<std::size_t>(c.rest)];
    for (const auto& file : c.copies) text += '\n' + file;
    text += '\n';
    for (const auto& file : c.originals) text += '\n' + file;
    return text + "\n\n" + made_text(c.made);
}

// What is removed by its name is looked at once more: a name that was kept is no proof of what it names. A
// machine's own files lie where they did.
std::vector<std::string> outside_of(const Services& services, const CutOff& c) {
    std::vector<std::string> outside;
    for (const auto& file : c.copies) {
        const auto noted = c.made.find(file);
        const bool own = noted != c.made.end() && noted->second == machines_own;
        if (!own && !place_at(services, c.destination, file, true)) outside.push_back(file);
    }
    return outside;
}

std::string left_key(const CutOff& c) {
    return c.guid + ' ' + c.destination.name;
}

std::optional<CutOff> left_from(const Services& services, const Store::Row& row) {
    const auto lines = split(row.text, '\n');
    if (lines.size() < 3) return std::nullopt;
    const auto source = find_host(services, lines[0], "host");
    const auto destination = find_host(services, lines[1], "host");
    if (!source || !destination) return std::nullopt;
    CutOff c;
    c.guid = row.key.substr(0, row.key.find(' '));
    c.source = *source;
    c.destination = *destination;
    c.was_running = lines[2].starts_with('1');
    const auto rest = lines[2].substr(std::min<std::size_t>(1, lines[2].size()));
    c.disks_only = rest == " disks";
    const auto* const known = std::find(std::begin(names_of_rest), std::end(names_of_rest), rest);
    if (known != std::end(names_of_rest)) c.rest = static_cast<Rest>(known - std::begin(names_of_rest));
    const auto between = std::find(lines.begin() + 3, lines.end(), std::string());
    c.copies.assign(lines.begin() + 3, between);
    const auto before_made =
        between == lines.end() ? between : std::find(between + 1, lines.end(), std::string());
    if (between != lines.end()) c.originals.assign(between + 1, before_made);
    c.made = made_from({before_made, lines.end()});
    c.outside = outside_of(services, c);
    return c;
}

std::optional<JobError> strange_warning(const Settled& s, const CutOff& c) {
    if (s.strange.empty()) return std::nullopt;
    JobError e;
    e.message_id = "wsvirt.migration.strange";
    e.message = strange_sentence(s, c);
    return e;
}

// Waits until nobody else works on the machine. Another that came before may have done it.
Result<void> clear_up(Services& services, JobContext& job, const std::string& key, const std::string& guid,
                      std::shared_ptr<JobManager::Guard> waits) {
    const auto held = wait_for_machine(services.jobs, job, guid);
    if (!held)
        return Error(Status::busy, "wsvirt.migration.left_busy",
                     "Other operations on the machine go on; what a migration left is cleared up later.");
    waits.reset();  // what happens from here on is for the next one
    for (unsigned attempt = 1;; ++attempt) {
        const auto row = services.store.get(kind, key);
        if (!row) return row.error();
        if (!*row) return {};
        const auto c = left_from(services, {key, **row});
        if (!c) return {};
        const auto settled = settle(services, *c);
        if (auto stay = strange_warning(settled, *c)) job.warn(std::move(*stay));
        if (!settled.left) {
            auto forgotten = services.store.erase(kind, key);
            return forgotten ? Result<void>() : Result<void>(forgotten.error());
        }
        if (auto kept = services.store.put(kind, key, left_text(*settled.left)); !kept) return kept;
        if (settled.outcome == Outcome::unknown)
            return Error(Status::unavailable, "wsvirt.migration.no_contact",
                         "A host does not answer; what was left is cleared up when it does.");
        if (attempt == most_attempts || job.stop().stop_requested())
            return Error(Status::failed, "wsvirt.migration.left", left_sentence(*settled.left));
    }
}

}  // namespace

std::optional<CutOff> cut_off_of(const Services& services, const std::map<std::string, std::string>& extra,
                                 const std::vector<JobRecord::Affected>& affected) {
    const auto text = [&](const char* name) {
        const auto it = extra.find(name);
        return it == extra.end() ? std::string() : it->second;
    };
    const auto source = find_host(services, text(source_extra), "host");
    const auto destination = find_host(services, text("DestinationHost"), "host");
    if (!source || !destination) return std::nullopt;
    CutOff c;
    c.source = *source;
    c.destination = *destination;
    c.was_running = text(running_extra) == "1";
    c.disks_only = text("MigrationType") == std::to_string(static_cast<unsigned>(MigrationType::storage));
    c.copies = split(text(copies_extra), '\n');
    c.originals = split(text(originals_extra), '\n');
    std::erase(c.copies, std::string());
    std::erase(c.originals, std::string());
    c.made = made_from(split(text(made_extra), '\n'));
    c.outside = outside_of(services, c);
    for (const auto& a : affected)
        if (const auto path = ObjectPath::parse(a.path); path && c.guid.empty())
            c.guid = vs::system_guid_of(*path);
    return c.guid.empty() ? std::nullopt : std::optional<CutOff>(std::move(c));
}

Settled settle(const Services& services, const CutOff& c) {
    Settled s = settle_machine(services, c);
    const bool stays = s.left && s.left->rest == Rest::at_destination;  // whatever a silent host has
    if ((s.outcome == Outcome::unknown && !stays) || c.disks_only) return s;
    const bool moved = s.outcome == Outcome::moved;
    auto& host = *(moved ? c.destination : c.source).hypervisor;
    // One that others have moved or removed since has no snapshots to bring back here.
    if (host.machine(c.guid) && !host.bring_back_snapshots(briefly(), c.guid) && !s.left) s.left = c;
    return s;
}

Settled settle_copies(const Services& services, const CutOff& c) {
    CutOff there = c;
    std::erase_if(there.copies, [&](const std::string& file) {
        const auto exists = c.destination.hypervisor->has_file(briefly(), file);
        return exists ? !*exists : exists.error().status == Status::not_supported;
    });
    const auto removed = remove_copies(services, there);
    return {Outcome::stayed, {}, only_copies(there, removed), removed.strange};
}

std::optional<CutOff> settle_originals(const Services& services, const CutOff& c) {
    return left_at_source(services, c);
}

bool has_stayed(const CutOff& c, const Machine& at_source) {
    return at_source.state == MachineState::running ||
           (at_source.state == MachineState::off && !c.was_running && c.source.hypervisor->connected());
}

JobError left_warning(const CutOff& c) {
    JobError e;
    e.message_id = "wsvirt.migration.left";
    e.message = left_sentence(c);
    return e;
}

std::string strange_sentence(const Settled& s, const CutOff& c) {
    if (s.strange.empty()) return {};
    std::string text = "On \"" + c.destination.name + "\" there is";
    for (const auto& file : s.strange) text += (&file == &s.strange.front() ? " " : ", ") + file;
    return text +
           ", which is not certainly the rest of this migration, and which stays; remove it when nobody "
           "needs it.";
}

std::string left_sentence(const CutOff& c) {
    const auto& host = c.rest == Rest::at_source ? c.source : c.destination;
    std::string what = "what was begun on \"" + host.name + "\"";
    if (c.rest == Rest::at_source) what = "what the machine left on \"" + host.name + "\"";
    if (c.rest == Rest::copies && !c.copies.empty()) {
        what = "on \"" + host.name + "\" ";
        for (const auto& file : c.copies) what += (&file == &c.copies.front() ? "" : ", ") + file;
    }
    return "There is still " + what +
           ", which cannot be removed now; this is tried again when the host comes back, when this service "
           "starts and with the next migration.";
}

void leave_for_later(Services& services, const CutOff& c) {
    const auto key = left_key(c);
    CutOff all = c;
    const auto row = services.store.get(kind, key);
    if (const auto before = row && *row ? left_from(services, {key, **row}) : std::nullopt) {
        if (c.rest == Rest::copies) all = *before;  // and what else there was to do
        if (before->copies != c.copies) all.originals.clear();
        for (const auto* files : {&before->copies, &c.copies})
            for (const auto& file : *files)
                if (std::find(all.copies.begin(), all.copies.end(), file) == all.copies.end())
                    all.copies.push_back(file);
        all.made.insert(before->made.begin(), before->made.end());
        for (const auto& [file, mark] : c.made) all.made[file] = mark;
    }
    (void)services.store.put(kind, key, left_text(all));
}

bool is_left_over(const Services& services, const std::string& guid, const HostEntry& host) {
    const auto rows = services.store.list(kind);
    return rows && std::any_of(rows->begin(), rows->end(), [&](const Store::Row& row) {
               const auto c = left_from(services, row);
               if (!c || !iequals(c->guid, guid)) return false;
               return (c->rest == Rest::at_destination && c->destination.hypervisor == host.hypervisor) ||
                      (c->rest == Rest::at_source && c->source.hypervisor == host.hypervisor);
           });
}

void made_anew(Services& services, const std::string& host, const std::vector<std::string>& files) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        auto c = left_from(services, row);
        if (!c || c->destination.name != host) continue;
        const auto gone = std::erase_if(c->copies, [&](const std::string& file) {
            return std::find(files.begin(), files.end(), file) != files.end();
        });
        if (gone > 0) c->originals.clear();
        for (const auto& file : files) c->made.erase(file);
        if (c->rest == Rest::copies && c->copies.empty())
            (void)services.store.erase(kind, row.key);
        else if (gone > 0)
            (void)services.store.put(kind, row.key, left_text(*c));
    }
}

void arrived(Services& services, const std::string& guid, const HostEntry& host) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        auto c = left_from(services, row);
        if (!c || c->disks_only || c->rest == Rest::copies || !iequals(c->guid, guid)) continue;
        const auto& place = c->rest == Rest::at_source ? c->source : c->destination;
        if (place.hypervisor != host.hypervisor) continue;
        c->rest = Rest::copies;
        c->originals.clear();
        if (place.hypervisor == c->source.hypervisor || c->copies.empty())
            (void)services.store.erase(kind, row.key);
        else
            (void)services.store.put(kind, row.key, left_text(*c));
    }
}

void settle_what_was_left(Services& services) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        const auto c = left_from(services, row);
        if (!c) {
            (void)services.store.erase(kind, row.key);  // of hosts that are not ours any more
            continue;
        }
        if (!c->source.hypervisor->connected() || !c->destination.hypervisor->connected()) continue;
        // One that still waits will see what there is now.
        auto waits = services.jobs.lock("left " + row.key);
        if (!waits) continue;
        JobSpec spec;
        spec.caption = "Clearing Up After a Migration";
        spec.owning_service = service_class;
        spec.cancellable = true;
        spec.affected = {{vs::system_path_text(services.host.name, "Msvm_ComputerSystem", c->guid), {0}}};
        (void)services.jobs.start(std::move(spec), [&services, key = row.key, guid = c->guid,
                                                    waits = std::move(*waits)](JobContext& job) mutable {
            return clear_up(services, job, key, guid, std::move(waits));
        });
    }
}

}  // namespace wsvirt::cim::migration_service
