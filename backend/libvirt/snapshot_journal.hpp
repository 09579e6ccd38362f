// What an operation on snapshots is about to make, noted on disk before it begins and forgotten when it has
// ended, well or not. What is noted at a start was cut off by the end of the program: recover_snapshots()
// brings such machines back to a whole state. A snapshot is whole when our note is on it; anything less is
// removed. A deletion that had begun is finished. Without a folder for its state wsvirt notes nothing.
// Blocking; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/libvirt/chain.hpp"

namespace wsvirt::backend::libvirt {

struct Unfinished {
    std::string host;                  // the name of the host that it is on; "" in old notes
    std::string machine;               // GUID
    std::string id;                    // of the snapshot that is taken, else one that nothing else has
    bool was_running = false;          // and shall run on
    bool frozen = false;               // the guest's file systems may be
    std::vector<std::string> files;    // that are nobody's unless the machine or a snapshot needs them
    std::vector<std::string> deleted;  // snapshots to delete, in this order
    bool removed = false;              // and the machine after them
    // The files on which the snapshots that stay are based: libvirt forgets them while one is deleted.
    std::vector<std::pair<std::string, SnapshotTarget>> bases;  // by the snapshot's name
    Chain chain;  // of a deletion: what each file stood on before it
    // What the machine stands on: the current snapshot, its parent and so on. libvirt forgets that, too.
    std::vector<std::string> stands_on;
};

std::vector<std::string> standing(virDomainPtr domain);

// Noted until the result is dropped. Errors: failed.
Result<std::shared_ptr<void>> note_unfinished(const Settings& settings, const Unfinished& what);

// A snapshot inside the disks that libvirt may know nothing of; nothing where none of them holds it.
Result<void> remove_from_disks(struct Site& w, const std::string& id);

// Once, when the host has answered for the first time.
void recover_snapshots(const CorePtr& core);

}  // namespace wsvirt::backend::libvirt
