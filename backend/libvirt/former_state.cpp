#include "backend/libvirt/former_state.hpp"

#include <libvirt/libvirt-qemu.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_revert.hpp"
#include "backend/qemu/process.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

bool is_lost(const std::string& path) {
    return access(path.c_str(), F_OK) != 0 && errno == ENOENT;
}

bool is_own(const Site& w, const std::string& path) {
    const auto xml = w.domain_xml();
    if (!xml) return true;
    const auto own = snapshot_targets(*xml);
    return std::any_of(own.begin(), own.end(), [&](const auto& t) { return t.path == path; });
}

Result<bool> holds(const std::string& path, const std::string& id) {
    const auto names = qemu::snapshot_names(path);
    if (!names) return names.error();
    return std::find(names->begin(), names->end(), id) != names->end();
}

// libvirt deletes only snapshots that it knows, and one that it is told of is shown to everybody.
Result<void> delete_while_it_runs(const Site& w, const std::string& id) {
    char* answer = nullptr;
    const int done = virDomainQemuMonitorCommand(w.domain, ("delvm " + id).c_str(), &answer,
                                                 VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP);
    const std::string said = take(answer);
    if (done < 0) return last_error("remove what is left of a snapshot");
    if (trim(said).empty()) return {};
    return Error{Status::failed, "wsvirt.snapshot.left", "QEMU did not remove what is left of a snapshot.",
                 id, said};
}

// libvirt may have made the snapshot the current one.
Result<void> stand_on_former(Site& w, const Unfinished& noted) {
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    for (const auto& id : noted.stands_on)
        if (const auto* s = find_snapshot(*all, id))
            return s->info.current ? Result<void>() : write_back(w, s->xml, true);
    return {};
}

// The folder of a file that is not there is at hand where a file of the machine's disks is in it.
bool is_gone(const Site& w, const std::string& path) {
    const auto own = w.domain_xml();
    std::set<std::string> missing;
    const auto chain =
        own ? read_chain(w.call, w.tool, tops_of(*own, {}), &missing) : Result<Chain>(own.error());
    const auto folder = fs::path(path).parent_path();
    return chain && std::any_of(chain->begin(), chain->end(),
                                [&](const auto& f) { return fs::path(f.first).parent_path() == folder; });
}

// All of the overlays that it stood on.
Result<void> are_there(const Site& w, const Unfinished& noted) {
    if (!w.local()) return {};
    Formats tops;
    for (const auto& t : snapshot_targets(noted.settings))
        if (is_overlay(t.path)) tops.emplace(t.path, t.format);
    std::set<std::string> missing;
    const auto chain = read_chain(w.call, w.tool, tops, &missing);
    if (chain && missing.empty()) return {};
    for (const auto& path : missing)
        if (is_gone(w, path))
            return Error{
                Status::failed, "wsvirt.snapshot.no_former",
                "The file \"" + path + "\", which held what a disk was before, does not exist any more.",
                path};
    return Error{
        Status::failed, "wsvirt.snapshot.former_unseen",
        "The files that hold what the disks of the machine were before are not there, or cannot be read.",
        missing.empty() ? chain.error().subject : *missing.begin(),
        missing.empty() ? chain.error().full_text() : ""};
}

// The disks that it has, with all that they stand on; nothing where they are those of before.
Result<Chain> other_files(const Site& w, const Unfinished& noted) {
    if (!noted.held.empty() || !w.local()) return Chain();
    const auto own = w.domain_xml();
    if (!own) return own.error();
    if (snapshot_targets(*own) == snapshot_targets(noted.settings)) return Chain();
    std::set<std::string> missing;
    return read_chain(w.call, w.tool, tops_of(*own, {}), &missing);
}

Result<void> put_variables_back(Site& w, const Unfinished& noted) {
    const auto aside = former_variables(w, noted);
    if (std::find(noted.files.begin(), noted.files.end(), aside) == noted.files.end() || is_lost(aside))
        return {};
    return copy_nvram(aside, nvram_path(noted.settings));
}

