#include <initializer_list>
#include <pugixml.hpp>
#include <set>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/save_image.hpp"
#include "base/text.hpp"

// The description inside saved memory, for use under another definition. Saved memory may come from anywhere,
// and libvirt starts a QEMU as its description says: so that must not reach further than the definition does.
namespace wsvirt::backend::libvirt {

namespace {

// What a device does on the host is the definition's business; the guest does not see it.
void take_parts(pugi::xml_node device, pugi::xml_node with, std::initializer_list<const char*> parts) {
    set_attribute(device, "type", with.attribute("type").value());
    for (const char* part : parts) {
        device.remove_child(part);
        if (with.child(part)) device.prepend_copy(with.child(part));
    }
}

using Same = bool (*)(pugi::xml_node, pugi::xml_node);

bool same_slot(pugi::xml_node a, pugi::xml_node b) {
    return slot_of(a) && slot_of(a) == slot_of(b);
}
bool same_port(pugi::xml_node a, pugi::xml_node b) {
    return std::string_view(a.child("target").attribute("port").value()) ==
           b.child("target").attribute("port").value();
}
bool same_mac(pugi::xml_node a, pugi::xml_node b) {
    return iequals(a.child("mac").attribute("address").value(), b.child("mac").attribute("address").value());
}

bool same_name(pugi::xml_node a, pugi::xml_node b) {
    return std::string_view(a.child("target").attribute("name").value()) ==
           b.child("target").attribute("name").value();
}

// alone: the type of a device that the definition does not have; such a one leads nowhere.
void take_devices(pugi::xml_node domain, pugi::xml_node other, const char* kind, Same same,
                  std::initializer_list<const char*> parts, const char* alone = nullptr) {
    for (auto device : domain.child("devices").children(kind)) {
        bool found = false;
        for (const auto with : other.child("devices").children(kind))
            if (!found && same(device, with)) {
                take_parts(device, with, parts);
                found = true;
            }
        if (found || !alone) continue;
        set_attribute(device, "type", alone);
        for (const char* part : parts) device.remove_child(part);
    }
}

// What the guest cannot see, and what is the same for all devices of its kind.
void take_whole(pugi::xml_node parent, pugi::xml_node other, const char* name) {
    while (parent.remove_child(name)) {
    }
    for (const auto n : other.children(name)) parent.append_copy(n);
}

std::set<std::string> names_in(pugi::xml_node parent) {
    std::set<std::string> out;
    for (const auto n : parent.children())
        if (n.type() == pugi::node_element) out.insert(n.name());
    return out;
}

// Paths and addresses: everything with a slash.
struct Values : pugi::xml_tree_walker {
    std::set<std::string> all;
    std::string foreign_name;  // of another namespace than libvirt's
    bool for_each(pugi::xml_node& node) override {
        if (node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata) note(node.value());
        for (const auto a : node.attributes()) note(a.value());
        const std::string_view name = node.name();
        if (name.find(':') != std::string_view::npos) foreign_name = name;
        return true;
    }
    void note(const std::string& value) {
        if (value.find('/') != std::string::npos) all.insert(value);
    }
};

Values values_in(pugi::xml_node domain) {
    pugi::xml_document copy;
    auto root = copy.append_copy(domain);
    root.remove_child("metadata");
    Values v;
    root.traverse(v);
    return v;
}

Error foreign(const std::string& what) {
    return {Status::invalid_parameter, "wsvirt.saved.foreign",
            "The saved memory does not fit the machine: it wants \"" + what +
                "\", which the machine's settings do not have."};
}

// Nothing that the definition does not have, wherever it may stand.
Result<void> check_reach(pugi::xml_node domain, pugi::xml_node other) {
    for (const char* part : {"devices", "os"}) {
        const auto known = names_in(other.child(part));
        for (const auto& name : names_in(domain.child(part)))
            if (!known.contains(name)) return foreign(name);
    }
    const auto wanted = values_in(domain), known = values_in(other);
    if (!wanted.foreign_name.empty()) return foreign(wanted.foreign_name);
    for (const auto& value : wanted.all)
        if (!known.all.contains(value)) return foreign(value);
    return {};
}

}  // namespace

Result<std::string> adopt_saved_xml(const std::string& saved, const std::string& definition) {
    pugi::xml_document mine, theirs;
    if (!mine.load_buffer(saved.data(), saved.size()) || !mine.child("domain") ||
        !theirs.load_buffer(definition.data(), definition.size()) || !theirs.child("domain"))
        return Error{Status::malformed,
                     "wsvirt.saved.malformed",
                     "The file does not hold the saved memory of a machine.",
                     {},
                     "no domain XML"};
    auto domain = mine.child("domain");
    const auto other = theirs.child("domain");
    for (const char* name : {"name", "uuid", "title", "description"})
        set_text(domain, name, other.child(name).text().get());
    domain.remove_child("metadata");
    if (other.child("metadata")) domain.insert_copy_after(other.child("metadata"), domain.child("uuid"));
    domain.remove_child("resource");
    for (const char* file : {"loader", "nvram"}) take_whole(domain.child("os"), other.child("os"), file);
    auto devices = domain.child("devices");
    for (const char* kind : {"emulator", "graphics", "audio"})
        take_whole(devices, other.child("devices"), kind);
    take_devices(domain, other, "disk", same_slot, {"source", "backingStore", "driver"});
    take_devices(domain, other, "serial", same_port, {"source"}, "null");
    take_devices(domain, other, "console", same_port, {"source"}, "null");
    take_devices(domain, other, "channel", same_name, {"source"}, "null");
    take_devices(domain, other, "interface", same_mac, {"source", "virtualport", "backend"}, "user");
    if (auto ok = check_reach(domain, other); !ok) return ok.error();
    return to_text(mine);
}

}  // namespace wsvirt::backend::libvirt
