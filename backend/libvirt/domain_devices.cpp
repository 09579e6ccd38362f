// The <devices> of a domain: each device of the settings is matched with the element that stands for it and
// changed in place, elements without a counterpart in the settings are removed, kinds of device that the
// settings do not speak about stay, and so does what others made of a device that is set as before.
#include <algorithm>
#include <array>
#include <set>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/spec_fields.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

std::vector<pugi::xml_node> all(pugi::xml_node devices, const char* name) {
    std::vector<pugi::xml_node> r;
    for (const auto node : devices.children(name)) r.push_back(node);
    return r;
}

// libvirt has no fixed disk without a medium: such a drive lives in the metadata only.
bool has_element(const Disk& disk) {
    return disk.device != DiskDevice::disk || !disk.path.empty();
}

// Not network storage or volumes of a pool, which the settings cannot name: those stay as they are.
bool is_file(pugi::xml_node disk) {
    const std::string_view type = disk.attribute("type").as_string("file");
    return type == "file" || type == "block" || is_served(disk);
}

DiskDevice device_of(pugi::xml_node disk) {
    DiskDevice device = DiskDevice::disk;  // also what the settings have no word for: a LUN of the host
    value_of(disk_device_names, disk.attribute("device").as_string("disk"), device);
    return device;
}

pugi::xml_node insert(pugi::xml_node devices, const char* name) {
    return devices.append_child(name);
}

void write_disks(pugi::xml_node devices, const MachineSpec& spec, const DomainOptions& options) {
    auto old = all(devices, "disk");
    for (const Disk& disk : spec.disks) {
        const std::string socket = disk_socket(options, spec.uuid, disk);
        const auto same = std::find_if(old.begin(), old.end(), [&](const auto& node) {
            return slot_of(node) == slot_of(disk) && device_of(node) == disk.device;
        });
        if (same != old.end()) {
            if (is_file(*same) && !has_element(disk)) continue;  // the medium is taken out
            if (is_file(*same) || !disk.path.empty()) fill_disk(*same, disk, socket);
            old.erase(same);
        } else if (has_element(disk)) {
            fill_disk(insert(devices, "disk"), disk, socket);
        }
    }
    for (const auto& node : old)
        if (slot_of(node)) devices.remove_child(node);  // of a bus we do not know: left alone
}

void write_nics(pugi::xml_node devices, const MachineSpec& spec, const MachineSpec* before) {
    auto old = all(devices, "interface");
    for (const Nic& nic : spec.nics) {
        const Nic* was = nullptr;
        if (before)
            for (const Nic& n : before->nics)
                if (iequals(n.id, nic.id)) was = &n;
        const auto with = [&](const std::string& mac) {
            return std::find_if(old.begin(), old.end(), [&](const auto& node) {
                return iequals(node.child("mac").attribute("address").value(), mac);
            });
        };
        auto same = was ? with(was->mac) : old.end();  // also one that gets another address
        if (same == old.end()) {
            was = nullptr;
            same = with(nic.mac);
        }
        if (same != old.end()) {
            fill_nic(*same, nic, was);
            old.erase(same);
        } else {
            fill_nic(insert(devices, "interface"), nic);
        }
    }
    for (const auto& node : old) devices.remove_child(node);
}

void write_controllers(pugi::xml_node devices, const MachineSpec& spec) {
    std::set<unsigned> wanted;
    for (const auto& c : spec.controllers)
        if (c.bus == Bus::scsi) wanted.insert(c.index);
    for (const auto& d : spec.disks)
        if (d.bus == Bus::scsi) wanted.insert(d.controller);
    for (const auto& node : all(devices, "controller")) {
        if (std::string_view(node.attribute("type").value()) != "scsi") continue;
        if (!wanted.erase(node.attribute("index").as_uint())) devices.remove_child(node);
    }
    for (const unsigned index : wanted) fill_scsi_controller(insert(devices, "controller"), index);
}

void fill_serial(pugi::xml_node node, const SerialPort& port) {
    using Kind = SerialPort::Kind;
    const char* const type = port.kind == Kind::pipe_server ? "unix"
                             : port.kind == Kind::file      ? "file"
                                                            : "pty";
    const bool same_type = std::string_view(node.attribute("type").value()) == type;
    set_attribute(node, "type", type);
    if (!same_type) {
        while (node.remove_child("source")) {
        }
        node.remove_child("protocol");
    }
    if (port.kind != Kind::pty) {
        const auto source = child(node, "source");
        set_attribute(source, "path", port.path);
        set_attribute(source, "mode", port.kind == Kind::pipe_server ? "bind" : "");
    }
    set_attribute(child(node, "target"), "port", std::to_string(port.port));
}

