// LibvirtHypervisor: going back to snapshots.
#include "backend/libvirt/snapshot_apply.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/foreign_overlays.hpp"
#include "backend/libvirt/former_state.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/memory_fits.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

Result<void> turn_off(Site& w) {
    const std::string xml = w.active() ? take(virDomainGetXMLDesc(w.domain, 0)) : std::string();
    if (w.active() && virDomainDestroy(w.domain) < 0 && w.active()) return last_error("turn the machine off");
    w.servers().stop(xml);
    return drop_saved_file(*w.core->connector, w.domain);
}

namespace {

// Of the snapshot, its memory left alone; that of a running machine is in the disks, too, and QEMU would run
// it. Disks that only libvirt may open are for that to set back, with the memory.
bool disks_alone(const Site& w, const HeldSnapshot& s, AfterRevert::Memory memory) {
    if (s.layout.note.disks_only) return true;
    return memory == AfterRevert::Memory::dropped && s.layout.memory_internal && !disks_to_hold(w, s).empty();
}

// All of the disks that hold it, before the first one changes. What only the host's libvirt may open is for
// that to see.
Result<void> are_there(const Site& w, const HeldSnapshot& s, AfterRevert::Memory then) {
    const bool by_us = disks_alone(w, s, then), test = w.core->connector->kind() == HostKind::test;
    if (test || (w.elsewhere() && !by_us)) return {};
    for (const auto& t : snapshot_targets(s.layout.domain_xml)) {
        if (std::none_of(s.layout.disks.begin(), s.layout.disks.end(), [&](const auto& d) {
                return d.name == t.target && d.kind == SnapshotDisk::Kind::internal;
            }))
            continue;
        if (access(t.path.c_str(), R_OK | W_OK) != 0) {
            const int why = errno;
            if (why == EACCES && !by_us && w.core->connector->kind() != HostKind::embedded) continue;
            return Error{
                why == ENOENT ? Status::not_found : Status::access_denied, "wsvirt.snapshot.no_disk",
                "The disk \"" + t.path +
                    "\" holds a part of the snapshot and cannot be read and written; put it back, or "
                    "correct its owner and mode.",
                t.path, std::strerror(why)};
        }
        const auto names = qemu::snapshot_names(t.path);
        if (!names) return names.error();
        if (std::find(names->begin(), names->end(), s.name) == names->end())
            return Error{Status::failed, "wsvirt.snapshot.not_in_disk",
                         "The disk \"" + t.path + "\" does not hold the snapshot any more.", s.info.id};
    }
    return {};
}

// Before anything changes.
Result<void> memory_is_there(Site& w, const HeldSnapshot& s, AfterRevert::Memory then) {
    const std::string& memory = then == AfterRevert::Memory::dropped ? "" : s.layout.note.saved_file;
    const auto there = memory.empty() ? Result<bool>(true) : has_memory(w, memory);
    if (!there) return there.error();
    if (*there) return {};
    return Error{Status::failed, "wsvirt.snapshot.no_memory",
                 "The memory that belongs to the snapshot is not on the machine's host.", memory};
}

bool is_test(const Site& w) {
    return w.core->connector->kind() == HostKind::test;
}

bool has_disks_inside(const Site& w, const HeldSnapshot& s) {
    return is_test(w) || std::any_of(s.layout.disks.begin(), s.layout.disks.end(),
                                     [](const auto& d) { return d.kind == SnapshotDisk::Kind::internal; });
}

HostInfo host_of(Core& core) {
    const std::lock_guard lock(core.mutex);
    return core.host;
}

// Before anything changes.
Result<void> can_be_applied(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all,
                            AfterRevert::Memory then) {
    if (s.info.external) return {};
    for (const auto& other : all)
        if (has_disks_inside(w, s) && other.info.external && !is_test(w))
            return Error{
                Status::not_supported, "wsvirt.snapshot.based_on",
                "The snapshot is kept inside disks that newer snapshots are based on; delete those first.",
                other.info.id};
    if (then != AfterRevert::Memory::dropped)
        if (auto ok = memory_fits(host_of(*w.core), s.xml, s.layout); !ok) return ok;
    if (auto ok = memory_is_there(w, s, then); !ok) return ok;
    return are_there(w, s, then);
}

// Which of its disks it has changed by then nobody knows.
Result<void> revert_by_libvirt(Site& w, const HeldSnapshot& s) {
    if (auto ok = drop_saved_file(*w.core->connector, w.domain); !ok) return ok;
    if (!is_test(w)) w.gone_back = !w.way_back;
    if (virDomainRevertToSnapshot(s.handle.get(), VIR_DOMAIN_SNAPSHOT_REVERT_FORCE) == 0) {
        w.gone_back = !w.way_back;
        return {};
    }
    Error why = last_error("apply the snapshot");
    if (w.gone_back)
        why.text +=
            " The disks may be those of the snapshot already, as what they were before cannot be kept on "
            "this "
            "host; memory that the machine had saved does not fit them and has been given up. Apply the "
            "snapshot again, or look at the disks before you start the machine.";
    return why;
}

// What a machine goes back to.
struct Goal {
    const HeldSnapshot& s;
    const std::vector<HeldSnapshot>& all;
    AfterRevert::Memory memory;
    std::string settings;  // the snapshot's, with what is noted of its variables
};

// Its own settings are those of the snapshot by now.
Result<void> note_variables(Site& w, const Goal& goal) {
    const auto own = awaits_variables(goal.settings) ? w.domain_xml() : Result<std::string>("");
    if (!own) return own.error();
    return own->empty() ? Result<void>() : define(w, awaiting_variables(*own));
}

Result<void> revert_inside(Site& w, const Goal& goal) {
    const auto& [s, all, then, settings] = goal;
    const bool disks_inside = has_disks_inside(w, s);
    if (disks_inside && !disks_alone(w, s, then)) {
        if (auto ok = revert_by_libvirt(w, s); !ok) return ok;
        if (auto ok = note_variables(w, goal); !ok) return ok;
    } else {
        if (auto ok = turn_off(w); !ok) return ok;
        if (disks_inside)
            for (const auto& t : snapshot_targets(s.layout.domain_xml)) {
                if (auto ok = w.tool.snapshot(w.call, 'a', s.name, t.path); !ok) return ok;
                w.gone_back = !w.way_back;
            }
        if (auto ok = define(w, settings); !ok) return ok;
        w.gone_back = !w.way_back;
        if (auto ok = write_back(w, s.xml, true); !ok) return ok;
    }
    const std::string& memory = s.layout.note.saved_file;
    if (memory.empty() || then == AfterRevert::Memory::dropped) return {};
    auto back = copy_memory(w, memory, w.saved_path());
    if (back) return back;
    return Error{Status::failed, "wsvirt.snapshot.memory",
                 "The saved memory of the snapshot cannot be put back.", memory, back.error().full_text()};
}

Result<void> restore_memory(Site& w, const HeldSnapshot& s, const std::map<std::string, std::string>& files) {
    const std::string saved = take(virDomainSaveImageGetXMLDesc(
        w.session.connection, s.layout.memory_file.c_str(), VIR_DOMAIN_SAVE_IMAGE_XML_SECURE));
    if (saved.empty()) return last_error("read the memory of the snapshot");
    auto xml = with_disk_files(saved, files);
    if (!xml) return xml.error();
    const auto servers = w.servers();
    const std::string told = servers.with_chains(*xml);
    if (auto ok = servers.start(told); !ok) return ok;
    const unsigned flags = s.layout.state == "paused" ? VIR_DOMAIN_SAVE_PAUSED : VIR_DOMAIN_SAVE_RUNNING;
    auto done = checked(
        virDomainRestoreFlags(w.session.connection, s.layout.memory_file.c_str(), told.c_str(), flags),
        "restore the memory of the snapshot");
    if (!done) servers.stop(told);
    return done;
}

// The one or the other, as the snapshot is of a machine that ran or was saved.
Result<void> put_memory(Site& w, const HeldSnapshot& s, const std::map<std::string, std::string>& files) {
    if (!s.layout.memory_file.empty())
        if (auto ok = restore_memory(w, s, files); !ok) return ok;
    return s.layout.note.saved_file.empty() ? Result<void>() : put_saved_memory(w, s.layout.note.saved_file);
}

Result<void> revert_outside(Site& w, const Goal& goal) {
    const auto& [s, all, then, settings] = goal;
    if (!w.local()) return snapshot_not_here();
    const auto old_xml = w.domain_xml();
    if (!old_xml) return old_xml.error();
    auto before = read_chain(w.call, w.tool, tops_of(*old_xml, all));
    if (!before) return before.error();
    std::map<std::string, std::string> files;
    const std::string id = make_guid();
    Unfinished noted;
    noted.machine = uuid_of(w.domain);
    noted.id = id;
    const auto overlays = overlay_paths(snapshot_targets(s.layout.domain_xml), id);
    for (const auto& [target, path] : overlays) noted.files.push_back(path);
    const auto journal = note_unfinished(*w.core, w.session, noted);
    if (!journal) return journal.error();
    if (auto ok = turn_off(w); !ok) return ok;
    const auto take_back = [&] {
        for (const auto& [target, path] : files) unlink(path.c_str());
    };
    for (const auto& t : snapshot_targets(s.layout.domain_xml)) {
        ImageSpec overlay{overlays.at(t.target), "qcow2", ImageSpec::Kind::differencing, 0, t.path, 0};
        overlay.parent_format = t.format;
        if (auto ok = w.tool.create(w.call, overlay); !ok) {
            take_back();
            return ok;
        }
        files[t.target] = overlay.path;
    }
    auto xml = with_disk_files(settings, files);
    auto ok = xml ? define(w, *xml) : Result<void>(xml.error());
    if (ok) ok = write_back(w, s.xml, true);
    if (ok && then != AfterRevert::Memory::dropped) ok = put_memory(w, s, files);
    if (!ok) {
        // A host that fell silent may have done it, and the machine stands on them: that is recovery's to
        // see.
        if (!turn_off(w) || !define(w, *old_xml)) {
            w.gone_back = !w.way_back;
            leave_noted(*w.core, noted);
            return ok;
        }
        take_back();
        for (const auto& other : all)
            if (other.info.current) (void)write_back(w, other.xml, true);
        return ok;
    }
    remove_outdated(w, *before);
    return {};
}

Result<void> revert(Site& w, const Goal& goal) {
    return goal.s.info.external ? revert_outside(w, goal) : revert_inside(w, goal);
}

// With the variables of its firmware; first, because QEMU reads them when it is given its memory. A snapshot
// that has none leaves the machine those of `former`, its settings when this began.
Result<void> go_back(Site& w, Goal goal, const std::string& former) {
    const std::string& kept = goal.s.layout.note.nvram_file;
    const std::string place = nvram_path(goal.settings);
    if (place.empty()) return revert(w, goal);
    if (!kept.empty())
        if (auto ok = turn_off(w); !ok) return ok;
    const auto own = w.domain_xml();
    if (!own) return own.error();
    if (kept.empty()) {
        goal.settings = fitting_variables_of(former.empty() ? *own : former, goal.settings);
        return revert(w, goal);
    }
    const auto before = read_nvram(*own);
    auto done = copy_nvram(kept, place);
    if (done) done = revert(w, goal);
    if (!done && before && !w.gone_back && !w.active()) (void)write_nvram(place, *before);
    return done;
}

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
