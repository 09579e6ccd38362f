#include <algorithm>
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
using Parts = std::initializer_list<const char*>;

void drop_parts(pugi::xml_node device, Parts parts) {
    for (const char* part : parts)
        while (device.remove_child(part)) {
        }
}

void take_parts(pugi::xml_node device, pugi::xml_node with, Parts parts) {
    drop_parts(device, parts);
    for (const char* name : {"type", "device", "rawio", "sgio", "trustGuestRxFilters"})
        set_attribute(device, name, with.attribute(name).value());
    for (const char* part : parts)
        for (const auto n : with.children(part)) device.append_copy(n);
}

using Same = bool (*)(pugi::xml_node, pugi::xml_node);

bool same_target(pugi::xml_node a, pugi::xml_node b, const char* attribute) {
    return std::string_view(a.child("target").attribute(attribute).value()) ==
           b.child("target").attribute(attribute).value();
}
bool same_slot(pugi::xml_node a, pugi::xml_node b) {
    const auto of_a = slot_of(a), of_b = slot_of(b);
    if (of_a || of_b) return of_a == of_b;
    return same_target(a, b, "dev");
}
bool same_port(pugi::xml_node a, pugi::xml_node b) {
    return same_target(a, b, "port");
}
// libvirt counts consoles of all sorts together, and the first serial one is the first serial port as well:
// whether there is one does not change which of the others a console is.
int before_of_its_sort(pugi::xml_node console) {
    int n = 0;
    for (auto other = console.previous_sibling("console"); other; other = other.previous_sibling("console"))
        n += same_target(console, other, "type") ? 1 : 0;
    return n;
}
bool same_console(pugi::xml_node a, pugi::xml_node b) {
    return same_target(a, b, "type") && before_of_its_sort(a) == before_of_its_sort(b);
}
bool same_mac(pugi::xml_node a, pugi::xml_node b) {
    return iequals(a.child("mac").attribute("address").value(), b.child("mac").attribute("address").value());
}

bool same_name(pugi::xml_node a, pugi::xml_node b) {
    return same_target(a, b, "name");
}

constexpr Parts of_disks = {"source",     "backingStore", "driver",    "mirror", "auth",
                            "encryption", "transient",    "shareable", "iotune"},
                of_ports = {"source", "log"},
                of_interfaces = {"source",    "virtualport", "backend", "target", "script", "downscript",
                                 "filterref", "bandwidth",   "vlan",    "ip",     "route",  "rom"};

// alone: the type of a device that the definition does not have; such a one leads nowhere.
void take_devices(pugi::xml_node domain, pugi::xml_node other, const char* kind, Same same, Parts parts,
                  const char* alone) {
    for (auto device : domain.child("devices").children(kind)) {
        bool found = false;
        for (const auto with : other.child("devices").children(kind))
            if (!found && same(device, with)) {
                take_parts(device, with, parts);
                found = true;
            }
        if (found) continue;
        set_attribute(device, "type", alone);
        for (const char* name : {"rawio", "sgio", "trustGuestRxFilters"}) device.remove_attribute(name);
        drop_parts(device, parts);
    }
}

// A drive that the definition does not have is empty; there is no disk without a file.
const char* unknown_disk(pugi::xml_node domain, pugi::xml_node other) {
    for (const auto disk : domain.child("devices").children("disk")) {
        const std::string_view device = disk.attribute("device").value();
        const bool may_be_empty = (device == "cdrom" || device == "floppy") && !disk.child("source");
        const auto disks = other.child("devices").children("disk");
        if (!may_be_empty && std::none_of(disks.begin(), disks.end(),
                                          [&](const auto& known) { return same_slot(disk, known); }))
            return "disk";
    }
    return nullptr;
}

// What the guest cannot see, and what is the same for all devices of its kind.
void take_whole(pugi::xml_node parent, pugi::xml_node other, const char* name) {
    while (parent.remove_child(name)) {
    }
    for (const auto n : other.children(name)) parent.append_copy(n);
}

// What describes a machine and leads nowhere. What else there is under <domain> must be the definition's.
constexpr std::string_view harmless[] = {
    "name",        "uuid",      "genid", "title",         "description", "metadata",    "memory", "maxMemory",
    "vcpu",        "vcpus",     "os",    "currentMemory", "iothreads",   "iothreadids", "clock",  "features",
    "on_poweroff", "on_reboot", "pm",    "sysinfo",       "cpu",         "devices"};
constexpr const char* of_host[] = {"seclabel", "cputune",  "blkiotune",      "memtune",
                                   "numatune", "on_crash", "on_lockfailure", "perf"};
// Devices that are QEMU's own, and those whose part on the host is the definition's by now.
constexpr std::string_view own_devices[] = {"controller", "input",    "video", "memballoon",
                                            "panic",      "watchdog", "sound", "hub"};
