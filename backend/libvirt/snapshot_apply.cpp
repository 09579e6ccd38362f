// LibvirtHypervisor: going back to snapshots.
#include "backend/libvirt/snapshot_apply.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/former_state.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/libvirt/snapshot_revert.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// What libvirt says of a machine that was given its memory when libvirt itself did not live to write down
// why: QEMU was about to go on, or went on. Where nobody else has a libvirt, nobody else can have done that
// to a machine that was off: what is noted of it is finished before it is started.
bool cut_off_in_libvirt(int state, int reason) {
    if (state == VIR_DOMAIN_RUNNING) return reason == VIR_DOMAIN_RUNNING_UNPAUSED;
    return state == VIR_DOMAIN_PAUSED &&
           (reason == VIR_DOMAIN_PAUSED_USER || reason == VIR_DOMAIN_PAUSED_MIGRATION);
}

// libvirt's reasons say whether a machine runs because it goes back to a snapshot, or somebody has started
// it.
bool started_by_applying(const Site& w, int state, int reason, const HeldSnapshot& s) {
    if (!s.info.has_memory) return false;
    if (w.core->connector->kind() == HostKind::embedded && cut_off_in_libvirt(state, reason)) return true;
    if (state == VIR_DOMAIN_RUNNING)
        return reason == VIR_DOMAIN_RUNNING_FROM_SNAPSHOT ||
               (reason == VIR_DOMAIN_RUNNING_RESTORED && s.info.current && !s.layout.memory_file.empty());
    return state == VIR_DOMAIN_PAUSED && reason != VIR_DOMAIN_PAUSED_USER &&
           reason != VIR_DOMAIN_PAUSED_IOERROR && reason != VIR_DOMAIN_PAUSED_WATCHDOG &&
           reason != VIR_DOMAIN_PAUSED_CRASHED && reason != VIR_DOMAIN_PAUSED_MIGRATION;
}

// Whether the machine runs, and nobody but going back to the snapshot has made it do so. A host that does not
// say has not said that it runs.
struct Running {
    bool active = false, by_others = false;
};
Result<Running> how_it_runs(const Site& w, const HeldSnapshot* s) {
    int state = 0, reason = 0;
    const int active = virDomainIsActive(w.domain);
    if (active < 0 || virDomainGetState(w.domain, &state, &reason, 0) < 0)
        return last_error("look at the machine");
    return Running{active == 1, active == 1 && !(s && started_by_applying(w, state, reason, *s))};
}

// Starting the machine is the client's decision.
Result<void> leave(Site& w, AfterRevert::Memory memory) {
    if (memory == AfterRevert::Memory::runs) return {};
    if (memory == AfterRevert::Memory::dropped) return turn_off(w);
    if (!w.active()) return {};
    take_up_after_writing(*w.core, w.domain);
    auto saved = checked(virDomainManagedSave(w.domain, VIR_DOMAIN_SAVE_RUNNING), "save the machine");
    if (saved || !w.answers()) return saved;
    (void)turn_off(w);
    Error why = saved.error();
    why.text +=
        " The machine is off, with the disks and settings of the snapshot, which has its memory still.";
    return why;
}

Result<void> mark(Site& w, const std::string& id, const AfterRevert& then) {
    if (then.mark.empty()) return {};
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    for (const auto& s : *all) {
        const bool is_it = iequals(s.info.id, id);
        SnapshotNote note = s.layout.note;
        note.attributes = s.info.spec.attributes;
        note.created_us = s.info.created_us;
        if (is_it)
            note.attributes[then.mark] = then.value;
        else if (note.attributes.erase(then.mark) == 0)
            continue;
        if (auto ok = put_note(w.domain, s.xml, note, s.info.current); !ok) return ok;
    }
    return {};
}

// libvirt keeps it beside the settings, and knows nothing of it in those of others.
Result<void> take_autostart(Site& w) {
    const auto own = w.domain_xml();
    if (!own) return own.error();
    const auto read = read_domain(*own);
    return read && read->ours ? set_autostart(w.domain, read->kept.spec.autostart) : Result<void>();
}

Result<void> end_of_revert(Site& w, const std::string& id, const AfterRevert& then) {
    settle_variables(*w.core, w.session, w.domain);
    auto left = leave(w, then.memory);
    if (!left && !w.answers()) return left;
    settle_variables(*w.core, w.session, w.domain);  // it may be saved by now
    auto marked = mark(w, id, then);
    if (const auto ok = take_autostart(w); marked && !ok) marked = ok;
    return left ? marked : left;
}

// What a failure or the end of the service needs to know; `overlays`: what is needed no more afterwards.
Result<Unfinished> about_to_go_back(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all,
                                    const Chain& overlays) {
    Unfinished noted;
    noted.machine = uuid_of(w.domain);
    noted.id = make_guid();
    noted.stands_on = standing(w.domain);
    for (const auto& [path, backing] : overlays) noted.files.push_back(path);
    const auto keep_aside = [&](const std::string& file) {
        if (!file.empty()) noted.files.push_back(file);
    };
    if (MemoryAside::is_needed(w)) keep_aside(MemoryAside::place(w));
    if (is_test(w) || (s.info.external && !w.local())) return noted;
    auto own = w.domain_xml();
    if (!own) return own.error();
    noted.held = disks_to_hold(w, s);
    if (noted.held.empty() && has_disks_inside(w, s)) {
        noted.host_holds = host_can_hold(w, s, *own);
        if (!noted.host_holds) return noted;
    }
    if (s.info.external) {
        const auto before = read_chain(w.call, w.tool, tops_of(*own, all));
        if (!before) return before.error();
        for (const auto& [path, backing] : *before)
            if (is_overlay(path)) noted.files.push_back(path);
    }
    if (!nvram_path(*own).empty()) keep_aside(former_variables(w, noted));
    noted.settings = std::move(*own);
    return noted;
}