const HeldSnapshot* find_by_name(const std::vector<HeldSnapshot>& all, const std::string& name) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.name == name; });
    return it == all.end() ? nullptr : &*it;
}

Result<void> let_host_hold(Site& w, const Unfinished& noted) {
    NewSnapshot former;
    former.name = former.title = snapshot_of_former(noted);
    for (const auto& t : snapshot_targets(noted.settings)) former.disks.push_back({t.target, "", false});
    for (const auto& target : left_out(noted.settings)) former.disks.push_back({target, "", true});
    const SnapshotHandle made(virDomainSnapshotCreateXML(w.domain, new_snapshot_xml(former).c_str(), 0));
    if (made) return {};
    const Error why = last_error("apply the snapshot");
    return Error{
        why.status, "wsvirt.snapshot.no_way_back",
        "What is in the disks now cannot be kept for the case that the snapshot cannot be applied, so "
        "nothing has been changed; make room where the disks are, or end what else has them open.",
        uuid_of(w.domain), why.full_text()};
}

Error not_held_by_host(const Unfinished& noted) {
    return {Status::failed, "wsvirt.snapshot.no_former",
            "The disks do not hold what they were before any more.", noted.machine};
}

Result<void> go_back_on_host(Site& w, const Unfinished& noted) {
    const auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const auto* const former = find_by_name(*all, snapshot_of_former(noted));
    if (!former) return not_held_by_host(noted);
    return checked(virDomainRevertToSnapshot(former->handle.get(), VIR_DOMAIN_SNAPSHOT_REVERT_FORCE),
                   "put back what the machine was");
}

Result<void> let_go_on_host(Site& w, const Unfinished& noted) {
    const auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const auto* const former = find_by_name(*all, snapshot_of_former(noted));
    if (!former) return {};
    return checked(virDomainSnapshotDelete(former->handle.get(), 0), "remove what is left of a snapshot");
}

}  // namespace

std::string snapshot_of_former(const Unfinished& noted) {
    return std::string(former_prefix) + noted.id;
}

bool host_holds(const std::vector<HeldSnapshot>& all, const Unfinished& noted) {
    return find_by_name(all, snapshot_of_former(noted)) != nullptr;
}

bool host_can_hold(const Site& w, const HeldSnapshot& s, const std::string& settings) {
    const auto now = snapshot_targets(settings), then = snapshot_targets(s.layout.domain_xml);
    return w.core->connector->kind() != HostKind::test && !s.layout.note.disks_only &&
           !writes_to_left_out(settings) &&
           std::all_of(now.begin(), now.end(), [](const auto& t) { return t.format == "qcow2"; }) &&
           std::all_of(then.begin(), then.end(),
                       [&](const auto& t) { return std::find(now.begin(), now.end(), t) != now.end(); });
}

std::string former_variables(const Site& w, const Unfinished& noted) {
    return w.local() ? kept_file(*w.core, noted.id, ".nvram") : "";
}

Result<void> keep_variables(Site& w, const Unfinished& noted) {
    const auto aside = former_variables(w, noted);
    if (std::find(noted.files.begin(), noted.files.end(), aside) == noted.files.end()) return {};
    if (!is_nvram_ours(nvram_path(noted.settings))) return {};  // they are somebody else's
    const auto content = read_nvram(noted.settings);
    return content ? write_nvram(aside, *content) : Result<void>();
}

void drop_variables(const Site& w, const Unfinished& noted) {
    if (const auto aside = former_variables(w, noted); !aside.empty()) unlink(aside.c_str());
}

std::vector<std::string> disks_to_hold(const Site& w, const HeldSnapshot& s) {
    const auto kind = w.core->connector->kind();
    if (kind == HostKind::test || (w.elsewhere() && !s.layout.note.disks_only)) return {};
    std::vector<std::string> r;
    for (const auto& t : snapshot_targets(s.layout.domain_xml))
        for (const auto& d : s.layout.disks) {
            if (d.name != t.target || d.kind != SnapshotDisk::Kind::internal) continue;
            if (access(t.path.c_str(), R_OK | W_OK) != 0) return {};
            if (std::find(r.begin(), r.end(), t.path) == r.end()) r.push_back(t.path);
        }
    return r;
}

