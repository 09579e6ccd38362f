#include "backend/libvirt/disk_servers.hpp"

#include <libvirt/virterror.h>

#include <chrono>
#include <thread>

#include "backend/libvirt/core.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// The server of a machine that has just ended may still write; the file is free when it is through.
constexpr auto lock_patience = std::chrono::seconds(5);
constexpr auto lock_poll = std::chrono::milliseconds(100);

}  // namespace

DiskServers::DiskServers(Core& core, const Session& session, std::string uuid)
    : options_(core.domain_options()),
      program_(core.settings().qemu_nbd),
      uuid_(std::move(uuid)),
      call_{session.deadline, session.stop, {}} {}

Result<void> DiskServers::start(const Disk& disk) const {
    const std::string where = socket(disk);
    if (where.empty()) return {};
    stop(disk);
    std::vector<std::string> command{program_,
                                     "--fork",
                                     "--socket=" + where,
                                     "--format=" + disk.format,
                                     "--export-name=" + disk.path,
                                     "--discard=unmap"};
    if (disk.read_only) command.push_back("--read-only");
    command.insert(command.end(), {"--", disk.path});
    const auto until = std::chrono::steady_clock::now() + lock_patience;
    for (;;) {
        const auto ended = qemu::run_program(call_, command);
        if (!ended) return ended.error();
        if (ended->exit_code == 0) return {};
        Error e = error_from(VIR_ERR_OPERATION_FAILED, std::string(trim(ended->err)), "open the disk");
        e.subject = disk.path;
        if (e.status != Status::busy || std::chrono::steady_clock::now() > until) return e;
        std::this_thread::sleep_for(lock_poll);
    }
}

void DiskServers::stop(const Disk& disk) const {
    if (const std::string where = socket(disk); !where.empty())
        qemu::end_orphans(program_, "--socket=" + where, true);
}

Result<void> without_served_disks(const MachineSpec& spec, const std::string& doing) {
    for (const Disk& d : spec.disks)
        if (d.format == "vhdx" && !d.path.empty())
            return Error{Status::not_supported, "wsvirt.disk.vhdx",
                         "Cannot " + doing + " with VHDX disks; convert the disk to VHD or qcow2 first.",
                         d.path};
    return {};
}

std::vector<Disk> served_disks(virDomainPtr domain) {
    const std::string xml = take(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE));
    if (xml.find(disk_socket_ending) == std::string::npos) return {};
    auto read = read_domain(xml);
    if (!read) return {};
    auto disks = std::move(read->kept.spec.disks);
    std::erase_if(disks, [](const Disk& d) { return d.format != "vhdx" || d.path.empty(); });
    return disks;
}

}  // namespace wsvirt::backend::libvirt
