// LibvirtHypervisor: making snapshots known to libvirt that came with an imported machine, inside its disks
// or as files beside them.
#include <libvirt/virterror.h>

#include <algorithm>
#include <filesystem>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/restored_links.hpp"
#include "backend/libvirt/save_image.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

constexpr const char* doing = "take over the snapshots of the imported machine";

using Names = std::map<std::string, std::string>;  // as they are inside the disks → id

// path → names that the disk has to hold, and what they shall be.
using NamesOfDisks = std::map<std::string, Names>;

bool has_memory_inside(const SnapshotInfo& s) {
    return s.has_memory && s.memory_file.empty() && !s.external;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Result<void> check_names(const std::string& disk, const Names& names) {
    auto there = qemu::snapshot_names(disk);
    if (!there) return there.error();
    for (const auto& [from, to] : names)
        if (!holds(*there, from) && !holds(*there, to))
            return Error{Status::invalid_parameter, "wsvirt.snapshot.missing",
                         "The disk \"" + disk + "\" does not hold the snapshot " + from + ".", disk};
    return {};
}

// A second try after a failure finds some done.
Result<void> rename_in(const std::string& disk, const Names& names) {
    auto there = qemu::snapshot_names(disk);
    if (!there) return there.error();
    Names left;
    for (const auto& [from, to] : names)
        if (is_guid(from) && from != to && holds(*there, from)) left[from] = to;
    return left.empty() ? Result<void>{} : qemu::rename_snapshots(disk, left);
}

// A snapshot as it is about to be made known.
struct Arrival {
    SnapshotInfo info;
    std::string name, parent;  // libvirt's
    std::string domain_xml;
    std::vector<SnapshotTarget> disks;
    std::string memory_file, nvram_file;  // where its copies get; "" = none
    std::string hardware;                 // of the memory inside the disks; "" = as the settings have it
};

// A name that others gave is longer or shorter than an identifier, and stays in the disks.
std::string name_of(const std::string& id, const Names& names) {
    for (const auto& [inside, given] : names)
        if (given == id && !is_guid(inside)) return inside;
    return id;
}

Result<Arrival> arrival_of(const SnapshotInfo& s, const std::string& hardware, const Names& names,
                           const DomainOptions& options) {
    if (auto ok = check_spec(s.spec, options); !ok) return ok.error();
    KeptSpec kept;
    kept.spec = s.spec;
    erase_snapshot_notes(kept.spec.attributes);  // these settings become the machine's when it is applied
    kept.created_us = kept.config_changed_us = s.created_us;
    auto xml = write_domain(kept, options);
    if (!xml) return xml.error();
    Arrival a{s,
              name_of(s.id, names),
              s.parent.empty() ? "" : name_of(s.parent, names),
              std::move(*xml),
              {},
              {},
              {},
              {}};
    if (has_memory_inside(s)) a.hardware = hardware;
    a.disks = snapshot_targets(a.domain_xml);
    return a;
}

Result<void> rename_in_disks(const std::vector<Arrival>& all, const Names& names) {
    NamesOfDisks of_disks;
    for (const auto& a : all)
        for (const auto& d : a.disks) {
            if (a.info.external) continue;
            if (d.format != "qcow2")
                return Error{
                    Status::not_supported, "wsvirt.snapshot.format",
                    "Only qcow2 disks carry snapshots; \"" + d.path + "\" has the format " + d.format + ".",
                    d.path};
            for (const auto& [from, to] : names)
                if (to == a.info.id) of_disks[d.path][from] = to;
        }
    for (const auto& [disk, wanted] : of_disks)
        if (auto ok = check_names(disk, wanted); !ok) return ok;
    for (const auto& [disk, wanted] : of_disks)
        if (auto ok = rename_in(disk, wanted); !ok) return ok;
    return {};
}

Result<std::string> snapshot_document(const Arrival& a, const std::string& memory_file,
                                      const std::string& nvram_file) {
    const SnapshotInfo& s = a.info;
    const bool inside = has_memory_inside(s);
    NewSnapshot fresh;
    fresh.name = a.name;
    fresh.internal_memory = inside;
    pugi::xml_document doc, domain;
    domain.load_buffer(a.domain_xml.data(), a.domain_xml.size());
    const auto overlays = overlay_paths(a.disks, s.id);
    for (const auto& d : a.disks)
        fresh.disks.push_back({d.target, s.external ? overlays.at(d.target) : "", false});
    for (const auto& target : left_out(a.domain_xml)) fresh.disks.push_back({target, "", true});
    const std::string text = new_snapshot_xml(fresh);
    doc.load_buffer(text.data(), text.size());
    auto root = doc.child("domainsnapshot");
    set_text(root, "state", inside ? "running" : "shutoff");
    set_text(root, "creationTime", std::to_string(s.created_us / 1'000'000));
    if (!a.parent.empty()) set_text(child(root, "parent"), "name", a.parent);
    root.append_copy(domain.child("domain"));
    return with_note(to_text(doc),
                     {s.spec.attributes, s.created_us, false, memory_file, nvram_file, {}, true});
}

// Copied only now that the snapshot names the copy, so that nothing of it can be lost out of sight.
Result<void> take_memory(Session& session, virDomainSnapshotPtr made, const std::string& from,
                         const std::string& to) {
    auto layout = read_layout(take(virDomainSnapshotGetXMLDesc(made, VIR_DOMAIN_SNAPSHOT_XML_SECURE)));
    if (!layout) return layout.error();
    const Call call{session.deadline, session.stop, session.progress};
    return copy_save_image(call, from, to, [&](const std::string& xml) -> Result<std::string> {
        auto adopted = adopt_saved_xml(xml, layout->domain_xml);
        return adopted ? without_chains(*adopted) : adopted;
    });
}

Result<std::string> place_for(const Core& core, const std::string& file, const std::string& id,
                              const char* ending) {
    if (file.empty()) return std::string();
    auto place = core.connector->save_dir().empty() ? "" : kept_file(core, id, ending);
    if (place.empty())
        return Error{Status::not_supported, "wsvirt.snapshot.no_place",
                     "There is no place for the memory of snapshots on this host.", id};
    return place;
}

// Before anything is known to libvirt: a file that is there already is another machine's, and would go with
// this one when it is forgotten.
Result<void> find_places(const Core& core, std::vector<Arrival>& all) {
    for (auto& a : all) {
        auto memory = place_for(core, a.info.memory_file, a.info.id, ".saved");
        if (!memory) return memory.error();
        auto nvram = place_for(core, a.info.nvram_file, a.info.id, ".nvram");
        if (!nvram) return nvram.error();
        for (const auto& file : {*memory, *nvram})
            if (std::error_code ec; !file.empty() && fs::exists(fs::symlink_status(file, ec)))
                return Error{Status::invalid_parameter, "wsvirt.snapshot.kept_exists",
                             "There is the file \"" + file +
                                 "\" already, as if another machine had a snapshot with this identifier. "
                                 "Import the machine with new identifiers, or remove the file when no "
                                 "snapshot needs it.",
                             a.info.id};
        a.memory_file = std::move(*memory);
        a.nvram_file = std::move(*nvram);
    }
    return {};
}

// QEMU reads memory into the machine that it is from, down to the place of each device, where libvirt would
// put those of the settings anew. They are as ever when it is started without the memory.
Result<std::string> with_hardware(const std::string& snapshot_xml, const std::string& hardware) {
    auto layout = read_layout(snapshot_xml);
    if (!layout) return layout.error();
    auto adopted = adopt_saved_xml(hardware, layout->domain_xml);
    if (adopted) adopted = without_chains(*adopted);
    if (!adopted) return adopted.error();
    const std::string running = with_links_down(*adopted, layout->domain_xml);
    pugi::xml_document doc, memory;
    doc.load_buffer(snapshot_xml.data(), snapshot_xml.size());
    memory.load_buffer(running.data(), running.size());
    auto settings = doc.child("domainsnapshot").child("domain");
    settings.parent().insert_copy_before(memory.child("domain"), settings);
    settings.set_name("inactiveDomain");
    return to_text(doc);
}

// The memory is refused when it is applied; the rest of the snapshot is there.
Result<std::string> with_unfit_memory(const std::string& snapshot_xml, const Error& why) {
    auto layout = read_layout(snapshot_xml);
    if (!layout) return layout.error();
    layout->note.memory_unfit = why.text + (why.detail.empty() ? "" : " (" + why.detail + ")");
    return with_note(snapshot_xml, layout->note);
}

// libvirt would compare it with what it knows of the snapshot, so that is forgotten first.
Result<void> take_hardware(const Core& core, virDomainPtr d, SnapshotHandle& made,
                           const std::string& hardware, unsigned flags) {
    const std::string plain = take(virDomainSnapshotGetXMLDesc(made.get(), VIR_DOMAIN_SNAPSHOT_XML_SECURE));
    auto document = with_hardware(plain, hardware);
    // The test driver has nothing but descriptions, and knows no such flag.
    const unsigned forget =
        core.connector->kind() == HostKind::test ? 0u : unsigned{VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY};
    if (virDomainSnapshotDelete(made.get(), forget) < 0) return last_error(doing);
    made.reset();
    if (document) made.reset(virDomainSnapshotCreateXML(d, document->c_str(), flags));
    if (made) return {};
    auto text = with_unfit_memory(
        plain,
        document ? last_error("give the machine the devices of the snapshot's memory") : document.error());
    if (!text) return text.error();
    made.reset(virDomainSnapshotCreateXML(d, text->c_str(), flags));
    return made ? Result<void>() : last_error(doing);
}

Result<void> adopt_one(const Core& core, Session& session, virDomainPtr d, const Arrival& a) {
    auto document = snapshot_document(a, a.memory_file, a.nvram_file);
    if (!document) return document.error();
    const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE |
                           (a.info.current ? unsigned{VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT} : 0u);
    SnapshotHandle made(virDomainSnapshotCreateXML(d, document->c_str(), flags));
    if (!made) return last_error(doing);
    if (!a.hardware.empty())
        if (auto ok = take_hardware(core, d, made, a.hardware, flags); !ok) return ok;
    if (!a.nvram_file.empty())
        if (auto ok = copy_nvram(a.info.nvram_file, a.nvram_file); !ok) return ok;
    return a.memory_file.empty() ? Result<void>{}
                                 : take_memory(session, made.get(), a.info.memory_file, a.memory_file);
}

std::string hardware_in(const std::string& snapshot_xml) {
    pugi::xml_document doc, copy;
    doc.load_buffer(snapshot_xml.data(), snapshot_xml.size());
    const auto domain = doc.child("domainsnapshot").child("domain");
    if (!domain) return {};
    copy.append_copy(domain).remove_child("metadata");
    return to_text(copy);
}

Result<void> adopt(const CorePtr& core, Session& session, virDomainPtr d,
                   const std::vector<SnapshotInfo>& snapshots, const Names& names,
                   const std::map<std::string, std::string>& hardware) {
    std::vector<Arrival> all;
    for (const auto& s : snapshots) {
        const auto its = hardware.find(s.id);
        auto a = arrival_of(s, its == hardware.end() ? "" : its->second, names, core->domain_options());
        if (!a) return a.error();
        all.push_back(std::move(*a));
    }
    if (auto ok = find_places(*core, all); !ok) return ok;
    if (auto ok = rename_in_disks(all, names); !ok) return ok;
    for (const auto& a : all)
        if (auto ok = adopt_one(*core, session, d, a); !ok) return ok;
    refresh(session.connection, uuid_of(d), *core->connector, *core->inventory);
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
                                                const std::vector<std::string>& names_in_disks,
                                                const std::vector<std::string>& hardware) {
    auto ordered = in_order(snapshots);
    if (!ordered) return ordered.error();
    Names names;
    std::map<std::string, std::string> hardware_of;
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
        if (i < names_in_disks.size()) names[names_in_disks[i]] = snapshots[i].id;
        if (i < hardware.size()) hardware_of[snapshots[i].id] = hardware[i];
    }
    return change_machine(
        core_, call, uuid, {{doing, {}, true, {}, {}}, {MachineState::off}, {}},
        [core = core_, all = std::move(*ordered), names, hardware_of](Session& s, virDomainPtr d) {
            return adopt(core, s, d, all, names, hardware_of);
        });
}

