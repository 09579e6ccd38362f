// The real Hypervisor: libvirt and QEMU, on this machine or a remote host. Opening it connects, lists the
// machines and starts the threads that keep the inventory current; its destructor ends them, machines keep
// running. See settings.hpp for the limits. One embedded host per process: libvirt keeps that driver in
// globals.
#pragma once

#include <memory>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/settings.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

Result<std::unique_ptr<Hypervisor>> open_libvirt(Settings settings);

}  // namespace wsvirt::backend::libvirt