// Going back once, and what keeps the machine from being lost meanwhile.
class Attempt {
  public:
    Attempt(Site& w, Unfinished noted) : w_(w), noted_(std::move(noted)), saved_(w) {}

    Result<void> prepare() {
        auto ok = note();
        if (ok) ok = saved_.keep();
        if (ok) ok = keep_variables(w_, noted_);
        if (ok) ok = hold_former(w_, noted_);
        return ok;
    }

    Result<void> begin(const std::string& snapshot, const AfterRevert& then) {
        w_.way_back = !noted_.settings.empty();
        noted_.applied = snapshot;
        noted_.then = then;
        return note();
    }

    // The machine becomes what it was.
    void undo(Error& why) {
        if (w_.gone_back || !w_.answers()) return;
        if (!w_.way_back) {
            (void)put_memory_back(w_, noted_.files);
            return;
        }
        noted_.back = true;
        (void)note();
        const auto back = make_former(w_, noted_);
        stuck_ = !back;
        if (!stuck_ || !w_.answers()) return;
        why.text +=
            " What the machine was before could not be put back; that is tried again, at the latest before "
            "it "
            "starts.";
        why.detail += (why.detail.empty() ? "" : "; ") + back.error().full_text();
    }

    // `overlays`: what the machine needs no more.
    void clear_up(const Chain& overlays) {
        if (!w_.answers()) return;
        if (stuck_) {
            saved_.leave();
            leave_noted(*w_.core, noted_);
            return;
        }
        const bool begun = !noted_.applied.empty();
        noted_.applied.clear();
        noted_.back = false;
        if (begun) (void)note();  // before anything goes that it would need
        bool left = !let_go(w_, noted_);
        drop_variables(w_, noted_);
        if (!overlays.empty() && !tidy_files(w_, overlays))
            left |= std::any_of(overlays.begin(), overlays.end(),
                                [](const auto& o) { return access(o.first.c_str(), F_OK) == 0; });
        if (left) leave_noted(*w_.core, noted_);
    }

    // What is noted by then is done later.
    Error put_off(Error why) const {
        if (notes_.empty() || notes_.front().use_count() == 0) return why;
        why.text += noted_.back
                        ? " The machine becomes what it was before when the host answers again, unless "
                        : " Going back to the snapshot had begun: it is finished when the host answers "
                          "again, unless ";
        why.text += "somebody has started the machine by then.";
        return why;
    }

  private:
    Result<void> note() {
        auto one = note_unfinished(*w_.core, w_.session, noted_);
        if (!one) return one.error();
        notes_.push_back(std::move(*one));
        return {};
    }

    Site& w_;
    Unfinished noted_;
    std::vector<std::shared_ptr<void>> notes_;  // they end after what they speak of
    MemoryAside saved_;
    bool stuck_ = false;  // neither the snapshot nor what it was
};

Result<void> revert_one(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all,
                        const AfterRevert& then) {
    if (auto ok = can_be_applied(w, s, all, then.memory); !ok) return ok;
    const auto overlays = overlays_on(w, s, all);
    auto noted = about_to_go_back(w, s, all, overlays);
    if (!noted) return noted.error();
    const std::string former = noted->settings;
    Attempt attempt(w, std::move(*noted));
    auto done = attempt.prepare();
    if (done) done = attempt.begin(s.info.id, then);
    if (!done) {
        attempt.clear_up({});
        return done;
    }
    done = go_back(w, {s, all, then.memory, s.layout.domain_xml}, former);
    const bool is_back = done.ok();
    if (!is_back)
        attempt.undo(done.error());
    else
        done = end_of_revert(w, s.info.id, then);
    attempt.clear_up(is_back ? overlays : Chain());
    return done || w.answers() ? done : Result<void>(attempt.put_off(done.error()));
}

}  // namespace

Result<void> apply_again(Site& w, const Unfinished& noted, bool& is_back) {
    const AfterRevert& then = noted.then;
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const HeldSnapshot* const held = find_snapshot(*all, noted.applied);
    if (!held) return {};
    const auto runs = how_it_runs(w, held);
    if (!runs) return runs.error();
    if (runs->by_others) return {};
    if (!runs->active || !held->info.current) {
        if (auto ok = can_be_applied(w, *held, *all, then.memory); !ok) return ok;
        const Goal goal{*held, *all, then.memory, held->layout.domain_xml};
        if (auto ok = go_back(w, goal, noted.settings); !ok) return ok;
    }
    is_back = true;
    return end_of_revert(w, held->info.id, then);
}

Result<void> take_back(Site& w, const Unfinished& noted) {
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const HeldSnapshot* const held = find_snapshot(*all, noted.applied);
    const auto runs = how_it_runs(w, held);
    if (!runs) return runs.error();
    if (runs->by_others) return {};
    return make_former(w, noted);
}

Result<void> LibvirtHypervisor::revert(const Call& call, std::string_view uuid, std::string_view snapshot,
                                       const AfterRevert& then) {
    const Change change{{"apply the snapshot", {}, true, {}, {}}, {}, {}};
    return change_machine(
        core_, call, uuid, change,
        [core = core_, id = std::string(snapshot), then](Session& s, virDomainPtr d) -> Result<void> {
            Site w(core, s, d);
            if (auto ok = finish_applying(w); !ok) return ok;
            auto all = hold_snapshots(d);
            if (!all) return all.error();
            const HeldSnapshot* const held = find_snapshot(*all, id);
            return held ? revert_one(w, *held, *all, then) : no_snapshot(id);
        });
}

}  // namespace wsvirt::backend::libvirt
