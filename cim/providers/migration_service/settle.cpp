#include "cim/providers/migration_service/settle.hpp"

#include <algorithm>
#include <chrono>

#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/patience.hpp"
#include "cim/providers/migration_service/removal.hpp"

namespace wsvirt::cim::migration_service {

using backend::Machine;
using backend::MachineState;

namespace {

constexpr auto settle_patience = std::chrono::seconds(20);  // for libvirt to clear up

bool is_active(const Machine& m) {
    return m.state != MachineState::off && m.state != MachineState::saved;
}

// Its files are those of the machine that is on the other host, but for variables of its firmware that were
// made here. What the host says of it may lag behind, so it is asked again.
bool take_away(backend::Hypervisor& h, const CutOff& c) {
    const auto away = [&] {
        const auto m = h.machine(c.guid);
        if (m && is_active(*m)) (void)h.power_off(briefly(c.stop), c.guid);
        const bool gone = h.forget_rest(briefly(c.stop), c.guid).ok();
        return (gone && !h.machine(c.guid)) || !h.connected();
    };
    return wait_until(settle_patience, away, c.stop) && h.connected();
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

// It has moved, and what is left of it at the source are the originals of its disks.
Settled without_originals(const Services& services, const CutOff& c) {
    CutOff here = c;
    std::swap(here.source, here.destination);  // the machine has come from over there, so to speak
    here.made.clear();
    for (const auto& file : c.originals) here.made[file] = own_mark(c, file);
    const auto removed = remove_originals(services, c);
    return {Outcome::moved, {}, only_copies(here, removed), {}, removed.needed};
}

// Nothing is decided by what was seen until somebody told us to stop.
Settled given_up(const CutOff& c) {
    return {Outcome::unknown, "", c};
}

Settled silent(const CutOff& c, const HostEntry& host, const std::string& more) {
    return {Outcome::unknown, "The host \"" + host.name + "\" does not answer" + more, c};
}

Settled settle_disks(const Services& services, const CutOff& c) {
    auto& host = *c.source.hypervisor;
    if (!wait_until(
            c.patience, [&] { return host.connected(); }, c.stop))
        return silent(c, c.source, ".");
    // While it is not known that nothing is written to them they stay.
    if (auto r = host.abandon(briefly(c.stop), c.guid); !r && r.error().status != Status::not_found)
        return silent(c, c.source, ".");
    auto removed = remove_copies(services, c);
    const auto originals = remove_originals(services, c);
    CutOff rest = c;
    for (const auto& file : originals.left) rest.made[file] = own_mark(c, file);
    removed.left.insert(removed.left.end(), originals.left.begin(), originals.left.end());
    const auto left = only_copies(rest, removed);
    if (removed.used == c.copies.size()) return {Outcome::moved, {}, left, {}, originals.needed};
    return {Outcome::stayed,
            removed.used == 0 ? "The disks are where they were."
                              : "Some disks have moved, the others are where they were.",
            left, removed.strange, originals.needed};
}

// Whether both still answer: that nobody has noticed yet that a host is gone does not mean that it does. What
// is left of a migration there is ended.
const HostEntry* silent_one(const CutOff& c) {
    for (const auto* host : {&c.source, &c.destination})
        if (auto r = host->hypervisor->abandon(briefly(c.stop), c.guid);
            !r && r.error().status != Status::not_found)
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
        if (c.stop.stop_requested()) return given_up(c);
        const bool at_source = c.rest == Rest::at_source;
        auto& host = at_source ? *c.source.hypervisor : *c.destination.hypervisor;
        const auto rest = host.machine(c.guid);
        auto whole = (at_source ? c.destination : c.source).hypervisor->machine(c.guid);
        if (!whole) whole = gone_on(services, c).machine;
        // What runs alone was started by somebody since, and is not ours to end.
        const bool ours =
            whole && (!rest || rest->state != MachineState::running || whole->state == MachineState::running);
        if (ours && !take_away(host, c)) return {at_source ? Outcome::moved : Outcome::stayed, {}, c};
        if (at_source) return without_originals(services, c);
    }
    const auto removed = remove_copies(services, c);
    return {Outcome::stayed, {}, only_copies(c, removed), removed.strange, removed.needed};
}

// Over there it counts once it runs, or once nothing of it runs here. libvirt keeps it there for good only
// when its memory has arrived: whatever became of it there since, what stands still here was sent, and what
// is off here was ended before it could be forgotten.
bool has_moved(const CutOff& c, const Machine* here, const Machine* third, const Machine& there) {
    const auto* other = here ? here : third;
    if (!other) return true;
    if (there.state == MachineState::running) return other->state != MachineState::running;
    const bool ended = here && (here->state == MachineState::paused || here->state == MachineState::off);
    return ended && c.was_active && there.persistent;
}

// Whether nobody can tell any more on which of the two it ran last: it is off on both.
bool may_have_run_on_both(const Machine* here, const Machine& there) {
    return here && here->state == MachineState::off && there.state == MachineState::off;
}

// It counts as moved.
Settled settle_moved(const Services& services, const CutOff& c, bool keep_originals) {
    CutOff moved = c;
    if (keep_originals) moved.originals.clear();
    Settled s{Outcome::moved, {}, moved};
    s.left->rest = Rest::at_source;
    if (take_away(*c.source.hypervisor, c)) s = without_originals(services, moved);
    if (keep_originals)
        for (const auto& file : c.originals)
            s.needed.push_back(
                "\"" + file + "\" stays on \"" + c.source.name +
                "\", as nobody saw where the machine ran last; remove it when nobody needs it.");
    return s;
}

// Only the source answers. What certainly goes on there is not asked for again when the destination is back:
// somebody may have stopped it by then, or taken it elsewhere.
Settled settle_here(const CutOff& c) {
    auto& from = *c.source.hypervisor;
    const bool ended = from.abandon(briefly(c.stop), c.guid).ok();
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
    const bool both = wait_until(
        c.patience, [&] { return from.connected() && to.connected(); }, c.stop);
    if (c.stop.stop_requested()) return given_up(c);
    if (!both && !from.connected())
        return silent(c, c.source, "; where the machine is will be seen when it does.");
    if (!both) return settle_here(c);
    if (const auto* host = silent_one(c)) return host == &c.source ? silent(c, *host, ".") : settle_here(c);
    wait_until(
        settle_patience, [&] { return stands_still(c); }, c.stop);
    if (c.stop.stop_requested()) return given_up(c);
    const auto here = from.machine(c.guid), there = to.machine(c.guid);
    const auto third = here ? Seen() : gone_on(services, c);
    if (there && has_moved(c, here.get(), third.machine.get(), *there))
        return settle_moved(services, c, may_have_run_on_both(here.get(), *there));
    if (!here && !there && !third.machine)  // perhaps removed by hand, and the copies are all there is of it
        return {Outcome::stayed,
                "Neither \"" + c.source.name + "\" nor \"" + c.destination.name + "\" has the machine.",
                {},
                remove_copies(services, c, true).strange};
    const bool ran_there = there && there->persistent && c.was_active;
    const bool alone = take_away(to, c);
    if (here && here->state == MachineState::paused && c.was_running) (void)from.resume(briefly(), c.guid);
    const std::string where =
        "The machine is on \"" + (here ? c.source.name + "\", as before." : third.host + "\".");
    if (alone) {
        const auto removed = remove_copies(services, c, ran_there);
        return {Outcome::stayed, where, only_copies(c, removed), removed.strange};
    }
    CutOff left = c;
    left.rest = Rest::at_destination;
    return {Outcome::stayed, where, left};
}

}  // namespace

Settled settle(const Services& services, const CutOff& c) {
    Settled s = settle_machine(services, c);
    const bool stays = s.left && s.left->rest == Rest::at_destination;  // whatever a silent host has
    if ((s.outcome == Outcome::unknown && !stays) || c.disks_only) return s;
    const bool moved = s.outcome == Outcome::moved;
    auto& host = *(moved ? c.destination : c.source).hypervisor;
    // One that others have moved or removed since has no snapshots to bring back here.
    if (host.machine(c.guid) && !host.bring_back_snapshots(briefly(c.stop), c.guid) && !s.left) s.left = c;
    return s;
}

Settled settle_copies(const Services& services, const CutOff& c) {
    CutOff there = c;
    std::erase_if(there.copies, [&](const std::string& file) {
        const auto exists = c.destination.hypervisor->has_file(briefly(c.stop), file);
        return exists ? !*exists : exists.error().status == Status::not_supported;
    });
    const auto removed = remove_copies(services, there);
    return {Outcome::stayed, {}, only_copies(there, removed), removed.strange};
}

Settled settle_originals(const Services& services, const CutOff& c) {
    return without_originals(services, c);
}

bool has_stayed(const CutOff& c, const Machine& at_source) {
    return at_source.state == MachineState::running ||
           (at_source.state == MachineState::off && !c.was_active && c.source.hypervisor->connected());
}

}  // namespace wsvirt::cim::migration_service
