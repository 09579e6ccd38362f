// What a machine was before it goes back to a snapshot. QEMU sets the disks back first and reads the memory
// afterwards, so what comes of a failure is neither the one nor the other. Until it is over disks that hold
// the snapshot inside hold what they were as one snapshot more, under the id of the note, of which libvirt
// knows nothing; where only the host's libvirt may open them it has that snapshot, which the inventory shows
// to nobody; overlays beside disks stay. The settings are in the note, the saved memory is where
// kept_memory.hpp puts it, and the variables of firmware have a copy. Call with the machine's gate held.
#pragma once

#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

// The disks that hold a part of the snapshot, where all of them can be opened from here; else none.
std::vector<std::string> disks_to_hold(const Site& w, const HeldSnapshot& s);
// Where there are none: whether the host's libvirt can take a snapshot of them, and of no others that it
// would leave out, beside this one of the machine with these settings.
bool host_can_hold(const Site& w, const HeldSnapshot& s, const std::string& settings);
// What it calls that one, and whether it has it.
std::string snapshot_of_former(const Unfinished& noted);
bool host_holds(const std::vector<HeldSnapshot>& all, const Unfinished& noted);
// Where the variables of firmware are meanwhile; "" = they cannot be kept on this host.
std::string former_variables(const Site& w, const Unfinished& noted);
// Where that file is noted.
Result<void> keep_variables(Site& w, const Unfinished& noted);
void drop_variables(const Site& w, const Unfinished& noted);
// What is noted by then; a machine that runs is turned off. After an error nothing has changed but what
// let_go() removes.
Result<void> hold_former(Site& w, const Unfinished& noted);
// Errors: wsvirt.snapshot.no_former: the disks have been looked at and do not hold it, or what they stood on
// is gone from a folder that is there.
Result<void> former_is_there(Site& w, const Unfinished& noted);
// Disks, settings, and then the memory, which fits no others. Whatever runs is turned off.
Result<void> make_former(Site& w, const Unfinished& noted);
// A file of the machine's disks is lost, and it cannot start without it.
bool waits_for_disks(const Site& w, const Unfinished& noted);
// The disks hold it no longer. Errors: one of the machine's own is not there, qemu-img's.
Result<void> let_go(Site& w, const Unfinished& noted);

}  // namespace wsvirt::backend::libvirt
