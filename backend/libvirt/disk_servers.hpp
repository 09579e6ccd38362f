// Disks in a format that QEMU reads but libvirt has no name for (VHDX), or that QEMU keeps no memory beside
// (VHD): qemu-nbd serves such a file on a socket of its own while its machine runs, and ends by itself when
// QEMU hangs up, so it outlives this process like the machine does. The socket's name ends with the format.
// An overlay on such a file (of a machine with snapshots) libvirt opens by itself, but what it stands on has
// to be told in the XML. Only where QEMU runs on this host for this user, which is the embedded driver.
// Blocking; any thread, with the machine's gate held.
#pragma once

#include <libvirt/libvirt.h>

#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/domain_xml.hpp"

namespace wsvirt::backend::libvirt {

struct Core;
struct Session;

// Of a machine that is off or of a disk. Pure but for looking at the headers of the files: a VHD that libvirt
// would open becomes one that is served, an overlay whose files end with VHDX or VHD gets them as its
// explicit chain, and those that it had before are dropped.
std::string with_served_chains(const std::string& xml, const DomainOptions& options, std::string_view uuid);
struct ServedFile {
    std::string socket, path, format;
    bool read_only = false;
    bool operator==(const ServedFile&) const = default;
};
// The files and sockets that disks in the XML of a machine or a disk are told to stand on.
std::vector<std::string> told_chains(const std::string& xml);
// What the XML of a machine or a disk wants served.
std::vector<ServedFile> served_files(const std::string& xml);

class DiskServers {
  public:
    DiskServers(Core& core, const Session& session, std::string uuid);

    // "" for a disk that libvirt opens itself.
    std::string socket(const Disk& disk) const { return disk_socket(options_, uuid_, disk); }
    // The XML of a machine that is off or of a disk, with what is served.
    std::string with_chains(const std::string& xml) const { return with_served_chains(xml, options_, uuid_); }
    // All that the XML wants served. Ends what an earlier start left behind. Errors: in_use when another
    // program has the file, failed; with qemu-nbd's message.
    Result<void> start(const std::string& xml) const;
    // Those that no QEMU came to, or that it has left.
    void stop(const std::string& xml) const;

  private:
    Result<void> start_one(const ServedFile& file) const;
    DomainOptions options_;
    std::string program_, uuid_;
    Call call_;
};

// Once, when the host has answered for the first time: those of machines that do not run. A start that was
// cut off leaves them, and they hold their files.
void end_left_servers(Core& core);

// An error when the machine has disks that cannot be read elsewhere.
Result<void> without_vhdx(const MachineSpec& spec, const std::string& doing);
// And when its memory cannot go to another host with its disks.
Result<void> without_vhd(const MachineSpec& spec, const std::string& doing);

}  // namespace wsvirt::backend::libvirt
