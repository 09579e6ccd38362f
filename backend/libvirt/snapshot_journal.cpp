#include "backend/libvirt/snapshot_journal.hpp"

#include <libvirt/virterror.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/foreign_overlays.hpp"
#include "backend/libvirt/former_state.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/restored_links.hpp"
#include "backend/libvirt/snapshot_apply.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/unfinished_deletion.hpp"
#include "backend/libvirt/unfinished_notes.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "backend/qemu/image.hpp"
#include "backend/qemu/process.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

constexpr auto try_again = std::chrono::milliseconds(100);
// QEMU and qemu-img may be busy yet with what the last service asked of them.
constexpr int most_attempts = 3;
constexpr auto longest_job = std::chrono::seconds(30);
constexpr auto next_attempt = std::chrono::seconds(1), turn_limit = std::chrono::seconds(2);

// QEMU ended what it was asked for, but libvirt did not live to write it down. It deletes only what it knows,
// so it is told of the snapshot first.
Result<void> delete_unknown(virDomainPtr domain, const std::string& id, const std::string& domain_xml) {
    NewSnapshot known;
    known.name = known.title = id;
    known.internal_memory = true;
    for (const auto& t : snapshot_targets(domain_xml)) known.disks.push_back({t.target, "", false});
    pugi::xml_document doc, settings;
    doc.load_string(new_snapshot_xml(known).c_str());
    settings.load_string(domain_xml.c_str());
    auto root = doc.child("domainsnapshot");
    set_text(root, "state", "running");
    set_text(root, "creationTime", std::to_string(now_us() / 1'000'000));
    settings.child("domain").remove_child("metadata");  // where it may be noted as if it were whole
    root.append_copy(settings.child("domain"));
    const SnapshotHandle s(
        virDomainSnapshotCreateXML(domain, to_text(doc).c_str(), VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE));
    if (!s) return last_error("remove what is left of a snapshot");
    auto ok = checked(virDomainSnapshotDelete(s.get(), 0), "remove what is left of a snapshot");
    if (!ok) virDomainSnapshotDelete(s.get(), VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY);
    return ok;
}

// On a host whose files are not seen from here libvirt looks for it.
Result<void> remove_unseen(Site& w, const std::string& id) {
    const auto xml = w.domain_xml();
    if (!xml) return xml.error();
    const auto targets = snapshot_targets(*xml);
    const bool inside = !targets.empty() && std::all_of(targets.begin(), targets.end(),
                                                        [](const auto& t) { return t.format == "qcow2"; });
    return inside ? delete_unknown(w.domain, id, *xml) : Result<void>();
}

// By the files' own words: what libvirt says of those that a running machine stands on lags behind merges.
// Its disks may not be those yet that it will start with.
Result<Chain> needed_files(Site& w, const std::string& own, const std::vector<HeldSnapshot>& all) {
    auto tops = tops_of(own, all);
    if (w.active()) {
        const std::string live = take(virDomainGetXMLDesc(w.domain, VIR_DOMAIN_XML_SECURE));
        if (live.empty()) return last_error("look at the machine");
        for (const auto& t : snapshot_targets(live))
            if (std::error_code ec; fs::exists(t.path, ec)) tops.emplace(t.path, t.format);
    }
    return read_chain(w.call, w.tool, tops);
}

// Of a host whose files are not seen from here, those of memory alone.
Result<void> remove_files(Site& w, const Unfinished& u) {
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const auto own = w.domain_xml();
    if (!own) return own.error();
    Result<Chain> needed = Chain{};
    if (w.local()) needed = needed_files(w, *own, *all);
    if (!needed) return needed.error();
    std::set<std::string> memory;
    for (const auto& s : *all)
        for (auto& file : files_of(s.layout)) memory.insert(std::move(file));
    std::set<std::string> known(u.files.begin(), u.files.end()), held;
    for (const auto& [path, backing] : *needed) known.insert(path);
    if (w.local()) held = held_by_others(*w.core, u.machine, known);
    for (const auto& file : u.files)
        if (!needed->contains(file) && !memory.contains(file) && !held.contains(file) &&
            (w.local() || !is_overlay(file)))
            if (auto ok = remove_memory(w, file); !ok) return ok;
    return w.local() ? tidy_files(w, *needed) : Result<void>{};
}

