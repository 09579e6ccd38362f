#include "backend/libvirt/move_storage.hpp"

#include <filesystem>
#include <map>
#include <thread>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/qemu/image.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr auto progress_interval = std::chrono::milliseconds(250);

Result<void> copy_live(const Core& core, Session& s, virDomainPtr d, const SnapshotTarget& t,
                       const std::string& to) {
    pugi::xml_document doc;
    auto disk = doc.append_child("disk");
    disk.append_attribute("type").set_value("file");
    disk.append_child("source").append_attribute("file").set_value(to.c_str());
    disk.append_child("driver").append_attribute("type").set_value(t.format.c_str());
    take_up_after_writing(core, d);
    if (virDomainBlockCopy(d, t.target.c_str(), to_text(doc).c_str(), nullptr, 0,
                           VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB) < 0)
        return last_error("copy the disk");
    for (;;) {
        virDomainBlockJobInfo info{};
        const int n = virDomainGetBlockJobInfo(d, t.target.c_str(), &info, 0);
        if (n <= 0)
            return n < 0 ? last_error("copy the disk")
                         : Error{Status::failed, "wsvirt.disk.copy",
                                 "The copy of the disk ended before it was whole.", to};
        s.progress({info.cur, info.end});
        if (info.end > 0 && info.cur == info.end &&
            virDomainBlockJobAbort(d, t.target.c_str(), VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
            return {};
        if (s.stop.stop_requested()) {
            virDomainBlockJobAbort(d, t.target.c_str(), 0);
            return cancelled("copy the disk");
        }
        std::this_thread::sleep_for(progress_interval);
    }
}

// The disk is what its machine says it is, whatever the guest has written into it.
Result<void> copy_off(const Core& core, const Session& s, const SnapshotTarget& t, const std::string& to) {
    ImageSpec copy{to, t.format, ImageSpec::Kind::dynamic, 0, {}, 0};
    copy.source_format = t.format;
    return image_tool(core).convert({s.deadline, s.stop, s.progress}, t.path, copy);
}

}  // namespace

Result<void> move_storage(const CorePtr& core, Session& s, virDomainPtr d, const MigrationRequest& r) {
    if (virDomainSnapshotNum(d, 0) > 0)
        return Error{Status::invalid_state, "wsvirt.migration.snapshots",
                     "The machine has snapshots and its disks cannot move; delete them first.", r.machine};
    const std::string xml = take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    const bool active = virDomainIsActive(d) == 1;
    std::map<std::string, SnapshotTarget> moved;  // by old path
    std::error_code ec;
    Result<void> ok;
    for (const auto& t : snapshot_targets(xml)) {
        const auto to = r.disk_targets.find(t.path);
        if (to == r.disk_targets.end() || to->second == t.path) continue;
        if (std::filesystem::exists(to->second, ec))
            ok = Error{Status::already_exists, "wsvirt.image.exists", "A file with this name exists already.",
                       to->second};
        else if (active)
            ok = copy_live(*core, s, d, t, to->second);
        else
            ok = copy_off(*core, s, t, to->second);
        if (!ok) {
            if (ok.error().status != Status::already_exists) std::filesystem::remove(to->second, ec);
            break;
        }
        moved[t.path] = {t.target, to->second, t.format};
    }
    if (moved.empty()) return ok;
    // A running machine stands on the new files from the moment each copy was switched to, also when a later
    // one failed; a machine that is off stays with the old ones then.
    if (!ok && !active) {
        for (const auto& [from, to] : moved) std::filesystem::remove(to.path, ec);
        return ok;
    }
    auto changed = with_renamed_files(xml, moved);
    if (!changed) return changed.error();
    const DomainHandle defined(virDomainDefineXML(s.connection, changed->c_str()));
    if (!defined) return last_error("change the machine");
    if (r.remove_source_files)
        for (const auto& [from, to] : moved) std::filesystem::remove(from, ec);
    return ok;
}

}  // namespace wsvirt::backend::libvirt
