// LibvirtHypervisor: making snapshots known to libvirt that came inside the disks of an imported machine.
#include <libvirt/virterror.h>

#include <algorithm>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

namespace {

using Names = std::map<std::string, std::string>;

// Every disk that can hold snapshots must hold all of them; what is called otherwise there is renamed.
Result<void> rename_in_disks(const std::vector<SnapshotTarget>& disks, const Names& names) {
    Names changed;
    for (const auto& [from, to] : names)
        if (from != to) changed[from] = to;
    for (const auto& d : disks) {
        if (d.format != "qcow2")
            return Error{
                Status::not_supported, "wsvirt.snapshot.format",
                "Only qcow2 disks carry snapshots; \"" + d.path + "\" has the format " + d.format + ".",
                d.path};
        auto there = qemu::snapshot_names(d.path);
        if (!there) return there.error();
        for (const auto& [from, to] : names)
            if (std::find(there->begin(), there->end(), from) == there->end() &&
                std::find(there->begin(), there->end(), to) == there->end())
                return Error{Status::invalid_parameter, "wsvirt.snapshot.missing",
                             "The disk \"" + d.path + "\" does not hold the snapshot " + from + ".", d.path};
    }
    for (const auto& d : disks) {
        if (changed.empty()) break;
        // A second try after a failure finds some disks done.
        auto there = qemu::snapshot_names(d.path);
        if (!there) return there.error();
        Names left;
        for (const auto& [from, to] : changed)
            if (std::find(there->begin(), there->end(), from) != there->end()) left[from] = to;
        if (auto ok = qemu::rename_snapshots(d.path, left); !ok) return ok;
    }
    return {};
}

Result<std::string> snapshot_document(const SnapshotInfo& s, const std::vector<SnapshotTarget>& disks,
                                      const DomainOptions& options) {
    NewSnapshot fresh;
    fresh.name = s.id;
    fresh.internal_memory = s.has_memory;
    for (const auto& d : disks) fresh.disks.push_back({d.target, "", false});
    KeptSpec kept;
    kept.spec = s.spec;
    kept.created_us = kept.config_changed_us = s.created_us;
    auto domain_text = write_domain(kept, options);
    if (!domain_text) return domain_text.error();
    pugi::xml_document doc, domain;
    const std::string text = new_snapshot_xml(fresh);
    doc.load_buffer(text.data(), text.size());
    domain.load_buffer(domain_text->data(), domain_text->size());
    auto root = doc.child("domainsnapshot");
    set_text(root, "state", s.has_memory ? "running" : "shutoff");
    set_text(root, "creationTime", std::to_string(s.created_us / 1'000'000));
    if (!s.parent.empty()) set_text(child(root, "parent"), "name", s.parent);
    root.append_copy(domain.child("domain"));
    return with_note(to_text(doc), {s.spec.attributes, s.created_us, false, {}});
}

Result<void> adopt(const CorePtr& core, Session& session, virDomainPtr d,
                   const std::vector<SnapshotInfo>& snapshots, const Names& names) {
    const std::string xml = take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    const auto disks = snapshot_targets(xml);
    if (auto ok = rename_in_disks(disks, names); !ok) return ok;
    for (const auto& s : snapshots) {
        auto document = snapshot_document(s, disks, core->domain_options());
        if (!document) return document.error();
        const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE |
                               (s.current ? unsigned{VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT} : 0u);
        const SnapshotHandle made(virDomainSnapshotCreateXML(d, document->c_str(), flags));
        if (!made) return last_error("take over the snapshots of the imported machine");
    }
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virDomainGetUUIDString(d, uuid);
    refresh(session.connection, uuid, *core->connector, *core->inventory);
    return {};
}

// Parents before children, whatever order they came in.
Result<std::vector<SnapshotInfo>> in_order(const std::vector<SnapshotInfo>& snapshots) {
    std::vector<SnapshotInfo> out;
    const auto known = [&](const std::string& id) {
        return id.empty() || std::any_of(out.begin(), out.end(), [&](const auto& s) { return s.id == id; });
    };
    while (out.size() < snapshots.size()) {
        const auto before = out.size();
        for (const auto& s : snapshots)
            if (known(s.parent) && !known(s.id)) out.push_back(s);
        if (out.size() == before)
            return Error{Status::invalid_parameter, "wsvirt.snapshot.tree",
                         "The snapshots do not form a tree: one names a parent that is not there."};
    }
    return out;
}

}  // namespace

Result<void> LibvirtHypervisor::adopt_snapshots(const Call& call, std::string_view uuid,
                                                const std::vector<SnapshotInfo>& snapshots,
                                                const std::vector<std::string>& names_in_disks) {
    auto ordered = in_order(snapshots);
    if (!ordered) return ordered.error();
    Names names;
    for (std::size_t i = 0; i < snapshots.size() && i < names_in_disks.size(); ++i)
        names[names_in_disks[i]] = snapshots[i].id;
    return change_machine(
        core_, call, uuid,
        {{"take over the snapshots of the imported machine", {}, false, {}}, {MachineState::off}, {}},
        [core = core_, all = std::move(*ordered), names](Session& s, virDomainPtr d) {
            return adopt(core, s, d, all, names);
        });
}

}  // namespace wsvirt::backend::libvirt
