#include "cim/providers/export_import/rename_back.hpp"

#include <algorithm>
#include <map>

#include "backend/qemu/snapshot_names.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/import_folder.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace {

using Names = std::map<std::string, std::string>;  // as they may be in a disk → as they were

// Wherever a system may have its disks. One that is gone, or no disk any more, has no names to lose.
Result<void> rename_in(Services& services, const std::string& path, const Names& names) {
    const auto real = vs::check_existing(services.host.media_folders(), path, "SystemDefinitionFile");
    if (!real || !vs::user_of(services, *real, {}).empty()) return {};
    const auto there = backend::qemu::snapshot_names(*real);
    if (!there) return {};
    Names left;
    for (const auto& [now, before] : names)
        if (std::find(there->begin(), there->end(), now) != there->end()) left[now] = before;
    return left.empty() ? Result<void>{} : backend::qemu::rename_snapshots(*real, left);
}

}  // namespace

Result<void> rename_back(Services& services, const vs::PlannedSystem& planned) {
    if (host_with(services, planned.spec.uuid)) return {};
    std::map<std::string, Names> disks;
    for (const auto& s : planned.snapshots) {
        const auto before = s.spec.attributes.find(name_in_disks);
        if (before == s.spec.attributes.end() || !is_guid(before->second)) continue;
        for (const auto& d : s.spec.disks)
            if (vs::is_exclusive(d) && d.format == "qcow2") disks[d.path][s.id] = before->second;
    }
    if (!disks.empty() && !every_host_answers(services))
        return Error(Status::unavailable, "wsvirt.planned.hosts_silent",
                     "A host does not answer, so it is not certain that no machine uses the disks of \"" +
                         planned.spec.name +
                         "\", whose snapshots must get their names back; try again when it is back.",
                     planned.spec.uuid);
    Result<void> all;
    for (const auto& [path, names] : disks)
        if (auto r = rename_in(services, path, names); !r && all) all = r;
    return all;
}

}  // namespace wsvirt::cim::export_import
