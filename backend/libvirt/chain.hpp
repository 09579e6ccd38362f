// The files behind a machine with external snapshots. Each snapshot freezes the files its settings name; what
// is written later goes to an overlay beside them. Deleting a snapshot merges its only successor into the
// frozen file; a file that nothing needs any more is removed, if we made it. Reverting begins new overlays on
// the frozen files, so that the snapshot stays and other branches keep theirs. Local files only; call with
// the machine's gate held.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/core.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/snapshot_xml.hpp"
#include "backend/overlay.hpp"

namespace wsvirt::backend::libvirt {

struct HeldSnapshot {
    SnapshotHandle handle;
    std::string name;  // libvirt's
    std::string xml;
    SnapshotInfo info;
    SnapshotLayout layout;
};
Result<std::vector<HeldSnapshot>> hold_snapshots(virDomainPtr domain);
HeldSnapshot* find_snapshot(std::vector<HeldSnapshot>& all, std::string_view id);

Error no_snapshot(std::string_view id);
// Writes our note into a snapshot that exists.
Result<void> put_note(virDomainPtr domain, const std::string& xml, const SnapshotNote& note, bool current);

// A disk that snapshots are taken of: a file that only this machine writes to.
struct SnapshotTarget {
    std::string target, path, format;
    bool operator==(const SnapshotTarget&) const = default;
};
std::vector<SnapshotTarget> snapshot_targets(std::string_view domain_xml);
// The targets that snapshots leave out although something is in the drive: a CD, a floppy, a shared disk, a
// device of the host. Whether the machine writes to one of them.
std::vector<std::string> left_out(std::string_view domain_xml);
bool writes_to_left_out(std::string_view domain_xml);
// Everything that is in a drive: also what the machine only reads or shares, and devices of the host.
std::vector<SnapshotTarget> media_targets(std::string_view domain_xml);
// The same XML with other files for some targets (new files are qcow2).
Result<std::string> with_disk_files(std::string_view xml,
                                    const std::map<std::string, std::string>& file_of_target);
// options: of the host; say where disks are served to QEMU.
Result<std::string> with_targets(std::string_view xml, const std::vector<SnapshotTarget>& targets,
                                 const DomainOptions& options = {});
Result<std::string> with_renamed_files(std::string_view xml,
                                       const std::map<std::string, SnapshotTarget>& by_old_path,
                                       const DomainOptions& options = {});

// The same XML where nothing is served: libvirt opens all that it can by itself, and finds out what it stands
// on. For a host that gets the machine.
Result<std::string> with_files(std::string_view xml);
// The same XML with each disk as the running machine has it, served or not: libvirt changes what is permanent
// together with what runs only where both are the same.
Result<std::string> with_forms_of(std::string_view running_xml, std::string_view xml,
                                  const DomainOptions& options);

// The XML of a machine that ran names the files below those of its disks too. Whether one of them is gone;
// and the same XML without them, so that libvirt looks at the disks instead.
bool lists_missing_files(std::string_view domain_xml);
Result<std::string> without_chains(std::string_view domain_xml);

// "/vms/disk.qcow2" → "/vms/disk.<id>.qcow2", also when it already is an overlay.
std::string overlay_path(const std::string& path, std::string_view id);
// target → the overlay that each of a machine's disks gets. Where two would have the same one, all keep their
// whole names: "/vms/disk.img" → "/vms/disk.img.<id>.qcow2".
std::map<std::string, std::string> overlay_paths(const std::vector<SnapshotTarget>& disks,
                                                 std::string_view id);
// Whether the overlay `upper`, of which nothing but its name is known, may stand on this file.
bool may_stand_on(std::string upper, const std::string& lower);

// path → its backing file, for every file that the machine or one of its snapshots stands on.
using Chain = std::map<std::string, std::string>;
using Formats = std::map<std::string, std::string>;  // path → format
// A file that is not there is an error or, where `missing` is given, the end of its chain and noted there.
Result<Chain> read_chain(const Call& call, const qemu::ImageTool& tool, const Formats& tops,
                         std::set<std::string>* missing = nullptr);
Formats tops_of(std::string_view domain_xml, const std::vector<HeldSnapshot>& snapshots);
// Removes overlays of ours that were in `before` and are needed no more, neither by `after` nor by others.
void remove_unneeded(const Chain& before, const Chain& after, const std::set<std::string>& held);

}  // namespace wsvirt::backend::libvirt