// The first that is still there.
Result<void> stand_again(Site& w, const Unfinished& u) {
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    if (std::any_of(all->begin(), all->end(), [](const auto& s) { return s.info.current; })) return {};
    for (const auto& id : u.stands_on)
        if (const auto* s = find_snapshot(*all, id)) return write_back(w, s->xml, true);
    return {};
}

Result<void> pause_again(Site& w) {
    int state = 0;
    if (virDomainGetState(w.domain, &state, nullptr, 0) != 0 || state != VIR_DOMAIN_RUNNING) return {};
    return checked(virDomainSuspend(w.domain), "pause the machine");
}

// A host that was cut off from us goes on with what it was asked for; what comes of it is seen then.
Result<void> wait_for_job(Site& w) {
    const auto end = std::chrono::steady_clock::now() + longest_job;
    virDomainJobInfo info{};
    while (virDomainGetJobInfo(w.domain, &info) == 0 && info.type != VIR_DOMAIN_JOB_NONE) {
        if (w.session.stop.stop_requested()) return cancelled("remove what is left of a snapshot");
        if (std::chrono::steady_clock::now() >= end)
            return Error{Status::busy, "wsvirt.machine.busy",
                         "Another operation on the machine has not finished; try again later.",
                         uuid_of(w.domain)};
        std::this_thread::sleep_for(try_again);
    }
    return {};
}

// One that nobody saw made. Where its overlays cannot be merged from here it stays, as libvirt has it.
Result<void> remove_or_keep(Site& w, const HeldSnapshot& s) {
    if (!s.info.external || w.local()) return remove_snapshot(w, s);
    SnapshotNote note = s.layout.note;
    note.attributes = s.info.spec.attributes;
    note.created_us = s.info.created_us;
    return put_note(w.domain, s.xml, note, s.info.current);
}

// What is noted of it may name files that nothing else names. A machine that is removed needs none of them.
Result<void> applying_first(const Site& w, const Unfinished& u) {
    if (u.removed || !applying_was_cut_off(*w.core, u.machine)) return {};
    return Error{Status::busy, "wsvirt.machine.busy",
                 "Going back to a snapshot was cut off, and is to be finished first.", u.machine};
}

// Nothing is wrong with the machine: somebody uses it, or its host does not answer in time.
bool is_passing(const Error& e) {
    return e.status == Status::busy || e.status == Status::unavailable || e.status == Status::cancelled ||
           e.status == Status::timed_out;
}

// Of a snapshot that is gone there is nothing left to go back to. From then on whatever the machine writes
// stays: the note says so before anything else is tried that may fail.
Result<void> end_applying(Site& w, Unfinished& u, const fs::path& file) {
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const bool lost = !find_snapshot(*all, u.applied) && !u.settings.empty();
    bool is_back = false;
    auto ok = u.back || lost ? take_back(w, u) : apply_again(w, u, is_back);
    // Its memory may have found no room; the files that it was before are gone by then. Where saving it was
    // only stopped the snapshot has it yet, to be gone back to again.
    if (!ok && (!is_back || !w.answers() || is_passing(ok.error()))) return ok;
    u.applied.clear();
    u.back = false;
    auto noted = note_again(*w.core, file, u);
    return ok ? noted : ok;
}

