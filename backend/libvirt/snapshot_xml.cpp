#include "backend/libvirt/snapshot_xml.hpp"

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/unknown_in.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* element_name = "wsvirt:snapshot";

Error bad(const char* detail) {
    return {Status::malformed,
            "wsvirt.snapshot.malformed",
            "The host's description of the snapshot cannot be read.",
            {},
            detail};
}

pugi::xml_node settings_of(pugi::xml_node snapshot) {
    const auto inactive = snapshot.child("inactiveDomain");
    return inactive ? inactive : snapshot.child("domain");
}

std::string settings_xml(pugi::xml_node snapshot) {
    pugi::xml_document copy;
    auto domain = copy.append_copy(settings_of(snapshot));
    if (!domain) return {};
    domain.set_name("domain");
    return to_text(copy);
}

// The settings that a snapshot was made of, and so a new snapshot's, have the note of the one applied last.
pugi::xml_node note_in(pugi::xml_node snapshot) {
    const auto element = find_spec(settings_of(snapshot).child("metadata")).child(element_name);
    const auto of = element.attribute("of");
    return !of || std::string_view(of.value()) == snapshot.child("name").text().get() ? element
                                                                                      : pugi::xml_node();
}

SnapshotNote read_note(pugi::xml_node element) {
    return {read_attributes(element),
            element.attribute("created").as_llong(),
            element.attribute("disks_only").as_bool(),
            element.attribute("saved_file").value(),
            element.attribute("nvram_file").value(),
            {},
            element.attribute("from_elsewhere").as_bool(),
            element.attribute("memory_unfit").value()};
}

Result<pugi::xml_node> load(pugi::xml_document& doc, std::string_view xml) {
    const auto parsed = doc.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
    const auto root = doc.child("domainsnapshot");
    if (!parsed || !root) return bad(parsed.description());
    return root;
}

}  // namespace

Result<SnapshotInfo> read_snapshot(std::string_view xml, std::string_view machine) {
    pugi::xml_document doc;
    auto root = load(doc, xml);
    if (!root) return root.error();
    SnapshotInfo s;
    const std::string name = root->child("name").text().get();
    s.id = snapshot_id(machine, name);
    if (!is_guid(name)) s.name = name;
    if (const auto parent = root->child("parent").child("name"))
        s.parent = snapshot_id(machine, parent.text().get());
    s.created_us = root->child("creationTime").text().as_llong() * 1'000'000;
    const std::string_view memory = root->child("memory").attribute("snapshot").value();
    s.has_memory = memory == "internal" || memory == "external";
    s.external = memory == "external";
    if (s.external) s.memory_file = root->child("memory").attribute("file").value();
    for (const auto disk : root->child("disks").children("disk"))
        s.external |= std::string_view(disk.attribute("snapshot").value()) == "external";
    if (const auto domain = settings_of(*root)) {
        auto read = read_domain(domain);
        s.spec = std::move(read.kept.spec);
        s.unknown = std::move(read.unknown);
        if (s.has_memory && root->child("inactiveDomain"))
            add_devices_beside(s.unknown, domain, root->child("domain"));
    }
    s.spec.uuid = to_upper(machine);
    if (const auto element = note_in(*root)) {
        const SnapshotNote note = read_note(element);
        s.spec.attributes = note.attributes;
        if (note.created_us != 0) s.created_us = note.created_us;
        s.has_memory = (s.has_memory && !note.disks_only) || !note.saved_file.empty();
        if (!note.saved_file.empty()) s.memory_file = note.saved_file;
        s.nvram_file = note.nvram_file;
    } else {
        erase_snapshot_notes(s.spec.attributes);
        const std::string described = root->child("description").text().get();
        s.spec.attributes[std::string(snapshot_name)] = described.empty() ? name : described;
    }
    return s;
}

