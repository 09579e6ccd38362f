// LibvirtHypervisor: what a snapshot holds becomes the machine's.
#include "backend/libvirt/snapshot_revert.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/former_state.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/memory_fits.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

Result<void> turn_off(Site& w) {
    const std::string xml = w.active() ? take(virDomainGetXMLDesc(w.domain, 0)) : std::string();
    if (w.active() && virDomainDestroy(w.domain) < 0 && w.active()) return last_error("turn the machine off");
    w.servers().stop(xml);
    return drop_saved_file(*w.core->connector, w.domain);
}

bool is_test(const Site& w) {
    return w.core->connector->kind() == HostKind::test;
}

bool has_disks_inside(const Site& w, const HeldSnapshot& s) {
    return is_test(w) || std::any_of(s.layout.disks.begin(), s.layout.disks.end(),
                                     [](const auto& d) { return d.kind == SnapshotDisk::Kind::internal; });
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

HostInfo host_of(Core& core) {
    const std::lock_guard lock(core.mutex);
    return core.host;
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

}  // namespace

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

}  // namespace wsvirt::backend::libvirt
