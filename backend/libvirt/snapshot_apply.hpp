// Going back to a snapshot that was cut off. Call with the machine's gate held.
#pragma once

#include <string>

#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

// What the machine was before is lost: it becomes what the snapshot is, as if nothing had happened. One that
// somebody has started since, or that has lost the snapshot, stays as it is. is_back: it is that by then, and
// what failed came after it.
Result<void> apply_again(Site& w, const Unfinished& noted, bool& is_back);
// It becomes what it was before, unless somebody has started it since.
Result<void> take_back(Site& w, const Unfinished& noted);

}  // namespace wsvirt::backend::libvirt
