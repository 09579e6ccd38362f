// Whether the memory of a snapshot can be given to its machine here. Pure, any thread.
#pragma once

#include "backend/libvirt/snapshot_xml.hpp"

namespace wsvirt::backend {
struct HostInfo;
}

namespace wsvirt::backend::libvirt {

// Of memory inside the disks that an import brought; libvirt starts QEMU as the snapshot says. xml: the
// snapshot's. Errors: not_supported (the machine cannot have the devices that the memory belongs to; more
// processors than the host allows), out_of_memory.
Result<void> memory_fits(const HostInfo& host, const std::string& xml, const SnapshotLayout& layout);

}  // namespace wsvirt::backend::libvirt
