// Parts of going back to snapshots and deleting them that taking one and recovery need too. Call with the
// machine's gate held.
#pragma once

#include <chrono>
#include <set>
#include <string>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/disk_servers.hpp"
#include "backend/qemu/image.hpp"

namespace wsvirt::backend::libvirt {

struct Unfinished;

// One machine with what is needed to work on its snapshots.
struct Site {
    const CorePtr& core;
    Session& session;
    virDomainPtr domain;
    qemu::ImageTool tool;
    Call call;  // for qemu-img
    // Files of a machine that is off stay unmerged after it, which is no failure.
    std::chrono::steady_clock::time_point merge_until = std::chrono::steady_clock::time_point::max();
    std::stop_token merge_stop;  // ends that, too, if it can be asked to, in place of the call's
    // Going back to a snapshot has changed what cannot be put back: its former memory would not fit.
    bool gone_back = false;
    bool way_back = false;  // what it was is noted, and its disks hold it

    Site(const CorePtr& c, Session& s, virDomainPtr d)
        : core(c), session(s), domain(d), tool(image_tool(*c)), call{s.deadline, s.stop, {}} {}
    // The permanent settings; never "": what they do not name may be removed.
    Result<std::string> domain_xml() const;
    // Or it may run: a host that does not answer any more cannot tell.
    bool active() const { return virDomainIsActive(domain) != 0; }
    bool answers() const { return virConnectIsAlive(session.connection) == 1; }
    bool local() const { return !core->connector->save_dir().empty(); }
    bool elsewhere() const { return core->connector->kind() == HostKind::remote; }
    std::string saved_path() const;  // as the host calls it
    DiskServers servers() const { return {*core, session, uuid_of(domain)}; }
};

// Of a snapshot whose files cannot be reached.
Error snapshot_not_here();
// The settings of the machine.
Result<void> define(Site& w, const std::string& xml);
// Replaces libvirt's description of a snapshot.
Result<void> write_back(Site& w, const std::string& xml, bool current);
// Without the snapshots taken on top of it.
Result<void> remove_snapshot(Site& w, const HeldSnapshot& s);
// All that are files beside the disks; of a machine that is off or saved, whose saved memory goes too.
// Nothing where the files cannot be reached.
Result<void> remove_external_snapshots(Site& w);
// What a deletion of these snapshots needs to be finished when it is cut off.
Result<Unfinished> begun_deletion(Site& w, const std::vector<HeldSnapshot>& all,
                                  const std::vector<std::string>& ids);
// The definition. Snapshots that are files beside the disks go with it: what the machine wrote last is in the
// disks it was given. Those inside the disks stay there.
Result<void> remove_machine(Site& w);
// What QEMU has open for the disks of a machine that runs, or for one of them, down to the last file,
// whatever its settings say; nothing when it is off.
Result<std::set<std::string>> live_files(const Site& w, std::string_view target = {});
// Merges frozen files that no snapshot needs any more and removes overlays of ours that nothing needs;
// `before`: the files as they were. What is not merged is noted.
Result<void> tidy_files(Site& w, Chain before);
// Removes overlays of ours that nothing needs any more, and merges nothing. What fails is left.
void remove_outdated(Site& w, const Chain& before);
// The files that machine and snapshots have above the disks of this snapshot, which is inside them: what
// waits to be merged. Needed no more by a machine that goes back to it.
Chain overlays_on(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all);
// What could not be merged, or not while the machine ran; of one that is off. Nothing where room is short.
Result<void> merge_what_waited(Site& w);
// The machines of this host that have such files, as is noted until they are merged.
std::vector<std::string> unmerged_machines(const Core& core);
bool is_unmerged(const Core& core, std::string_view machine);
void forget_unmerged(const Core& core, std::string_view machine);
// Where a snapshot of this id keeps a file that is neither a disk nor made by libvirt: its memory (".saved"),
// variables of firmware (".nvram"); "" = there is no place.
std::string kept_file(const Core& core, const std::string& id, const char* ending);
// All that it has besides its disks.
std::vector<std::string> files_of(const SnapshotLayout& layout);
void remove_files_of(Site& w, const SnapshotLayout& layout);
// A paused QEMU that has written its memory to a file or read it from another host does neither again, and
// leaves its disks alone, until it has run; without this it could not be saved or moved any more.
void run_for_an_instant(const Core& core, virDomainPtr d);
// Does so where the writing was cut off, and nobody did so after it; before its memory or its disks are
// needed.
void take_up_after_writing(const Core& core, virDomainPtr d);
// Saved memory becomes the machine's, with the disks of its definition.
Result<void> put_saved_memory(Site& w, const std::string& from);
// The saved memory of a machine names the files of its disks, and what those stand on where libvirt cannot
// find it out; it has to follow when they change.
Result<void> move_saved_memory(Site& w);

}  // namespace wsvirt::backend::libvirt
