#include "cim/providers/virtual_system/disk_claims.hpp"

#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::vs {

std::string file_key(const std::string& canonical) {
    return "image:" + canonical;
}

bool is_exclusive(const backend::Disk& d) {
    return d.device != backend::DiskDevice::cdrom && !d.shareable && !d.path.empty();
}

std::set<std::string> exclusive_files(const backend::MachineSpec& s) {
    std::set<std::string> out;
    for (const auto& d : s.disks)
        if (is_exclusive(d)) out.insert(d.path);
    return out;
}

DiskFiles disk_files(const backend::MachineSpec& s) {
    DiskFiles out;
    for (const auto& d : s.disks)
        if (d.device != backend::DiskDevice::cdrom && !d.path.empty())
            out.try_emplace(d.path, d.shareable).first->second &= d.shareable;
    return out;
}

Result<DiskClaims> claim_disks(Services& services, const DiskFiles& files, std::string_view machine,
                               std::string_view host) {
    auto claims = std::make_shared<DiskClaims::element_type>();
    for (const auto& [file, shared] : files) {
        auto held = services.jobs.lock(file_key(file));
        if (!held)
            return Error(Status::busy, "wsvirt.disk.claimed",
                         "\"" + file +
                             "\" is being changed or given to a virtual machine by another operation: wait "
                             "until it has ended, or cancel its job.",
                         "HostResource");
        claims->push_back(std::move(*held));
    }
    for (const auto& [file, shared] : files)
        if (auto r = check_unused(services, file, file, machine, shared, host); !r) return r.error();
    return claims;
}

}  // namespace wsvirt::cim::vs
