#include "backend/libvirt/move_storage.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/file_marks.hpp"
#include "backend/libvirt/parameters.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/qemu/image.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char *copying = "copy the disk", *changing = "change the machine";
constexpr auto progress_interval = std::chrono::milliseconds(250);

using Moved = std::map<std::string, SnapshotTarget>;  // by old path

struct Way {
    const CorePtr& core;
    Session& s;
    virDomainPtr d;
    const MigrationRequest& r;
};

struct Copy {
    SnapshotTarget disk;
    std::string to;
    std::uint64_t size = 0;  // that counts for the progress
};

// Whether the machine, as it is defined or as it runs, has one of the files; nullopt: libvirt does not say.
std::optional<bool> stands_on(virDomainPtr d, unsigned form, const std::string& file) {
    const std::string xml = take(virDomainGetXMLDesc(d, form));
    if (xml.empty()) return std::nullopt;
    const auto all = snapshot_targets(xml);
    return std::any_of(all.begin(), all.end(), [&](const auto& t) { return t.path == file; });
}

void remove_files(const Moved& moved) {
    std::error_code ec;
    for (const auto& [from, to] : moved) std::filesystem::remove(to.path, ec);
}

Error exists(const std::string& file) {
    return {Status::already_exists, "wsvirt.image.exists", "A file with this name exists already.", file};
}

std::string mark_of(const Way& way, const std::string& file) {
    return file_mark(way.s.connection, way.core->connector->kind(), file);
}

// file: where it is now.
Result<void> note(const Way& way, const Copy& copy, const std::string& file) {
    return way.r.made ? way.r.made(copy.to, mark_of(way, file)) : Result<void>();
}

