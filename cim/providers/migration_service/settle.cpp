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
constexpr auto resume_patience = std::chrono::seconds(2);   // for it to let go of the disks

bool is_active(const Machine& m) {
    return m.state != MachineState::off && m.state != MachineState::saved;
}

bool is_idle(const Machine& m) {
    return m.state == MachineState::off && !m.has_saved_state;
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
    std::string doubt;
    if (c.rest != Rest::copies) {
        if (const auto* host = silent_one(c)) return silent(c, *host, ".");
        if (c.stop.stop_requested()) return given_up(c);
        const bool at_source = c.rest == Rest::at_source;
        auto& host = at_source ? *c.source.hypervisor : *c.destination.hypervisor;
        const auto rest = host.machine(c.guid);
        auto whole = (at_source ? c.destination : c.source).hypervisor->machine(c.guid);
        if (!whole) whole = gone_on(services, c).machine;
        // What runs alone was started by somebody since, and is not ours to end.
        const bool started =
            rest && (rest->state == MachineState::running || (!c.was_active && !is_idle(*rest)));
        const bool ours = whole && (!started || whole->state == MachineState::running);
        if (ours && !take_away(host, c)) return {at_source ? Outcome::moved : Outcome::stayed, {}, c};
        if (rest && !ours)
            doubt = "What \"" + (at_source ? c.source : c.destination).name +
                    "\" still has of the machine stays, as no other host has it or it runs there; remove it "
                    "when nobody needs it.";
        if (at_source) {
            auto s = without_originals(services, c);
            s.doubt = doubt;
            return s;
        }
    }
    const auto removed = remove_copies(services, c);
    return {Outcome::stayed, {}, only_copies(c, removed), removed.strange, removed.needed, doubt};
}

// Over there it counts once it runs, or once nothing of it runs here. libvirt keeps it there for good only
// when its memory has arrived: whatever became of it there since, what stands still here was sent, and what
// is off here was ended before it could be forgotten. What was off somebody has started since where it is
// not.
bool has_moved(const CutOff& c, const Machine* here, const Machine* third, const Machine& there) {
    const auto* other = here ? here : third;
    if (!other) return true;
    if (there.state == MachineState::running) return other->state != MachineState::running;
    if (!c.was_active) return is_idle(*other) && (!is_idle(there) || (here && c.arrived));
    const bool ended = here && (here->state == MachineState::paused || here->state == MachineState::off);
    return ended && there.persistent;
}

// Whether somebody may have used it in both places since, so that it is neither's rest. One that was off on a
// third host may have been there before.
bool used_on_both(const CutOff& c, const Machine* here, const Machine* third, const Machine& there) {
    const auto* other = here ? here : third;
    if (!other || !there.persistent) return false;
    if (!here && is_idle(*other)) return is_idle(there);
    const bool sent = here && c.was_active && here->state == MachineState::paused;
    return !sent && !is_idle(*other) && !is_idle(there);
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
    // Whoever comes after an end in between sees it at the destination alone.
    if (moved.originals != c.originals && !leave_for_later(services, *s.left)) return given_up(c);
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
    const bool used =
        c.arrived && here && here->state != MachineState::running;  // it may have been, over there
    auto s = silent(c, c.destination,
                    here ? "; the machine is on \"" + c.source.name + "\"."
                         : "; where the machine is will be seen when it does.");
    if (ended && here && !used && has_stayed(c, *here)) s.left->rest = Rest::at_destination;
    return s;
}

// Whether there is nothing to wait for. What else both have libvirt may be clearing up.
bool stands_still(const CutOff& c) {
    const auto here = c.source.hypervisor->machine(c.guid), there = c.destination.hypervisor->machine(c.guid);
    if (!here || !there) return true;
    if (!c.alone) return c.arrived;
    const bool runs_here = here->state == MachineState::running;
    if (there->state == MachineState::running) return !runs_here;
    return there->state == MachineState::off && (runs_here || here->state == MachineState::off);
}

// Where a machine is that has not moved, or has gone on from there.
struct Stay {
    std::shared_ptr<const Machine> here, there;
    Seen third;

    // It stands still here since its memory was sent, or since the host was started anew.
    bool sent(const CutOff& c) const {
        return here && c.was_active && (here->state == MachineState::paused || is_idle(*here));
    }
    bool went_on(const CutOff& c) const {
        return third.machine && (!here || (!is_idle(*third.machine) && (is_idle(*here) || sent(c))));
    }
};

// Or by somebody else.
bool resumed(const CutOff& c) {
    auto& from = *c.source.hypervisor;
    const auto runs = [&] {
        if (from.resume(briefly(), c.guid)) return true;
        const auto now = from.machine(c.guid);
        return from.connected() && (!now || now->state != MachineState::paused);
    };
    return wait_until(
               resume_patience, [&] { return runs() || !from.connected(); }, c.stop) &&
           from.connected();
}

Settled settle_stayed(const Services& services, const CutOff& c, const Stay& stay) {
    auto& from = *c.source.hypervisor;
    const auto& [here, there, third] = stay;
    const bool on_third = stay.went_on(c);
    Settled s{Outcome::stayed,
              "The machine is on \"" + (on_third ? third.host + "\"." : c.source.name + "\", as before."), c};
    const bool alone = take_away(*c.destination.hypervisor, c);
    if (on_third && stay.sent(c) && !take_away(from, c)) return s;
    if (!on_third && here->state == MachineState::paused && c.was_running) {
        if (!third.machine && !resumed(c)) {
            s.left->stands_still = true;  // nobody else would resume it
            return s;
        }
        if (third.machine)
            s.doubt = "The machine stands still on \"" + c.source.name + "\", and \"" + third.host +
                      "\" has it, too: resume it when it is certain that it has not been used there.";
    }
    s.left->rest = Rest::at_destination;
    if (!alone) return s;
    const auto removed = remove_copies(services, c, there && there->persistent);
    s.left = only_copies(c, removed);
    s.strange = removed.strange;
    return s;
}

Settled settle_in_doubt(const CutOff& c, const std::string& other) {
    return {Outcome::stayed,
            {},
            {},
            {},
            {},
            "Both \"" + other + "\" and \"" + c.destination.name +
                "\" have the machine, and it may have been used on either since: nothing of it was removed. "
                "Remove it from the one where it is not needed, and then its disks there."};
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
    const auto third = here && there ? Seen() : gone_on(services, c);
    if (there && used_on_both(c, here.get(), third.machine.get(), *there))
        return settle_in_doubt(c, here ? c.source.name : third.host);
    if (there && has_moved(c, here.get(), third.machine.get(), *there))
        return settle_moved(services, c, may_have_run_on_both(here.get(), *there));
    if (!here && !there && !third.machine)  // perhaps removed by hand, and the copies are all there is of it
        return {Outcome::stayed,
                "Neither \"" + c.source.name + "\" nor \"" + c.destination.name + "\" has the machine.",
                {},
                remove_copies(services, c, true).strange};
    return settle_stayed(services, c, {here, there, third});
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