namespace {
void write_note(pugi::xml_node machine, const char* name, const SnapshotNote& note) {
    if (note.autostart) set_attribute(machine, "autostart", *note.autostart ? "true" : "false");
    machine.remove_child(element_name);
    auto element = machine.append_child(element_name);
    element.append_attribute("of").set_value(name);
    element.append_attribute("created").set_value(static_cast<long long>(note.created_us));
    if (note.disks_only) element.append_attribute("disks_only").set_value(true);
    set_attribute(element, "saved_file", note.saved_file);
    if (!note.nvram_file.empty()) set_attribute(element, "nvram_file", note.nvram_file);
    if (note.from_elsewhere) element.append_attribute("from_elsewhere").set_value(true);
    if (!note.memory_unfit.empty()) set_attribute(element, "memory_unfit", note.memory_unfit);
    append_attributes(element, note.attributes);
}

// libvirt gives the element and all that is in it our namespace.
void without_prefixes(pugi::xml_node node) {
    const std::string_view name = node.name();
    if (const auto colon = name.find(':'); colon != name.npos)
        node.set_name(std::string(name.substr(colon + 1)).c_str());
    for (auto child : node.children()) without_prefixes(child);
}
}  // namespace

std::string noted_machine(std::string_view domain_xml, const std::string& name, const SnapshotNote& note) {
    pugi::xml_document doc;
    doc.load_buffer(domain_xml.data(), domain_xml.size());
    const auto machine = find_spec(doc.child("domain").child("metadata"));
    if (!machine) return {};
    write_note(machine, name.c_str(), note);
    pugi::xml_document alone;
    auto element = alone.append_copy(machine);
    without_prefixes(element);
    element.remove_attribute((std::string("xmlns:") + metadata_prefix).c_str());
    return to_text(alone);
}

Result<std::string> with_note(std::string_view xml, const SnapshotNote& note) {
    pugi::xml_document doc;
    auto root = load(doc, xml);
    if (!root) return root.error();
    for (const char* which : {"domain", "inactiveDomain"}) {
        auto domain = root->child(which);
        if (!domain) continue;
        auto metadata = child(domain, "metadata");
        auto machine = find_spec(metadata);
        if (!machine) {  // of a domain made by others: its settings as they are read now become ours
            append_spec(metadata, read_domain(settings_of(*root)).kept);
            machine = find_spec(metadata);
        }
        write_note(machine, root->child("name").text().get(), note);
    }
    const auto name = note.attributes.find(std::string(snapshot_name));
    MachineSpec titled;
    if (name != note.attributes.end()) titled.name = name->second;
    set_text(*root, "description", title_for(titled));
    return to_text(doc);
}

Result<SnapshotLayout> read_layout(std::string_view xml) {
    pugi::xml_document doc;
    auto root = load(doc, xml);
    if (!root) return root.error();
    SnapshotLayout r;
    r.state = root->child("state").text().get();
    const auto memory = root->child("memory");
    r.memory_internal = std::string_view(memory.attribute("snapshot").value()) == "internal";
    r.memory_file = memory.attribute("file").value();
    for (const auto node : root->child("disks").children("disk")) {
        SnapshotDisk d;
        d.name = node.attribute("name").value();
        const std::string_view kind = node.attribute("snapshot").value();
        if (kind == "internal") d.kind = SnapshotDisk::Kind::internal;
        if (kind == "external") d.kind = SnapshotDisk::Kind::external;
        d.overlay = node.child("source").attribute("file").value();
        r.disks.push_back(std::move(d));
    }
    r.domain_xml = settings_xml(*root);
    r.note = read_note(note_in(*root));
    return r;
}

std::string new_snapshot_xml(const NewSnapshot& snapshot) {
    pugi::xml_document doc;
    auto root = doc.append_child("domainsnapshot");
    set_text(root, "name", snapshot.name);
    set_text(root, "description", snapshot.title);
    auto memory = root.append_child("memory");
    memory.append_attribute("snapshot")
        .set_value(!snapshot.memory_file.empty() ? "external"
                   : snapshot.internal_memory    ? "internal"
                                                 : "no");
    if (!snapshot.memory_file.empty())
        memory.append_attribute("file").set_value(snapshot.memory_file.c_str());
    auto disks = root.append_child("disks");
    for (const auto& d : snapshot.disks) {
        auto node = disks.append_child("disk");
        node.append_attribute("name").set_value(d.target.c_str());
        node.append_attribute("snapshot")
            .set_value(d.excluded          ? "no"
                       : d.overlay.empty() ? "internal"
                                           : "external");
        if (d.overlay.empty() || d.excluded) continue;
        auto driver = node.append_child("driver");
        driver.append_attribute("type").set_value("qcow2");
        node.append_child("source").append_attribute("file").set_value(d.overlay.c_str());
    }
    return to_text(doc);
}

}  // namespace wsvirt::backend::libvirt