// libvirt writes to an empty file that it finds, and would make one that nobody knows for ours. Gives its
// mark.
Result<std::string> make_file(const Way& way, const Copy& copy) {
    // Known by that if it ends before the file has a mark of its own.
    if (way.r.made)
        if (auto ok = way.r.made(copy.to, bare_mark("raw", 0)); !ok) return ok.error();
    const int fd = open(copy.to.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const int why = fd < 0 ? errno : 0;
    if (why != 0 && way.r.made) (void)way.r.made(copy.to, {});
    if (why == EEXIST) return exists(copy.to);
    if (why != 0)
        return Error{why == ENOSPC   ? Status::no_space
                     : why == EACCES ? Status::access_denied
                                     : Status::failed,
                     "wsvirt.disk.copy", "The file for the copy of the disk cannot be made.", copy.to,
                     std::strerror(why)};
    close(fd);
    const auto noted = note(way, copy, copy.to);
    if (noted) return mark_of(way, copy.to);
    unlink(copy.to.c_str());
    return noted.error();
}

// Its file goes when it is certain that nothing writes to it and nothing stands on it.
Error without_copy(virDomainPtr d, const Copy& copy, Error failed) {
    const char* const target = copy.disk.target.c_str();
    virDomainBlockJobAbort(d, target, 0);
    virDomainBlockJobInfo info{};
    const bool ended = virDomainGetBlockJobInfo(d, target, &info, 0) == 0 || virDomainIsActive(d) == 0;
    if (ended && stands_on(d, 0, copy.to) == false) {
        std::error_code ec;
        std::filesystem::remove(copy.to, ec);
    } else {
        failed.message_id = half_there;
    }
    return failed;
}

Result<void> copy_live(const Way& way, const Copy& copy, const Call& call) {
    const auto& [core, s, d, r] = way;
    pugi::xml_document doc;
    auto disk = doc.append_child("disk");
    disk.append_attribute("type").set_value("file");
    disk.append_child("source").append_attribute("file").set_value(copy.to.c_str());
    disk.append_child("driver").append_attribute("type").set_value(copy.disk.format.c_str());
    take_up_after_writing(*core, d);
    const auto made = make_file(way, copy);
    if (!made) return made.error();
    Parameters p;
    p.number(VIR_DOMAIN_BLOCK_COPY_BANDWIDTH, r.bandwidth_mib_s << 20);
    const char* const target = copy.disk.target.c_str();
    if (virDomainBlockCopy(d, target, to_text(doc).c_str(), p.list(), static_cast<int>(p.count()),
                           VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB) < 0) {
        Error e = last_error(copying);
        if (e.status == Status::unavailable) return without_copy(d, copy, e);
        if (const std::string now = mark_of(way, copy.to); !now.empty() && now == *made)
            unlink(copy.to.c_str());  // libvirt has begun nothing
        return e;
    }
    for (;;) {
        virDomainBlockJobInfo info{};
        const int n = virDomainGetBlockJobInfo(d, target, &info, 0);
        if (n <= 0)
            return without_copy(d, copy,
                                n < 0 ? last_error(copying)
                                      : Error{Status::failed, "wsvirt.disk.copy",
                                              "The copy of the disk ended before it was whole.", copy.to});
        // One byte less than all is libvirt's word for a copy of which QEMU does not know yet how much it is.
        if (info.cur + 1 != info.end) call.progress({info.cur, info.end});
        if (info.end > 0 && info.cur == info.end &&
            virDomainBlockJobAbort(d, target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
            return {};
        if (s.stop.stop_requested()) return without_copy(d, copy, cancelled(copying));
        std::this_thread::sleep_for(progress_interval);
    }
}

// The disk is what its machine says it is, whatever the guest has written into it. Nothing is left of a copy
// that failed.
Result<void> copy_off(const Way& way, const Copy& copy, const Call& call) {
    ImageSpec image{copy.to, copy.disk.format, ImageSpec::Kind::dynamic, 0, {}, 0};
    image.source_format = copy.disk.format;
    return image_tool(*way.core).convert(call, copy.disk.path, image, way.r.bandwidth_mib_s << 20,
                                         [&](const std::string& file) { return note(way, copy, file); });
}

std::vector<Copy> copies_of(const Way& way, const std::string& xml) {
    std::vector<Copy> all;
    for (const auto& t : snapshot_targets(xml)) {
        const auto to = way.r.disk_targets.find(t.path);
        if (to == way.r.disk_targets.end() || to->second == t.path) continue;
        const auto info = image_tool(*way.core).info({way.s.deadline, way.s.stop, {}}, t.path, t.format);
        all.push_back({t, to->second, info ? std::max<std::uint64_t>(1, info->virtual_size) : 1});
    }
    return all;
}

// One after the other, until one fails.
Result<void> copy_all(const Way& way, const std::vector<Copy>& copies, bool active, Moved& moved) {
    std::uint64_t before = 0, total = 0;
    for (const auto& copy : copies) total += copy.size;
    for (const auto& copy : copies) {
        const auto progress = [&](const Progress& p) {
            if (p.total == 0) return;
            const double part = static_cast<double>(p.done) / static_cast<double>(p.total);
            way.s.progress(
                {before + static_cast<std::uint64_t>(part * static_cast<double>(copy.size)), total});
        };
        const Call call{way.s.deadline, way.s.stop, progress};
        std::error_code ec;
        if (std::filesystem::exists(copy.to, ec)) return exists(copy.to);
        if (auto ok = active ? copy_live(way, copy, call) : copy_off(way, copy, call); !ok) return ok;
        moved[copy.disk.path] = {copy.disk.target, copy.to, copy.disk.format};
        before += copy.size;
    }
    return {};
}

// A running machine stands on the new files already, and libvirt may have written that down by itself.
Result<void> define_with(const Way& way, const std::string& xml, const Moved& moved, bool active) {
    auto changed = with_renamed_files(xml, moved);
    if (!changed) return changed.error();
    const DomainHandle defined(virDomainDefineXML(way.s.connection, changed->c_str()));
    if (defined) return {};
    Error e = last_error(changing);
    std::size_t with_them = 0;
    for (const auto& [from, to] : moved) {
        const auto has = stands_on(way.d, VIR_DOMAIN_XML_INACTIVE, to.path);
        if (!has) e.message_id = half_there;
        if (!has) return e;
        if (*has) ++with_them;
    }
    if (with_them == moved.size()) return {};
    if (!active && with_them == 0) remove_files(moved);
    return e;
}

}  // namespace

Result<void> move_storage(const CorePtr& core, Session& s, virDomainPtr d, const MigrationRequest& r) {
    if (virDomainSnapshotNum(d, 0) > 0)
        return Error{Status::invalid_state, "wsvirt.migration.snapshots",
                     "The machine has snapshots and its disks cannot move; delete them first.", r.machine};
    const Way way{core, s, d, r};
    const std::string xml = take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    if (xml.empty()) return last_error(copying);
    const bool active = virDomainIsActive(d) == 1;
    Moved moved;
    auto ok = copy_all(way, copies_of(way, xml), active, moved);
    if (moved.empty()) return ok;
    // A running machine stands on the new files from the moment each copy was switched to, also when a later
    // one failed; a machine that is off stays with the old ones then.
    if (!ok && !active) {
        remove_files(moved);
        return ok;
    }
    if (auto defined = define_with(way, xml, moved, active); !defined) {
        if (ok) return defined;
        ok.error().message_id = defined.error().message_id;
    }
    return ok;
}

}  // namespace wsvirt::backend::libvirt
