#include "backend/libvirt/moved_xml.hpp"

#include <algorithm>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

Result<std::string> destination_xml(const std::string& xml, const MigrationRequest& r,
                                    const DomainOptions& options) {
    const auto as_files = with_files(xml);  // nothing is served over there
    if (!as_files) return as_files.error();
    if (!r.new_spec && r.disk_targets.empty() && r.drive_targets.empty()) return *as_files;
    auto read = read_domain(*as_files);
    if (!read) return read.error();
    if (r.new_spec) {
        read->kept.spec = *r.new_spec;
        DomainOptions same = options;
        same.domain_type = read->domain_type;
        same.disk_server_dir.clear();
        return write_domain(read->kept, same, *as_files);
    }
    std::vector<SnapshotTarget> changed;
    for (const auto& t : media_targets(*as_files))
        if (const auto it = r.disk_targets.find(t.path); it != r.disk_targets.end())
            changed.push_back({t.target, it->second, t.format});
    for (const auto& d : read->kept.spec.disks)
        if (const auto it = r.drive_targets.find(d.id); it != r.drive_targets.end())
            changed.push_back({target_name(slot_of(d)), it->second, d.format});
    return with_targets(*as_files, changed);
}

Result<std::string> with_plugs(const std::string& xml, const MachineSpec& spec) {
    pugi::xml_document doc;
    if (!doc.load_string(xml.c_str(), pugi::parse_full))
        return Error{Status::failed, "wsvirt.domain.xml", "The description of the machine cannot be read."};
    const auto domain = doc.child("domain");
    const auto nics = read_domain(domain).kept.spec.nics;
    for (auto node : domain.child("devices").children("interface"))
        for (const Nic& nic : spec.nics)
            if (iequals(nic.mac, node.child("mac").attribute("address").value())) {
                const auto was = std::find_if(nics.begin(), nics.end(),
                                              [&](const Nic& n) { return iequals(n.mac, nic.mac); });
                fill_nic(node, nic, was == nics.end() ? nullptr : &*was);
            }
    return to_text(doc);
}

}  // namespace wsvirt::backend::libvirt
