// LibvirtHypervisor: deleting snapshots.
#include "backend/libvirt/snapshot_changes.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/foreign_overlays.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/save_image.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

namespace {

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

// What waits to be merged is tried once more.
Result<void> delete_inside_and_merge(Site& w, const HeldSnapshot& s) {
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    auto overlays = overlays_on(w, s, *all);
    auto ok = delete_inside(w, s);
    if (!ok || overlays.empty()) return ok;
    ok = tidy_files(w, std::move(overlays));
    return ok ? move_saved_memory(w) : ok;
}

Result<void> delete_outside(Site& w, const HeldSnapshot& gone) {
    if (!w.local()) return snapshot_not_here();
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

Error snapshot_not_here() {
    return {
        Status::not_supported, "wsvirt.snapshot.remote",
        "This snapshot keeps its disks in separate files, which cannot be reached on this host from here."};
}

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
    if (!s.info.external) return delete_inside_and_merge(w, s);
    auto ok = delete_outside(w, s);
    return ok ? move_saved_memory(w) : ok;
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

Result<void> LibvirtHypervisor::delete_snapshot(const Call& call, std::string_view uuid,
                                                std::string_view snapshot, bool with_children) {
    const Change change{{"delete the snapshot", {}, true, abort_job(core_, uuid), {}}, {}, {}};
    return change_machine(core_, call, uuid, change,
                          [core = core_, id = std::string(snapshot), with_children](
                              Session& s, virDomainPtr d) -> Result<void> {
                              Site w(core, s, d);
                              if (auto ok = finish_applying(w); !ok) return ok;
                              auto all = hold_snapshots(d);
                              if (!all) return all.error();
                              const HeldSnapshot* const held = find_snapshot(*all, id);
                              if (!held) return no_snapshot(id);
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
