#include "backend/libvirt/definition_text.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/spec_fields.hpp"
#include "backend/libvirt/spec_xml.hpp"
#include "backend/unknown_devices.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

template <std::size_t n>
bool is_one_of(const std::array<std::string_view, n>& known, std::string_view what) {
    return std::find(known.begin(), known.end(), what) != known.end();
}

// What read_domain() takes over, and what write_domain() or libvirt adds to every machine.
bool is_known(pugi::xml_node device) {
    static constexpr std::array<std::string_view, 8> added{"emulator", "console", "channel",    "input",
                                                           "graphics", "video",   "memballoon", "audio"};
    static constexpr std::array<std::string_view, 6> controllers{"ide", "scsi",          "usb",
                                                                 "pci", "virtio-serial", "fdc"};
    static constexpr std::array<std::string_view, 3> ports{"unix", "file", "pty"};
    const std::string_view name = device.name(), type = device.attribute("type").value();
    if (name == "disk") {
        const auto source = device.child("source");
        return slot_of(device) &&
               (!source || is_served(device) || source.attribute("file") || source.attribute("dev"));
    }
    NicLink link{};
    if (name == "interface") return value_of(nic_link_names, type, link);
    if (name == "serial") return is_one_of(ports, type);
    if (name == "controller") return is_one_of(controllers, type);
    return is_one_of(added, name);
}

std::string unknown_in(pugi::xml_node devices) {
    std::set<std::string> names;
    for (const auto device : devices.children()) {
        if (device.type() != pugi::node_element || is_known(device)) continue;
        std::string name = device.name();
        if (const auto type = device.attribute("type")) name += std::string(" of type ") + type.value();
        names.insert(std::move(name));
    }
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

}  // namespace

Result<MachineSpec> read_definition(std::string_view text) {
    auto read = read_domain(text);
    if (!read) return read.error();
    pugi::xml_document doc;
    doc.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
    const auto domain = doc.child("domain");
    if (const auto kept = find_spec(domain.child("metadata")))
        if (auto whole = read_spec(kept); !whole) return whole.error();
    auto spec = std::move(read->kept.spec);
    if (auto unknown = unknown_in(domain.child("devices")); !unknown.empty())
        spec.attributes[std::string(unknown_devices)] = std::move(unknown);
    return spec;
}

}  // namespace wsvirt::backend::libvirt
