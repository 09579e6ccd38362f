// Deleting snapshots that was cut off, as it is noted by snapshot_journal.hpp: what libvirt and QEMU had done
// by then is found out, and the rest is done. Blocking; call with the machine's gate held.
#pragma once

#include <string>

#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

struct Site;
struct Unfinished;

// QEMU goes on with a snapshot that nobody waits for any more, and libvirt takes up its connection to QEMU
// again meanwhile. Both are over when QEMU has answered something.
void wait_for_qemu(Site& w, const std::string& target);
// Nothing where no deletion is noted.
Result<void> finish_deletions(Site& w, const Unfinished& u);

}  // namespace wsvirt::backend::libvirt