Result<void> hold_former(Site& w, const Unfinished& noted) {
    if (noted.held.empty() && !noted.host_holds) return {};
    if (w.active())
        if (auto ok = turn_off(w); !ok) return ok;
    if (noted.host_holds) return let_host_hold(w, noted);
    for (const auto& path : noted.held) {
        // qemu-img is not stopped half-way: it would leave clusters behind that nothing uses.
        const auto ok = w.tool.snapshot({w.session.deadline, {}, {}}, 'c', noted.id, path);
        if (ok) continue;
        return Error{ok.error().status, "wsvirt.snapshot.no_way_back",
                     "What is in the disk \"" + path +
                         "\" now cannot be kept for the case that the snapshot cannot be applied, so nothing "
                         "has been changed; make room where the disk is, or end what else has it open.",
                     path, ok.error().full_text()};
    }
    return {};
}

Result<void> former_is_there(Site& w, const Unfinished& noted) {
    for (const auto& path : noted.held) {
        const auto held = is_lost(path) && !is_own(w, path) ? Result<bool>(false) : holds(path, noted.id);
        if (!held) return held.error();
        if (!*held)
            return Error{Status::failed, "wsvirt.snapshot.no_former",
                         "The disk \"" + path + "\" does not hold what it was before any more.", path};
    }
    if (noted.host_holds) {
        const auto all = hold_snapshots(w.domain);
        if (!all) return all.error();
        if (!host_holds(*all, noted)) return not_held_by_host(noted);
    }
    return are_there(w, noted);
}

Result<void> make_former(Site& w, const Unfinished& noted) {
    w.call = {};
    w.session.stop = {};  // also when the caller has gone
    if (auto ok = former_is_there(w, noted); !ok) return ok;
    const auto newer = other_files(w, noted);
    if (!newer) return newer.error();
    const auto memory_back = memory_is_back(w, noted.files);
    if (!memory_back) return memory_back.error();
    if (!*memory_back)
        if (auto ok = turn_off(w); !ok) return ok;
    qemu::end_orphans(w.core->settings().qemu_img, noted.id);
    for (const auto& path : noted.held)
        if (auto ok = w.tool.snapshot(w.call, 'a', noted.id, path); !ok) return ok;
    if (noted.host_holds)
        if (auto ok = go_back_on_host(w, noted); !ok) return ok;
    if (auto ok = define(w, noted.settings); !ok) return ok;
    if (auto ok = put_variables_back(w, noted); !ok) return ok;
    if (auto ok = stand_on_former(w, noted); !ok) return ok;
    if (auto ok = put_memory_back(w, noted.files); !ok) return ok;
    remove_outdated(w, *newer);
    return {};
}

bool waits_for_disks(const Site& w, const Unfinished& noted) {
    if (noted.held.empty()) {
        std::set<std::string> missing;
        const auto own = w.domain_xml();
        if (!noted.settings.empty() && w.local() && own)
            (void)read_chain(w.call, w.tool, tops_of(*own, {}), &missing);
        return !missing.empty();
    }
    return std::any_of(noted.held.begin(), noted.held.end(),
                       [&](const auto& path) { return is_lost(path) && is_own(w, path); });
}

Result<void> let_go(Site& w, const Unfinished& noted) {
    w.call = {};  // also when the caller has gone
    if (noted.host_holds) return let_go_on_host(w, noted);
    if (noted.held.empty()) return {};
    if (!w.active()) qemu::end_orphans(w.core->settings().qemu_img, noted.id);
    for (const auto& path : noted.held) {
        if (is_lost(path) && !is_own(w, path)) continue;
        const auto held = holds(path, noted.id);
        if (!held) return held.error();
        if (!*held) continue;
        auto gone =
            w.active() ? delete_while_it_runs(w, noted.id) : w.tool.snapshot(w.call, 'd', noted.id, path);
        if (!gone) return gone;
    }
    return {};
}

}  // namespace wsvirt::backend::libvirt
