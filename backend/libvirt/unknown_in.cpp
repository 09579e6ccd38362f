#include "backend/libvirt/unknown_in.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/spec_fields.hpp"

namespace wsvirt::backend::libvirt {

namespace {

template <std::size_t n>
bool is_one_of(const std::array<std::string_view, n>& known, std::string_view what) {
    return std::find(known.begin(), known.end(), what) != known.end();
}

bool is_known_disk(pugi::xml_node disk) {
    const auto source = disk.child("source");
    return slot_of(disk) &&
           (!source || is_served(disk) || source.attribute("file") || source.attribute("dev"));
}

// What read_domain() takes over, and what write_domain() or libvirt adds to every machine.
bool is_known(pugi::xml_node device) {
    static constexpr std::array<std::string_view, 8> added{"emulator", "console", "channel",    "input",
                                                           "graphics", "video",   "memballoon", "audio"};
    static constexpr std::array<std::string_view, 7> controllers{"ide",           "scsi", "usb", "pci",
                                                                 "virtio-serial", "fdc",  "sata"};
    static constexpr std::array<std::string_view, 3> ports{"unix", "file", "pty"};
    const std::string_view name = device.name(), type = device.attribute("type").value();
    NicLink link{};
    if (name == "disk") return is_known_disk(device);
    if (name == "interface") return value_of(nic_link_names, type, link);
    if (name == "serial") return is_one_of(ports, type);
    if (name == "controller") return is_one_of(controllers, type);
    // Every q35 machine has this one, and newer versions of libvirt show it.
    if (name == "watchdog") return std::string_view(device.attribute("model").value()) == "itco";
    return is_one_of(added, name);
}

using Found = std::set<std::string>;

std::string joined(const Found& names) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

}  // namespace

UnknownDevices unknown_in(pugi::xml_node domain) {
    Found disks, devices, connections;
    for (const auto device : domain.child("devices").children()) {
        if (device.type() != pugi::node_element || is_known(device)) continue;
        const std::string_view kind = device.name();
        std::string name(kind);
        if (kind == "disk") name += std::string(" ") + device.child("target").attribute("dev").value();
        if (const auto type = device.attribute("type")) name += std::string(" of type ") + type.value();
        const std::string_view is = device.attribute("device").as_string("disk");
        const bool removable = is == "cdrom" || is == "floppy";
        auto& names = kind == "disk" && !removable ? disks : kind == "interface" ? connections : devices;
        names.insert(std::move(name));
    }
    return {joined(disks), joined(devices), joined(connections)};
}

}  // namespace wsvirt::backend::libvirt
