// Brings a running machine nearer to new settings: memory within the balloon, media of drives, disks and
// network adapters plugged in and out, limits, links, processor time. What QEMU can only change at the next
// start stays as it is. All or nothing: when one step fails, those before it are undone.
#pragma once

#include <libvirt/libvirt.h>

#include "backend/libvirt/disk_servers.hpp"
#include "backend/machine.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

Result<void> apply_live(virDomainPtr domain, const DiskServers& servers, const MachineSpec& before,
                        const MachineSpec& after);

// Limit and weight of the processors of a machine that has just started. They are not in its definition, with
// which it would start on no host without the cgroup controller for them: there they are only kept.
void tune_processors(virDomainPtr domain, const MachineSpec& spec);

}  // namespace wsvirt::backend::libvirt
