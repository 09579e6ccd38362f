// LibvirtHypervisor: going back to snapshots and deleting them.
#include "backend/libvirt/snapshot_changes.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/foreign_overlays.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/save_image.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

namespace {

Error not_here() {
    return {
        Status::not_supported, "wsvirt.snapshot.remote",
        "This snapshot keeps its disks in separate files, which cannot be reached on this host from here."};
}

Result<void> turn_off(Site& w) {
    const std::string xml = w.active() ? take(virDomainGetXMLDesc(w.domain, 0)) : std::string();
    if (w.active() && virDomainDestroy(w.domain) < 0 && w.active()) return last_error("turn the machine off");
    w.servers().stop(xml);
    return drop_saved_file(*w.core->connector, w.domain);
}

// --- back to a snapshot ---------------------------------------------------------------------------------

// All of the disks that hold it, before the first one changes. What only the host's libvirt may open is for
// that to see.
Result<void> are_there(const Site& w, const HeldSnapshot& s) {
    const bool by_us = s.layout.note.disks_only, test = w.core->connector->kind() == HostKind::test;
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
Result<void> memory_is_there(Site& w, const HeldSnapshot& s) {
    const std::string& memory = s.layout.note.saved_file;
    const auto there = memory.empty() ? Result<bool>(true) : has_memory(w, memory);
    if (!there) return there.error();
    if (*there) return {};
    return Error{Status::failed, "wsvirt.snapshot.no_memory",
                 "The memory that belongs to the snapshot is not on the machine's host.", memory};
}

Result<void> revert_inside(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all) {
    const bool test = w.core->connector->kind() == HostKind::test;
    const bool disks_inside =
        test || std::any_of(s.layout.disks.begin(), s.layout.disks.end(),
                            [](const auto& d) { return d.kind == SnapshotDisk::Kind::internal; });
    for (const auto& other : all)
        if (disks_inside && other.info.external && !test)
            return Error{
                Status::not_supported, "wsvirt.snapshot.based_on",
                "The snapshot is kept inside disks that newer snapshots are based on; delete those first.",
                other.info.id};
    if (auto ok = memory_is_there(w, s); !ok) return ok;
    if (auto ok = are_there(w, s); !ok) return ok;
    if (disks_inside && !s.layout.note.disks_only) {
        if (auto ok = drop_saved_file(*w.core->connector, w.domain); !ok) return ok;
        if (virDomainRevertToSnapshot(s.handle.get(), VIR_DOMAIN_SNAPSHOT_REVERT_FORCE) < 0)
            return last_error("apply the snapshot");
    } else {
        if (auto ok = turn_off(w); !ok) return ok;
        if (disks_inside)
            for (const auto& t : snapshot_targets(s.layout.domain_xml))
                if (auto ok = w.tool.snapshot(w.call, 'a', s.name, t.path); !ok) return ok;
        if (auto ok = define(w, s.layout.domain_xml); !ok) return ok;
        if (auto ok = write_back(w, s.xml, true); !ok) return ok;
    }
    const std::string& memory = s.layout.note.saved_file;
    if (memory.empty()) return {};
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

Result<void> revert_outside(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all) {
    if (!w.local()) return not_here();
    const auto old_xml = w.domain_xml();
    if (!old_xml) return old_xml.error();
    auto before = read_chain(w.call, w.tool, tops_of(*old_xml, all));
    if (!before) return before.error();
    std::map<std::string, std::string> files;
    const std::string id = make_guid();
    Unfinished noted;
    noted.machine = uuid_of(w.domain);
    noted.id = id;
    for (const auto& [path, backing] : *before)
        if (is_overlay(path)) noted.files.push_back(path);
    for (const auto& t : snapshot_targets(s.layout.domain_xml))
        noted.files.push_back(overlay_path(t.path, id));
    const auto journal = note_unfinished(*w.core, w.session, noted);
    if (!journal) return journal.error();
    if (auto ok = turn_off(w); !ok) return ok;
    const auto take_back = [&] {
        for (const auto& [target, path] : files) unlink(path.c_str());
    };
    for (const auto& t : snapshot_targets(s.layout.domain_xml)) {
        ImageSpec overlay{overlay_path(t.path, id), "qcow2", ImageSpec::Kind::differencing, 0, t.path, 0};
        overlay.parent_format = t.format;
        if (auto ok = w.tool.create(w.call, overlay); !ok) {
            take_back();
            return ok;
        }
        files[t.target] = overlay.path;
    }
    auto xml = with_disk_files(s.layout.domain_xml, files);
    auto ok = xml ? define(w, *xml) : Result<void>(xml.error());
    if (ok) ok = write_back(w, s.xml, true);
    if (ok && !s.layout.memory_file.empty()) ok = restore_memory(w, s, files);
    if (ok && !s.layout.note.saved_file.empty()) ok = put_saved_memory(w, s.layout.note.saved_file);
    if (!ok) {
        // A host that fell silent may have done it, and the machine stands on them: that is recovery's to
        // see.
        if (turn_off(w) && define(w, *old_xml)) take_back();
        return ok;
    }
    if (auto after = read_chain(w.call, w.tool, tops_of(*xml, all))) {
        Chain known = *before;
        known.insert(after->begin(), after->end());
        remove_unneeded(*before, *after, held_by_others(*w.core, noted.machine, known));
    }
    return {};
}

Result<void> revert(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all) {
    return s.info.external ? revert_outside(w, s, all) : revert_inside(w, s, all);
}

// With the variables of its firmware; first, because QEMU reads them when it is given its memory.
Result<void> go_back(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all) {
    const std::string& kept = s.layout.note.nvram_file;
    const std::string place = nvram_path(s.layout.domain_xml);
    if (kept.empty() || place.empty()) return revert(w, s, all);
    if (auto ok = turn_off(w); !ok) return ok;
    const auto own = w.domain_xml();
    if (!own) return own.error();
    const auto before = read_nvram(*own);
    auto done = copy_nvram(kept, place);
    if (done) done = revert(w, s, all);
    if (!done && before && !w.active()) (void)write_nvram(place, *before);
    return done;
}

// --- away with a snapshot ---------------------------------------------------------------------------------

Result<void> drop_metadata(const HeldSnapshot& s) {
    return checked(virDomainSnapshotDelete(s.handle.get(), VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY),
                   "delete the snapshot");
}

// libvirt takes every external deletion for a merge and lets the snapshots above stand on the file below,
// also when only its own record is deleted. The files that the others really stand on are written back.
Result<void> drop_external(Site& w, const HeldSnapshot& gone, const std::vector<HeldSnapshot>& all) {
    if (auto ok = drop_metadata(gone); !ok) return ok;
    auto now = hold_snapshots(w.domain);
    if (!now) return now.error();
    for (const auto& s : *now)
        for (const auto& then : all) {
            if (then.name != s.name) continue;
            const auto right = snapshot_targets(then.layout.domain_xml);
            if (right == snapshot_targets(s.layout.domain_xml)) continue;
            auto xml = with_targets(s.xml, right, w.core->domain_options());
            if (!xml) return xml.error();
            if (auto ok = write_back(w, *xml, s.info.current); !ok) return ok;
        }
    return {};
}

// A disk that is gone holds nothing.
Result<bool> holds(const std::string& path, const std::string& snapshot) {
    if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return false;
    const auto names = qemu::snapshot_names(path);
    if (!names) return names.error();
    return std::find(names->begin(), names->end(), snapshot) != names->end();
}

Result<void> delete_from_disks(Site& w, const HeldSnapshot& s) {
    for (const auto& t : snapshot_targets(s.layout.domain_xml)) {
        const auto held = holds(t.path, s.name);
        if (!held) return held.error();
        if (*held)
            if (auto ok = w.tool.snapshot(w.call, 'd', s.name, t.path); !ok) return ok;
    }
    return {};
}

Result<void> delete_inside(Site& w, const HeldSnapshot& s) {
    const bool inside = w.core->connector->kind() == HostKind::test ||
                        std::any_of(s.layout.disks.begin(), s.layout.disks.end(),
                                    [](const auto& d) { return d.kind == SnapshotDisk::Kind::internal; });
    Result<void> ok;
    std::map<std::string, std::string> now;
    const auto own = w.domain_xml();
    if (!own) return own.error();
    for (const auto& t : snapshot_targets(*own)) now[t.target] = t.path;
    const auto then = snapshot_targets(s.layout.domain_xml);
    const bool same_files =
        std::all_of(then.begin(), then.end(), [&](const auto& t) { return now[t.target] == t.path; });
    if (!inside) {
        ok = drop_metadata(s);
    } else if (same_files || w.elsewhere()) {
        ok = checked(virDomainSnapshotDelete(s.handle.get(), 0), "delete the snapshot");
    } else if (w.active()) {
        return Error{
            Status::invalid_state, "wsvirt.snapshot.in_use",
            "The snapshot is inside a disk that the running machine stands on; turn the machine off first.",
            s.info.id};
    } else {
        ok = delete_from_disks(w, s);
        if (ok) ok = drop_metadata(s);
    }
    if (ok) remove_files_of(w, s.layout);
    return ok;
}

Result<void> delete_outside(Site& w, const HeldSnapshot& gone) {
    if (!w.local()) return not_here();
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const auto own = w.domain_xml();
    if (!own) return own.error();
    std::set<std::string> missing;
    auto chain = read_chain(w.call, w.tool, tops_of(*own, *all), &missing);
    if (!chain) return chain.error();
    if (auto ok = drop_external(w, gone, *all); !ok) return ok;
    remove_files_of(w, gone.layout);
    return tidy_files(w, std::move(*chain));
}

// The snapshot and, where asked, all below it; leaves first.
std::vector<std::string> doomed(const std::vector<HeldSnapshot>& all, const HeldSnapshot& top,
                                bool with_children) {
    std::vector<std::string> r{top.info.id};
    for (std::size_t i = 0; with_children && i < r.size(); ++i)
        for (const auto& s : all)
            if (s.info.parent == r[i]) r.push_back(s.info.id);
    std::reverse(r.begin(), r.end());
    return r;
}

}  // namespace

std::vector<std::string> files_of(const SnapshotLayout& layout) {
    std::vector<std::string> r;
    for (const auto& file : {layout.memory_file, layout.note.saved_file, layout.note.nvram_file})
        if (!file.empty()) r.push_back(file);
    return r;
}

void remove_files_of(Site& w, const SnapshotLayout& layout) {
    for (const auto& file : files_of(layout)) (void)remove_memory(w, file);
}

Result<void> define(Site& w, const std::string& xml) {
    const DomainHandle d(virDomainDefineXML(w.session.connection, xml.c_str()));
    if (!d) return last_error("change the settings of the machine");
    return {};
}

Result<std::string> Site::domain_xml() const {
    auto xml = take(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    if (xml.empty()) return last_error("look at the machine");
    return xml;
}

std::string Site::saved_path() const {
    return core->connector->host_save_dir() + "/" + virDomainGetName(domain) + ".save";
}

Result<void> write_back(Site& w, const std::string& xml, bool current) {
    const unsigned also = current ? unsigned{VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT} : 0u;
    const SnapshotHandle h(
        virDomainSnapshotCreateXML(w.domain, xml.c_str(), VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | also));
    if (!h) return last_error("write on the snapshot");
    return {};
}

Result<void> remove_snapshot(Site& w, const HeldSnapshot& s) {
    auto ok = s.info.external ? delete_outside(w, s) : delete_inside(w, s);
    if (ok && s.info.external) ok = move_saved_memory(w);
    return ok;
}

Result<Unfinished> begun_deletion(Site& w, const std::vector<HeldSnapshot>& all,
                                  const std::vector<std::string>& ids) {
    Unfinished u;
    u.machine = uuid_of(w.domain);
    u.id = make_guid();
    u.deleted = ids;
    u.stands_on = standing(w.domain);
    bool external = false;
    for (const auto& s : all) {
        external |= s.info.external;
        if (std::find(ids.begin(), ids.end(), s.info.id) == ids.end()) {
            for (const auto& t : snapshot_targets(s.layout.domain_xml)) u.bases.emplace_back(s.name, t);
            continue;
        }
        for (auto& file : files_of(s.layout)) u.files.push_back(std::move(file));
    }
    if (!external || !w.local()) return u;
    const auto own = w.domain_xml();
    if (!own) return own.error();
    std::set<std::string> missing;
    auto chain = read_chain(w.call, w.tool, tops_of(*own, all), &missing);
    if (!chain) return chain.error();
    for (const auto& [path, backing] : *chain)
        if (is_overlay(path)) u.files.push_back(path);
    u.chain = std::move(*chain);
    return u;
}

Result<void> remove_external_snapshots(Site& w) {
    if (!w.local()) return {};
    for (;;) {
        auto all = hold_snapshots(w.domain);
        if (!all) return all.error();
        const auto last =
            std::find_if(all->rbegin(), all->rend(), [](const auto& s) { return s.info.external; });
        if (last == all->rend()) return {};
        if (auto ok = drop_saved_file(*w.core->connector, w.domain); !ok) return ok;
        if (auto ok = remove_snapshot(w, *last); !ok) return ok;
    }
}

Result<void> put_saved_memory(Site& w, const std::string& from) {
    std::error_code ec;
    std::filesystem::create_directories(w.core->connector->save_dir(), ec);
    const auto definition = w.domain_xml();
    if (!definition) return definition.error();
    return copy_save_image(w.call, from, w.saved_path(), [&](const std::string& xml) -> Result<std::string> {
        auto adopted = adopt_saved_xml(xml, *definition);
        if (adopted) adopted = without_chains(*adopted);
        if (!adopted) return adopted;
        return w.servers().with_chains(*adopted);
    });
}

Result<void> move_saved_memory(Site& w) {
    if (!w.local() || w.active() || access(w.saved_path().c_str(), F_OK) != 0) return {};
    const auto header = read_save_header(w.saved_path());
    if (!header)  // libvirt knows what to do with memory that is not whole
        return header.error().status == Status::malformed ? Result<void>() : header.error();
    const auto own = w.domain_xml();
    if (!own) return own.error();
    const std::string& xml = header->domain_xml;
    if (snapshot_targets(xml) == snapshot_targets(*own) && !lists_missing_files(xml) &&
        told_chains(xml) == told_chains(w.servers().with_chains(xml)))
        return {};
    return put_saved_memory(w, w.saved_path());
}

Result<void> apply_again(Site& w, const std::string& id) {
    if (w.active()) return {};
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    const HeldSnapshot* const held = find_snapshot(*all, id);
    if (!held) return {};
    if (auto ok = go_back(w, *held, *all); !ok) return ok;
    return w.active() ? checked(virDomainManagedSave(w.domain, 0), "save the machine") : Result<void>();
}

Result<void> LibvirtHypervisor::revert(const Call& call, std::string_view uuid, std::string_view snapshot) {
    const Change change{{"apply the snapshot", {}, true, {}, {}}, {}, {}};
    return change_machine(
        core_, call, uuid, change,
        [core = core_, id = std::string(snapshot)](Session& s, virDomainPtr d) -> Result<void> {
            auto all = hold_snapshots(d);
            if (!all) return all.error();
            const HeldSnapshot* const held = find_snapshot(*all, id);
            if (!held) return no_snapshot(id);
            Site w(core, s, d);
            Unfinished noted;
            noted.machine = uuid_of(d);
            noted.id = make_guid();
            noted.stands_on = standing(d);
            if (const auto aside = MemoryAside::place(w); !aside.empty()) noted.files = {aside};
            const auto journal = note_unfinished(*core, s, noted);
            if (!journal) return journal.error();
            MemoryAside saved(w);
            if (auto kept = saved.keep(); !kept) return kept;
            Result<std::shared_ptr<void>> begun{nullptr};
            if (w.elsewhere()) {
                noted.applied = held->info.id;
                begun = note_unfinished(*core, s, noted);
                if (!begun) return begun.error();
            }
            auto done = go_back(w, *held, *all);
            if (!done) saved.put_back();
            return done;
        });
}

Result<void> LibvirtHypervisor::delete_snapshot(const Call& call, std::string_view uuid,
                                                std::string_view snapshot, bool with_children) {
    const Change change{{"delete the snapshot", {}, true, abort_job(core_, uuid), {}}, {}, {}};
    return change_machine(core_, call, uuid, change,
                          [core = core_, id = std::string(snapshot), with_children](
                              Session& s, virDomainPtr d) -> Result<void> {
                              auto all = hold_snapshots(d);
                              if (!all) return all.error();
                              const HeldSnapshot* const held = find_snapshot(*all, id);
                              if (!held) return no_snapshot(id);
                              Site w(core, s, d);
                              const auto ids = doomed(*all, *held, with_children);
                              auto noted = begun_deletion(w, *all, ids);
                              if (!noted) return noted.error();
                              const auto journal = note_unfinished(*core, s, *noted);
                              if (!journal) return journal.error();
                              for (const auto& one : ids) {
                                  // each deletion may rename files that the next one speaks of
                                  auto now = hold_snapshots(d);
                                  if (!now) return now.error();
                                  const HeldSnapshot* const next = find_snapshot(*now, one);
                                  if (!next) continue;
                                  if (auto ok = remove_snapshot(w, *next); !ok) return ok;
                              }
                              return {};
                          });
}

}  // namespace wsvirt::backend::libvirt