namespace {
// By its identifier, which is not always its name.
Result<SnapshotHandle> snapshot_of(virDomainPtr domain, const std::string& id) {
    virDomainSnapshotPtr* list = nullptr;
    const int n = virDomainListAllSnapshots(domain, &list, 0);
    if (n < 0) return last_error("look at the snapshot");
    const std::string uuid = uuid_of(domain);
    SnapshotHandle found;
    for (int i = 0; i < n; ++i) {
        SnapshotHandle s(list[i]);
        if (iequals(snapshot_id(uuid, virDomainSnapshotGetName(s.get())), id)) found = std::move(s);
    }
    std::free(list);
    if (!found) return no_snapshot(id);
    return found;
}
}  // namespace

// Of many snapshots it is asked of each: nothing but the one is read, and without passwords.
Result<std::string> LibvirtHypervisor::snapshot_hardware(const Call& call, std::string_view uuid,
                                                         std::string_view snapshot) {
    if (!connected()) return host_lost();
    const std::string id(snapshot);
    return core_->workers->run<std::string>(
        call, {"look at the snapshot", core_->settings().read_limit, false, {}, {}},
        [machine = std::string(uuid), id](Session& session) -> Result<std::string> {
            const auto d = find_domain(session.connection, machine);
            if (!d)
                return last_error_code() == VIR_ERR_NO_DOMAIN ? no_machine(machine)
                                                              : last_error("look at the snapshot");
            const auto held = snapshot_of(d.get(), id);
            if (!held) return held.error();
            const std::string xml = take(virDomainSnapshotGetXMLDesc(held->get(), 0));
            if (xml.empty())
                return last_error_code() == VIR_ERR_NO_DOMAIN_SNAPSHOT ? no_snapshot(id)
                                                                       : last_error("look at the snapshot");
            const auto info = read_snapshot(xml, machine);
            if (!info) return info.error();
            return has_memory_inside(*info) ? hardware_in(xml) : std::string();
        });
}

}  // namespace wsvirt::backend::libvirt
