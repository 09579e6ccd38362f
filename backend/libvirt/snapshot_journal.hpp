// What an operation on snapshots is about to make, noted on disk before it begins and forgotten when it has
// ended, well or not. What is noted at a start was cut off by the end of the program: recover_snapshots()
// brings such machines back to a whole state. A snapshot is whole when our note is on it; anything less is
// removed. A deletion that had begun is finished, and so is going back to a snapshot, unless somebody has
// started the machine since. What a host cuts off that falls silent stays noted, too, until it answers again.
// Without a folder for its state wsvirt notes nothing. Blocking; any thread.
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
    bool paused = false;               // it was and shall be, but runs for an instant; nothing else is noted
    bool links = false;                // it starts with its memory, and has to get its links first; the same
    std::vector<std::string> files;    // that are nobody's unless the machine or a snapshot needs them
    std::vector<std::string> deleted;  // snapshots to delete, in this order
    bool removed = false;              // and the machine after them
    std::string applied;               // the snapshot that the machine goes back to
    bool back = false;                 // or rather becomes what it was before
    std::vector<std::string> held;     // disks that hold what they were (former_state.hpp)
    bool host_holds = false;           // or the host's libvirt has a snapshot of that
    std::string settings;              // of the machine then; "" = it cannot become what it was
    AfterRevert then{AfterRevert::Memory::saved, {}, {}};
    // The files on which the snapshots that stay are based: libvirt forgets them while one is deleted.
    std::vector<std::pair<std::string, SnapshotTarget>> bases;  // by the snapshot's name
    Chain chain;  // of a deletion: what each file stood on before it
    // What the machine stands on: the current snapshot, its parent and so on. libvirt forgets that, too.
    std::vector<std::string> stands_on;
};

std::vector<std::string> standing(virDomainPtr domain);

// Noted until the result is dropped, which is to be while the connection is open; and longer when that does
// not answer by then. Takes the place of an earlier note of the same id. Errors: failed.
Result<std::shared_ptr<void>> note_unfinished(const Core& core, const Session& session,
                                              const Unfinished& what);

// A snapshot inside the disks that libvirt may know nothing of; nothing where none of them holds it.
Result<void> remove_from_disks(struct Site& w, const std::string& id);

// Stays noted, whatever becomes of other notes: what could not be cleared up is tried again.
void leave_noted(const Core& core, Unfinished what);

// Whether going back to a snapshot is noted of this machine. Any thread.
bool applying_was_cut_off(const Core& core, std::string_view machine);
// It is finished now, or else taken back: before the machine starts or anything is done to its snapshots.
// Given up only where its disks are there and do not hold what they were any more, or the files of that are
// gone. With the machine's gate held. Errors: invalid_state: it waits for something; busy, unavailable.
Result<void> finish_applying(struct Site& w);
// Of a machine that is not there: one that gets its identifier has nothing to do with it. Memory goes with
// the notes, and is all that stays noted where it cannot. With the machine's gate held.
void forget_unfinished(const Core& core, const Session& session, std::string_view machine);

// The machine's gate, for work that is tried again: who waited for one machine that is busy for hours would
// leave all others as they are. Errors: busy, cancelled.
Result<Gates::Pass> enter_soon(Core& core, const Call& call, std::string_view machine,
                               const std::stop_source& gives_way = std::stop_source(std::nostopstate));

// When the host has answered for the first time, or again; one at a time. How many notes are left of it.
std::size_t recover_snapshots(const CorePtr& core, const Call& call);
// Of machines that were being removed, all of whose files are merged first, which may take long. One at a
// time, beside the other. others: asked to stop where more is to be done.
std::size_t finish_removals(const CorePtr& core, const Call& call, const std::stop_token& others);

}  // namespace wsvirt::backend::libvirt