bool is_as_before(const SerialPort& port, const MachineSpec* before) {
    return before &&
           std::any_of(before->serial_ports.begin(), before->serial_ports.end(), [&](const auto& was) {
               return was.port == port.port && was.kind == port.kind &&
                      (was.path == port.path || port.kind == SerialPort::Kind::none);
           });
}

void write_serials(pugi::xml_node devices, const MachineSpec& spec, const MachineSpec* before) {
    auto old = all(devices, "serial");
    for (const SerialPort& port : spec.serial_ports) {
        const bool as_before = is_as_before(port, before);
        if (port.kind == SerialPort::Kind::none && !as_before) continue;
        const auto same = std::find_if(old.begin(), old.end(), [&](const auto& node) {
            return node.child("target").attribute("port").as_uint() == port.port;
        });
        if (same != old.end()) {
            if (!as_before) fill_serial(*same, port);
            old.erase(same);
        } else if (port.kind != SerialPort::Kind::none) {
            fill_serial(insert(devices, "serial"), port);
        }
    }
    for (const auto& node : old) devices.remove_child(node);
    // libvirt mirrors the first serial port as a console of its own and makes it again
    for (const auto& node : all(devices, "console")) {
        const std::string_view target = node.child("target").attribute("type").as_string("serial");
        if (target == "serial") devices.remove_child(node);
    }
}

const Display* display_of(const MachineSpec& spec) {
    const Display* vnc = nullptr;
    for (const auto& d : spec.displays)
        if (d.kind == Display::Kind::vnc) vnc = &d;
    return vnc;
}

void write_display(pugi::xml_node devices, const MachineSpec& spec, const MachineSpec* before) {
    const Display* const vnc = display_of(spec);
    if (!vnc && before && !display_of(*before)) return;
    const auto graphics = all(devices, "graphics");
    if (!vnc) {
        for (const auto& node : graphics) devices.remove_child(node);
        for (const auto& node : all(devices, "video")) devices.remove_child(node);
        child(child(devices, "video"), "model").append_attribute("type").set_value("none");
        return;
    }
    if (graphics.empty()) {
        auto node = insert(devices, "graphics");
        node.append_attribute("type").set_value("vnc");
        node.append_child("listen").append_attribute("type").set_value("socket");
    }
    auto model = child(child(devices, "video"), "model");
    const std::string_view type = model.attribute("type").value();
    if (type.empty() || type == "none") set_attribute(model, "type", "vga");
    if (std::string_view(model.attribute("type").value()) == "vga")
        set_attribute(model, "vram", std::to_string(vnc->video_ram_kib));
}

void write_fixed(pugi::xml_node devices, const MachineSpec& spec, const DomainOptions& options) {
    if (!options.emulator.empty()) set_text(devices, "emulator", options.emulator);
    auto usb = insert(devices, "controller");
    usb.append_attribute("type").set_value("usb");
    usb.append_attribute("model").set_value("none");
    if (spec.firmware == Firmware::uefi && options.domain_type != "test") {
        std::size_t ports = options.spare_pcie_ports + 2 + spec.nics.size();  // 2: balloon, serial channel
        for (const auto& c : spec.controllers) ports += c.bus == Bus::scsi;
        auto root = insert(devices, "controller");
        root.append_attribute("type").set_value("pci");
        root.append_attribute("index").set_value(0);
        root.append_attribute("model").set_value("pcie-root");
        for (std::size_t i = 1; i <= ports; ++i) {
            auto port = insert(devices, "controller");
            port.append_attribute("type").set_value("pci");
            port.append_attribute("index").set_value(static_cast<unsigned>(i));
            port.append_attribute("model").set_value("pcie-root-port");
        }
    }
    auto channel = insert(devices, "channel");
    channel.append_attribute("type").set_value("unix");
    auto target = channel.append_child("target");
    target.append_attribute("type").set_value("virtio");
    target.append_attribute("name").set_value(agent_channel);
    insert(devices, "memballoon").append_attribute("model").set_value("virtio");
}