constexpr std::string_view adapted_devices[] = {"emulator", "graphics", "audio",   "disk",
                                                "serial",   "console",  "channel", "interface"};

template <class List>
bool holds(const List& list, std::string_view name) {
    return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

std::set<std::string> names_in(pugi::xml_node parent) {
    std::set<std::string> out;
    for (const auto n : parent.children())
        if (n.type() == pugi::node_element) out.insert(n.name());
    return out;
}

// Where libvirt gives it a place of its own.
std::string without_place(pugi::xml_node device) {
    pugi::xml_document copy;
    auto root = copy.append_copy(device);
    for (const char* part : {"alias", "address"}) root.remove_child(part);
    return to_text(copy);
}

bool has_the_same(pugi::xml_node devices, pugi::xml_node device) {
    const auto all = devices.children(device.name());
    return std::any_of(all.begin(), all.end(),
                       [&, text = without_place(device)](const auto& d) { return without_place(d) == text; });
}

// Paths and addresses: everything with a slash, and what is the name of a file without.
struct Values : pugi::xml_tree_walker {
    std::set<std::string> all;
    std::string foreign_name;  // of another namespace than libvirt's
    bool for_each(pugi::xml_node& node) override {
        if (node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata) note(node.value());
        for (const auto a : node.attributes()) {
            const std::string_view is = a.name();
            note(a.value(), is == "file" || is == "path");
        }
        const std::string_view name = node.name();
        if (name.find(':') != std::string_view::npos) foreign_name = name;
        return true;
    }
    void note(const std::string& value, bool is_file = false) {
        if (is_file || value.find('/') != std::string::npos) all.insert(value);
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

// libvirt reads all parts of a name, wherever they stand.
Result<void> check_parts(pugi::xml_node domain, pugi::xml_node other) {
    std::set<std::string> seen;
    const auto known = names_in(other);
    for (const auto part : domain.children()) {
        if (part.type() != pugi::node_element) continue;
        const std::string name = part.name();
        if (!holds(harmless, name) && !known.contains(name)) return foreign(name);
        if (!seen.insert(name).second && !holds(of_host, name)) return foreign(name);
    }
    if (const auto info = domain.child("sysinfo");
        info && std::string_view(info.attribute("type").value()) != "smbios" &&
        to_text(info) != to_text(other.child("sysinfo")))
        return foreign("sysinfo");
    return {};
}

Result<void> check_devices(pugi::xml_node devices, pugi::xml_node others) {
    for (const auto device : devices.children()) {
        if (device.type() != pugi::node_element) continue;
        const std::string name = device.name();
        const bool known = holds(adapted_devices, name) || holds(own_devices, name)
                               ? bool(others.child(device.name()))
                               : has_the_same(others, device);
        if (!known) return foreign(name);
    }
    return {};
}

// What firmware shows and tells the guest, but not of the host.
bool reaches_nothing(const std::string& name) {
    return name == "bootmenu" || name == "bios" || name == "smbios";
}

bool tells_of_host(pugi::xml_node os) {
    return std::string_view(os.child("smbios").attribute("mode").value()) == "host";
}

// Nothing that the definition does not have, wherever it may stand.
Result<void> check_reach(pugi::xml_node domain, pugi::xml_node other) {
    if (auto ok = check_parts(domain, other); !ok) return ok;
    if (auto ok = check_devices(domain.child("devices"), other.child("devices")); !ok) return ok;
    const auto in_os = names_in(other.child("os"));
    for (const auto& name : names_in(domain.child("os")))
        if (!in_os.contains(name) && !reaches_nothing(name)) return foreign(name);
    if (tells_of_host(domain.child("os")) && !tells_of_host(other.child("os"))) return foreign("smbios");
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
    for (const char* name : of_host) take_whole(domain, other, name);
    for (const char* name : {"placement", "cpuset"})  // which of the host's processors run it
        set_attribute(domain.child("vcpu"), name, other.child("vcpu").attribute(name).value());
    for (const char* file : {"loader", "nvram"}) take_whole(domain.child("os"), other.child("os"), file);
    auto devices = domain.child("devices");
    for (const char* kind : {"emulator", "graphics", "audio"})
        take_whole(devices, other.child("devices"), kind);
    if (const char* what = unknown_disk(domain, other)) return foreign(what);
    take_devices(domain, other, "disk", same_slot, of_disks, "file");
    take_devices(domain, other, "serial", same_port, of_ports, "null");
    take_devices(domain, other, "console", same_console, of_ports, "null");
    take_devices(domain, other, "channel", same_name, of_ports, "null");
    take_devices(domain, other, "interface", same_mac, of_interfaces, "user");
    if (auto ok = check_reach(domain, other); !ok) return ok.error();
    return to_text(mine);
}

}  // namespace wsvirt::backend::libvirt
