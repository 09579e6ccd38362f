// Going back to a snapshot that was cut off. Call with the machine's gate held.
#pragma once

#include <string>

#include "backend/libvirt/snapshot_changes.hpp"

namespace wsvirt::backend::libvirt {

// What the machine was before is lost: it becomes what the snapshot is, as if nothing had happened. One that
// somebody has started since, or that has lost the snapshot, stays as it is.
Result<void> apply_again(Site& w, const std::string& id, const AfterRevert& then);

}  // namespace wsvirt::backend::libvirt