void write_boot_order(pugi::xml_node devices, const MachineSpec& spec) {
    std::set<unsigned> taken;  // by devices that the settings do not know
    for (auto node : devices.children()) {
        const std::string_view name = node.name();
        if (name == "interface" || (name == "disk" && slot_of(node)))
            node.remove_child("boot");
        else if (const auto boot = node.child("boot"))
            taken.insert(boot.attribute("order").as_uint());
    }
    unsigned next = 0;
    const auto put_next = [&](pugi::xml_node node) {
        while (taken.contains(++next)) {
        }
        node.append_child("boot").append_attribute("order").set_value(next);
    };
    std::set<std::string, ILess> seen;
    for (const auto& id : spec.boot_devices) {
        if (!seen.insert(id).second) continue;
        for (const auto& disk : spec.disks)
            if (iequals(disk.id, id))
                for (const auto node : devices.children("disk"))
                    if (slot_of(node) == slot_of(disk)) put_next(node);
        for (const auto& nic : spec.nics)
            if (iequals(nic.id, id))
                for (const auto node : devices.children("interface"))
                    if (iequals(node.child("mac").attribute("address").value(), nic.mac)) put_next(node);
    }
}

}  // namespace

void name_server(pugi::xml_node source, const std::string& path, const std::string& socket) {
    source.append_attribute("protocol").set_value("nbd");
    source.append_attribute("name").set_value(path.c_str());
    auto host = source.append_child("host");
    host.append_attribute("transport").set_value("unix");
    host.append_attribute("socket").set_value(socket.c_str());
}

void set_source(pugi::xml_node node, const std::string& path, const std::string& socket) {
    const bool block = path.starts_with("/dev/");
    const char* const by = !socket.empty() ? "name" : block ? "dev" : "file";
    set_attribute(node, "type", !socket.empty() ? "network" : block ? "block" : "file");
    auto source = node.child("source");
    if (!path.empty() && source.attribute(by).value() == path &&
        source.child("host").attribute("socket").value() == socket)
        return;
    node.remove_child("source");
    node.remove_child("backingStore");
    if (path.empty()) return;
    source = node.insert_child_after("source", node.child("driver"));
    if (!socket.empty())
        name_server(source, path, socket);
    else
        source.append_attribute(by).set_value(path.c_str());
}

namespace {

// What libvirt has no name for, and what QEMU keeps no memory beside when it opens it by itself.
constexpr std::array<std::string_view, 2> served_formats{"vhdx", "vpc"};
constexpr std::string_view socket_ending = ".sock";

std::string served_as(pugi::xml_node disk) {
    const auto source = disk.child("source");
    const bool nbd = std::string_view(source.attribute("protocol").value()) == "nbd";
    return nbd ? served_format(source.child("host").attribute("socket").value()) : "";
}

}  // namespace

std::string served_format(std::string_view socket) {
    for (const auto format : served_formats)
        if (socket.ends_with("." + std::string(format) + std::string(socket_ending)))
            return std::string(format);
    return {};
}

bool is_served(pugi::xml_node disk) {
    return !served_as(disk).empty();
}

bool stands_on_served(pugi::xml_node disk) {
    for (auto below = disk.child("backingStore"); below; below = below.child("backingStore"))
        if (is_served(below)) return true;
    return false;
}

std::string format_of(pugi::xml_node disk) {
    const auto served = served_as(disk);
    return served.empty() ? disk.child("driver").attribute("type").as_string("raw") : served;
}

std::string disk_socket(const DomainOptions& options, std::string_view uuid, const Disk& disk) {
    if (disk.path.empty() || disk.device != DiskDevice::disk) return {};
    if (disk.format == "vpc" && disk.path.starts_with("/dev/")) return {};  // libvirt opens it
    return disk_socket(options, uuid, target_name(slot_of(disk)), disk.format);
}

std::string disk_socket(const DomainOptions& options, std::string_view uuid, const std::string& target,
                        const std::string& format) {
    const bool known =
        std::find(served_formats.begin(), served_formats.end(), format) != served_formats.end();
    if (options.disk_server_dir.empty() || !known) return {};
    return options.disk_server_dir + "/" + to_lower(uuid) + "-" + target + "." + format +
           std::string(socket_ending);
}

