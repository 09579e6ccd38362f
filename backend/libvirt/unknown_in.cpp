#include "backend/libvirt/unknown_in.hpp"

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/found_names.hpp"
#include "backend/libvirt/spec_fields.hpp"
#include "backend/libvirt/unknown_settings.hpp"

namespace wsvirt::backend::libvirt {

namespace {

std::string text(pugi::xml_node node, const char* attribute) {
    return node.attribute(attribute).value();
}

// Hard disks, devices that memory cannot do without, and the rest.
struct Sorted {
    Found disks, devices, others;
};

std::string name_of_device(pugi::xml_node device) {
    std::string name = device.name();
    if (name == "disk") name += ' ' + text(device.child("target"), "dev");
    if (const auto type = device.attribute("type")) name += std::string(" of type ") + type.value();
    return name;
}

void look_at_disk(pugi::xml_node disk, Sorted& found) {
    const auto source = disk.child("source");
    if (slot_of(disk) && (!source || is_served(disk) || source.attribute("file") || source.attribute("dev")))
        return;
    const std::string_view is = disk.attribute("device").as_string("disk");
    const bool removable = is == "cdrom" || is == "floppy";
    (removable ? found.devices : found.disks).insert(name_of_device(disk));
}

void look_at_interface(pugi::xml_node nic, Sorted& found) {
    NicLink link{};
    NicModel model{};
    const auto is = text(nic.child("model"), "type");
    if (!value_of(nic_link_names, text(nic, "type"), link))
        found.others.insert(name_of_device(nic));
    else if (!is.empty() && !value_of(nic_model_names, is, model))
        found.others.insert("interface of model " + is);
}

void look_at_controller(pugi::xml_node controller, Sorted& found) {
    const auto type = text(controller, "type"), model = text(controller, "model");
    if (!is_one_of({"ide", "scsi", "usb", "pci", "virtio-serial", "fdc", "sata"}, type)) {
        found.devices.insert(name_of_device(controller));
        return;
    }
    // Of the others libvirt chooses the model; a machine that was given no USB has one such controller.
    const bool known = type == "usb" ? text(controller, "index") <= "0" &&
                                           is_one_of({"", "none", "piix3-uhci", "qemu-xhci"}, model)
                       : type == "scsi" ? is_one_of({"", "auto", "virtio-scsi"}, model)
                       : type == "pci"  ? is_one_of({"", "pci-root", "pcie-root", "pcie-root-port",
                                                     "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge"},
                                                    model)
                                        : true;
    if (!known) found.others.insert("controller " + type + (model.empty() ? "" : " of model " + model));
}

void look_at_serial(pugi::xml_node port, Sorted& found) {
    const auto target = text(port.child("target"), "type");
    if (!is_one_of({"unix", "file", "pty"}, text(port, "type")))
        found.devices.insert(name_of_device(port));
    else if (!is_one_of({"", "isa-serial"}, target))
        found.others.insert("serial of type " + target);
}

// Of these a machine of ours has one of its own kind, if any.
bool is_our_own(pugi::xml_node device) {
    const std::string_view name = device.name();
    const auto type = text(device, "type"), model = text(device.child("model"), "type");
    const bool first = !device.parent() || device.parent().child(device.name()) == device;
    const auto target = device.child("target");
    if (name == "channel") return type == "unix" && text(target, "name") == agent_channel;
    if (name == "input")
        return is_one_of({"mouse", "keyboard"}, type) && is_one_of({"", "ps2"}, text(device, "bus"));
    if (name == "graphics") return first && type == "vnc";
    if (name == "video") return first && is_one_of({"", "vga", "none"}, model);
    return is_one_of({"", "virtio", "none"}, text(device, "model"));  // memballoon
}

std::string name_of_own_kind(pugi::xml_node device) {
    const std::string name = device.name(), type = text(device, "type");
    if (name == "channel") {
        const auto target = text(device.child("target"), "name");
        return name + (target.empty() ? " of type " + type : ' ' + target);
    }
    if (name == "input") {
        const auto bus = text(device, "bus");
        return name + ' ' + type + (bus.empty() ? "" : " of bus " + bus);
    }
    if (name == "video") return name + " of model " + text(device.child("model"), "type");
    return name == "memballoon" ? name + " of model " + text(device, "model") : name_of_device(device);
}

void look_at(pugi::xml_node device, Sorted& found) {
    const std::string_view name = device.name();
    if (name == "disk") return look_at_disk(device, found);
    if (name == "interface") return look_at_interface(device, found);
    if (name == "controller") return look_at_controller(device, found);
    if (name == "serial") return look_at_serial(device, found);
    if (is_one_of({"channel", "input", "graphics", "video", "memballoon"}, name)) {
        if (!is_our_own(device)) found.others.insert(name_of_own_kind(device));
        return;
    }
    if (is_one_of({"emulator", "audio"}, name)) return;
    // libvirt mirrors the first serial port as one.
    if (name == "console" && is_one_of({"", "serial"}, text(device.child("target"), "type"))) return;
    // Every q35 machine has this one, and newer versions of libvirt show it.
    if (name == "watchdog" && text(device, "model") == "itco") return;
    found.devices.insert(name_of_device(device));
}

std::string joined(const Found& names) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

void append(std::string& to, const Found& names) {
    if (!to.empty() && !names.empty()) to += ", ";
    to += joined(names);
}

// What tells it from others of its kind; "" = nothing, they are counted.
std::string mark_of(pugi::xml_node device) {
    const std::string_view name = device.name();
    if (name == "disk") return text(device.child("target"), "dev");
    if (name == "interface") return text(device.child("mac"), "address");
    if (name == "channel") return text(device.child("target"), "name");
    return {};
}

std::size_t count_of(pugi::xml_node devices, pugi::xml_node like, const std::string& mark) {
    const auto all = devices.children(like.name());
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& d) { return mark_of(d) == mark; }));
}

}  // namespace

UnknownDevices unknown_in(pugi::xml_node domain) {
    Sorted found;
    for (const auto device : domain.child("devices").children())
        if (device.type() == pugi::node_element) look_at(device, found);
    find_unknown_settings(domain, found.devices, found.others);
    return {joined(found.disks), joined(found.devices), joined(found.others)};
}

void add_devices_beside(UnknownDevices& unknown, pugi::xml_node settings, pugi::xml_node running) {
    const auto known = settings.child("devices"), now = running.child("devices");
    if (!known || !now) return;
    Found needed, others;
    for (const auto device : now.children()) {
        const std::string_view name = device.name();
        // libvirt's own; controllers come with what is attached to them.
        if (is_one_of({"emulator", "audio", "graphics", "memballoon", "controller", "hub"}, name)) continue;
        const auto mark = mark_of(device);
        if (count_of(now, device, mark) <= count_of(known, device, mark)) continue;
        // Of these, memory has some that lead nowhere where the machine has others of the kind, or any.
        const bool can_be_made =
            is_one_of({"channel", "input", "video"}, name) ||
            (is_one_of({"interface", "serial", "console"}, name) && known.child(device.name()));
        (can_be_made ? others : needed).insert(name_of_device(device) + " of the running machine alone");
    }
    append(unknown.devices, needed);
    append(unknown.connections, others);
}

void add_devices_beside(UnknownDevices& unknown, const std::string& settings, const std::string& running) {
    pugi::xml_document mine, theirs;
    mine.load_buffer(settings.data(), settings.size());
    theirs.load_buffer(running.data(), running.size());
    add_devices_beside(unknown, mine.child("domain"), theirs.child("domain"));
}

}  // namespace wsvirt::backend::libvirt