Result<void> clear_up(Site& w, Unfinished& u, const fs::path& file) {
    Result<void> ok = finish_deletions(w, u);
    if (!ok) return ok;
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    if (const auto* s = find_snapshot(*all, u.id)) {
        if (s->layout.note.created_us == 0) ok = remove_or_keep(w, *s);
    } else if (u.host_holds) {
        if (u.applied.empty() && !host_holds(*all, u)) ok = remove_unseen(w, snapshot_of_former(u));
    } else if (!u.held.empty()) {
        // That is what the machine was, which may be needed yet.
    } else if (!w.elsewhere()) {
        ok = remove_from_disks(w, u.id);
    } else if (u.deleted.empty() && u.applied.empty() && !u.removed) {
        ok = remove_unseen(w, u.id);
    }
    w.way_back = !u.settings.empty();
    if (ok && !u.applied.empty()) ok = end_applying(w, u, file);
    if (ok) ok = let_go(w, u);
    if (ok) ok = applying_first(w, u);  // another one
    if (ok) ok = remove_files(w, u);
    if (ok && u.removed) {
        const int runs = virDomainIsActive(w.domain);
        if (runs < 0) return last_error("remove the machine");
        if (runs == 0) return remove_machine(w);
        // Whoever started it since wants it.
    }
    if (ok && !u.deleted.empty()) ok = move_saved_memory(w);
    return ok ? stand_again(w, u) : ok;
}

Result<void> make_whole(Site& w, Unfinished u, const fs::path& file) {
    if (u.paused) return pause_again(w);
    if (auto ok = wait_for_job(w); !ok) return ok;
    if (u.links) {
        const auto own = w.domain_xml();
        const bool alone = w.core->connector->kind() == HostKind::embedded;
        return own ? finish_start(w.domain, *own, u.was_running, alone) : Result<void>(own.error());
    }
    if (u.frozen && w.active()) virDomainFSThaw(w.domain, nullptr, 0, 0);
    auto ok = u.applied.empty() ? applying_first(w, u) : Result<void>();
    if (ok) ok = clear_up(w, u, file);
    int state = 0;
    if (u.was_running && virDomainGetState(w.domain, &state, nullptr, 0) == 0 && state == VIR_DOMAIN_PAUSED)
        virDomainResume(w.domain);
    return ok;
}

}  // namespace

Result<void> remove_from_disks(Site& w, const std::string& id) {
    const auto xml = w.domain_xml();
    if (!xml) return xml.error();
    if (!w.active()) qemu::end_orphans(w.core->settings().qemu_img, id);
    for (const auto& t : snapshot_targets(*xml)) {
        if (t.format != "qcow2") continue;
        if (w.active()) wait_for_qemu(w, t.target);
        const auto names = qemu::snapshot_names(t.path);
        if (!names || std::find(names->begin(), names->end(), id) == names->end()) continue;
        if (w.active()) return delete_unknown(w.domain, id, *xml);
        if (auto ok = w.tool.snapshot(w.call, 'd', id, t.path); !ok) return ok;
    }
    return {};
}

std::vector<std::string> standing(virDomainPtr domain) {
    std::vector<std::string> r;
    const std::string uuid = uuid_of(domain);
    for (SnapshotHandle s(virDomainSnapshotCurrent(domain, 0)); s;
         s.reset(virDomainSnapshotGetParent(s.get(), 0)))
        r.push_back(snapshot_id(uuid, virDomainSnapshotGetName(s.get())));
    return r;
}