void fill_disk(pugi::xml_node node, const Disk& disk, const std::string& socket) {
    const Slot slot = slot_of(disk);
    const bool fresh = !node.child("target");
    if (fresh) set_attribute(node, "device", name_of(disk_device_names, disk.device));
    auto driver = child(node, "driver");
    set_attribute(driver, "name", "qemu");
    set_attribute(driver, "type", disk.format.empty() || !socket.empty() ? "raw" : disk.format);
    if (fresh && disk.device == DiskDevice::disk) set_attribute(driver, "discard", "unmap");
    set_source(node, disk.path, socket);
    auto target = child(node, "target");
    if (fresh) {
        set_attribute(target, "dev", target_name(slot));
        set_attribute(target, "bus", name_of(bus_names, slot.bus));
    }
    if (disk.iops_limit)
        set_text(child(node, "iotune"), "total_iops_sec", std::to_string(*disk.iops_limit));
    else if (auto tune = node.child("iotune")) {
        tune.remove_child("total_iops_sec");
        if (!tune.first_child()) node.remove_child(tune);
    }
    set_text(node, "serial", disk.serial);
    node.remove_child("readonly");
    node.remove_child("shareable");
    if (disk.read_only || disk.device == DiskDevice::cdrom) node.append_child("readonly");
    if (disk.shareable) node.append_child("shareable");
    if (fresh && slot.bus != Bus::virtio) {
        auto address = node.append_child("address");
        address.append_attribute("type").set_value("drive");
        address.append_attribute("controller").set_value(slot.bus == Bus::ide ? 0 : slot.controller);
        address.append_attribute("bus").set_value(slot.bus == Bus::ide ? slot.controller : 0);
        address.append_attribute("target").set_value(0);
        address.append_attribute("unit").set_value(slot.unit);
    }
}

namespace {

// A port that is plugged into nothing is still a device in the guest: user networking with the link down.
void plug_nic(pugi::xml_node node, const Nic& nic) {
    const NicLink link = nic.link == NicLink::none ? NicLink::user : nic.link;
    const std::string type = name_of(nic_link_names, link);
    if (node.attribute("type").value() != type) {
        set_attribute(node, "type", type);
        for (const char* gone : {"source", "target", "virtualport", "backend", "portForward"})
            node.remove_child(gone);
    }
    if (link == NicLink::bridge) set_attribute(child(node, "source"), "bridge", nic.source);
    if (link == NicLink::network) set_attribute(child(node, "source"), "network", nic.source);
}

}  // namespace

void fill_nic(pugi::xml_node node, const Nic& nic, const Nic* was) {
    const bool other_plug = !was || was->link != nic.link || was->source != nic.source;
    if (other_plug) plug_nic(node, nic);
    set_attribute(child(node, "mac"), "address", nic.mac);
    if (!was || was->model != nic.model)
        set_attribute(child(node, "model"), "type", name_of(nic_model_names, nic.model));
    if (!other_plug && was->link_up == nic.link_up) return;
    NicLink kind{};
    const bool by_others = !value_of(nic_link_names, node.attribute("type").value(), kind);
    if (nic.link_up && (nic.link != NicLink::none || by_others))
        node.remove_child("link");
    else
        set_attribute(child(node, "link"), "state", "down");
}

void fill_scsi_controller(pugi::xml_node node, unsigned index) {
    set_attribute(node, "type", "scsi");
    set_attribute(node, "index", std::to_string(index));
    if (!node.attribute("model")) set_attribute(node, "model", "virtio-scsi");
}

void write_devices(pugi::xml_node devices, const MachineSpec& spec, const DomainOptions& options, bool fresh,
                   const MachineSpec* before) {
    if (fresh) write_fixed(devices, spec, options);
    write_controllers(devices, spec);
    write_disks(devices, spec, options);
    write_nics(devices, spec, before);
    write_serials(devices, spec, before);
    write_display(devices, spec, before);
    write_boot_order(devices, spec);
}

std::string disk_xml(const Disk& disk, const std::string& socket) {
    pugi::xml_document doc;
    auto node = doc.append_child("disk");
    fill_disk(node, disk, socket);
    return to_text(node);
}

std::string nic_xml(const Nic& nic) {
    pugi::xml_document doc;
    auto node = doc.append_child("interface");
    fill_nic(node, nic);
    return to_text(node);
}

std::string controller_xml(const Controller& controller) {
    pugi::xml_document doc;
    auto node = doc.append_child("controller");
    fill_scsi_controller(node, controller.index);
    return to_text(node);
}

}  // namespace wsvirt::backend::libvirt
