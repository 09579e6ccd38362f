// Disks in a format that QEMU reads but libvirt has no name for (VHDX): qemu-nbd serves such a file on a
// socket of its own while its machine runs, and ends by itself when QEMU hangs up, so it outlives this
// process like the machine does. Only where QEMU runs on this host for this user, which is the embedded
// driver. Blocking; any thread, with the machine's gate held.
#pragma once

#include <libvirt/libvirt.h>

#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/domain_xml.hpp"

namespace wsvirt::backend::libvirt {

struct Core;
struct Session;

class DiskServers {
  public:
    DiskServers(Core& core, const Session& session, std::string uuid);

    // "" for a disk that libvirt opens itself.
    std::string socket(const Disk& disk) const { return disk_socket(options_, uuid_, disk); }
    // Nothing for such a disk. Ends what an earlier start left behind. Errors: in_use when another program
    // has the file, failed; with qemu-nbd's message.
    Result<void> start(const Disk& disk) const;
    // One that QEMU did not come to.
    void stop(const Disk& disk) const;

  private:
    DomainOptions options_;
    std::string program_, uuid_;
    Call call_;
};

// Those of its disks that are served.
std::vector<Disk> served_disks(virDomainPtr domain);
// An error when the machine has disks of which nothing else can be made: no snapshots, no copies elsewhere
// while it runs.
Result<void> without_served_disks(const MachineSpec& spec, const std::string& doing);

}  // namespace wsvirt::backend::libvirt