namespace {

// The machine is; files that it needs may be missing as well, but those may come back.
bool is_gone(const Result<void>& tried) {
    return !tried && tried.error().message_id == "wsvirt.machine.unknown";
}

// What it had besides its disks goes after it. The disks and their overlays stay: somebody may have taken the
// machine elsewhere, or define it again. An old note does not say whose machine it is.
Result<void> remove_left_behind(const CorePtr& core, const Call& call, const fs::path& file) {
    constexpr const char* doing = "remove what is left of a machine";
    auto pass = enter_soon(*core, call, read_unfinished(file).machine);
    if (!pass) return pass.error();
    return core->workers->run<void>(
        call, {doing, {}, true, {}, {}}, [core, pass = *pass, file](Session& s) -> Result<void> {
            const Unfinished u = read_unfinished(file);
            if (u.host.empty()) return {};
            if (find_domain(s.connection, u.machine))
                return Error{Status::busy, "wsvirt.machine.busy",
                             "The machine is there again; its snapshots are looked at in a moment.",
                             u.machine};
            if (last_error_code() != VIR_ERR_NO_DOMAIN) return last_error(doing);
            return remove_memory_of(*core, s, u);
        });
}

// What cannot be finished is undone, where the machine can become what it was.
Result<void> turn_back(Site& w, const fs::path& file, const Error& why) {
    Unfinished u = read_unfinished(file);
    if (u.applied.empty() || u.settings.empty() || is_passing(why) || !w.answers() || waits_for_disks(w, u))
        return why;
    if (auto there = former_is_there(w, u); !there) return there;
    u.back = true;
    if (auto ok = note_again(*w.core, file, u); !ok) return ok;
    return make_whole(w, u, file);
}

// The disks have been seen, and what they were is not in them any more; or it was kept nowhere.
bool is_lost_for_good(const Site& w, const Unfinished& u, const Error& why) {
    return !is_passing(why) && w.answers() && !waits_for_disks(w, u) &&
           (u.settings.empty() || why.message_id == "wsvirt.snapshot.no_former");
}

Error not_finished(const Error& why, const std::string& machine) {
    if (is_passing(why) && why.status != Status::busy) return why;
    return {
        why.status == Status::busy ? Status::busy : Status::invalid_state, "wsvirt.snapshot.half_applied",
        "Going back to a snapshot was cut off, and it can neither be finished now nor taken back. See that "
        "the machine's disks are there, that there is room and that nothing else has them open; it is tried "
        "again by itself. Until then the machine can only be removed.",
        machine, why.full_text()};
}

// A start that comes meanwhile waits no longer than if it merged the files.
void merge_for_a_while(Site& w) {
    w.merge_until = std::chrono::steady_clock::now() + w.core->settings().call_limit / 2;
}

// One that runs again may be paused by anybody before the next attempt.
Result<void> make_noted_whole(Site& w, const fs::path& file) {
    auto ok = make_whole(w, read_unfinished(file), file);
    Unfinished left = read_unfinished(file);
    int state = 0;
    if (!ok && left.was_running && virDomainGetState(w.domain, &state, nullptr, 0) == 0 &&
        state == VIR_DOMAIN_RUNNING) {
        left.was_running = left.frozen = false;
        (void)note_again(*w.core, file, left);
    }
    return ok;
}

// Nothing of a machine that is removed stays unmerged; but that ends where another operation waits for the
// machine, or another one is to be removed.
Result<void> at_its_turn(const CorePtr& core, const Call& call, const fs::path& file,
                         const std::stop_token& others, const std::function<Result<void>(Site&)>& work) {
    std::stop_source way;
    const auto give_way = [way]() mutable { way.request_stop(); };
    const std::stop_callback on_stop(call.stop, give_way), on_others(others, give_way);
    const Unfinished u = read_unfinished(file);
    auto pass = enter_soon(*core, call, u.machine, way);
    if (!pass) return pass.error();
    const Change change{{"remove what is left of a snapshot", {}, true, {}, {}}, {}, {}, false};
    return change_machine(core, call, u.machine, change,
                          [core, work, way, pass = *pass, removed = u.removed](Session& s, virDomainPtr d) {
                              Site w(core, s, d);
                              if (removed)
                                  w.merge_stop = way.get_token();
                              else
                                  merge_for_a_while(w);
                              return work(w);
                          });
}

// What is noted is looked at when it is the machine's turn: whoever noted it may have ended it by then.
Result<void> recover_one(const CorePtr& core, const Call& call, const fs::path& file,
                         const std::stop_token& others) {
    Result<void> ok = cancelled("remove what is left of a snapshot");
    const auto began = std::make_shared<std::atomic<bool>>(true);
    for (int tries = 0; tries < most_attempts && *began && !call.stop.stop_requested(); ++tries) {
        if (tries > 0) std::this_thread::sleep_for(next_attempt);
        *began = false;
        ok = at_its_turn(core, call, file, others, [file, began](Site& w) {
            *began = true;
            std::error_code ec;
            return fs::exists(file, ec) ? make_noted_whole(w, file) : Result<void>();
        });
        if (ok || is_gone(ok)) break;
    }
    if (ok || is_gone(ok) || !*began || call.stop.stop_requested()) return ok;
    return at_its_turn(core, call, file, others,
                       [file, why = ok.error()](Site& w) { return turn_back(w, file, why); });
}

}  // namespace

