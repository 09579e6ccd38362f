// Disks of a machine that become other files on its own host, while it runs or is off. Blocking; call with
// the machine's gate held. Errors: invalid_state (it has snapshots), already_exists, cancelled, libvirt's and
// qemu-img's.
#pragma once

#include "backend/libvirt/core.hpp"

namespace wsvirt::backend::libvirt {

Result<void> move_storage(const CorePtr& core, Session& s, virDomainPtr d, const MigrationRequest& r);

}  // namespace wsvirt::backend::libvirt