Result<void> finish_applying(Site& w) {
    for (const auto& file : cut_off_applies(*w.core, uuid_of(w.domain))) {
        std::error_code ec;
        Site own(w.core, w.session, w.domain);
        own.merge_until = w.merge_until;
        auto ok = make_whole(own, read_unfinished(file), file);
        if (!ok) ok = turn_back(own, file, ok.error());
        if (ok) {
            fs::remove(file, ec);
            continue;
        }
        Unfinished u = read_unfinished(file);
        if (u.applied.empty()) continue;  // it is through; what it leaves is for recovery to remove
        if (!is_lost_for_good(own, u, ok.error())) return not_finished(ok.error(), u.machine);
        u.applied.clear();
        if (auto given_up = note_again(*w.core, file, u); !given_up) return given_up;
    }
    return {};
}

namespace {

struct Note {
    int haste = 0;
    fs::path file;
};

// Each is looked at once: others write to them meanwhile. How many are left.
std::size_t finish(const CorePtr& core, const Call& call, const std::vector<Note>& notes,
                   const std::stop_token& others) {
    std::size_t left = 0;
    std::error_code ec;
    for (const auto& [haste, file] : notes) {
        const Unfinished u = read_unfinished(file);
        if (u.machine.empty() || !is_of(*core, u)) continue;
        auto ok = recover_one(core, call, file, others);
        if (is_gone(ok)) ok = remove_left_behind(core, call, file);
        if (ok) {
            fs::remove(file, ec);
        } else if (fs::exists(file, ec)) {
            note_failure(file, ok.error());
            ++left;
        }
    }
    return left;
}

// In the order in which they are to be finished. Who waited for the machine of an operation that goes on
// would break it off where it can be.
std::vector<Note> noted(const Core& core, bool removals) {
    std::vector<Note> r;
    for (auto& file : all_notes(core)) {
        if (is_held(file)) continue;
        const Unfinished u = read_unfinished(file);
        if (u.removed == removals) r.push_back({u.applied.empty() ? 1 : 0, std::move(file)});
    }
    std::stable_sort(r.begin(), r.end(), [](const auto& a, const auto& b) { return a.haste < b.haste; });
    return r;
}

}  // namespace

Result<Gates::Pass> enter_soon(Core& core, const Call& call, std::string_view machine,
                               const std::stop_source& gives_way) {
    Call soon;
    soon.stop = call.stop;
    soon.deadline = std::min(call.deadline, std::chrono::steady_clock::now() + turn_limit);
    return core.gates.enter(soon, machine, gives_way);
}

// The others spare what applies need, and are looked at again when these are through.
std::size_t recover_snapshots(const CorePtr& core, const Call& call) {
    const std::lock_guard one_at_a_time(core->recovering);
    remove_half_written(*core);
    return finish(core, call, noted(*core, false), {});
}

std::size_t finish_removals(const CorePtr& core, const Call& call, const std::stop_token& others) {
    return finish(core, call, noted(*core, true), others);
}

}  // namespace wsvirt::backend::libvirt
