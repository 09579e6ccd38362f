// Names every field of MachineSpec once, for both directions of spec_xml: an archive is called with the name
// and a reference to the field. Private to backend/libvirt.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "backend/machine.hpp"

namespace wsvirt::backend::libvirt {

template <class E, std::size_t N>
using Names = std::array<std::pair<E, const char*>, N>;

inline constexpr Names<Firmware, 2> firmware_names{{{Firmware::bios, "bios"}, {Firmware::uefi, "uefi"}}};
inline constexpr Names<Bus, 5> bus_names{{{Bus::ide, "ide"},
                                          {Bus::sata, "sata"},
                                          {Bus::scsi, "scsi"},
                                          {Bus::virtio, "virtio"},
                                          {Bus::fdc, "fdc"}}};
inline constexpr Names<DiskDevice, 3> disk_device_names{
    {{DiskDevice::disk, "disk"}, {DiskDevice::cdrom, "cdrom"}, {DiskDevice::floppy, "floppy"}}};
inline constexpr Names<NicModel, 3> nic_model_names{
    {{NicModel::virtio, "virtio"}, {NicModel::e1000, "e1000"}, {NicModel::rtl8139, "rtl8139"}}};
inline constexpr Names<NicLink, 4> nic_link_names{{{NicLink::none, "none"},
                                                   {NicLink::user, "user"},
                                                   {NicLink::bridge, "bridge"},
                                                   {NicLink::network, "network"}}};
inline constexpr Names<SerialPort::Kind, 4> serial_names{{{SerialPort::Kind::none, "none"},
                                                          {SerialPort::Kind::pipe_server, "pipe"},
                                                          {SerialPort::Kind::file, "file"},
                                                          {SerialPort::Kind::pty, "pty"}}};
inline constexpr Names<Display::Kind, 2> display_names{
    {{Display::Kind::none, "none"}, {Display::Kind::vnc, "vnc"}}};
inline constexpr Names<BootDevice, 4> boot_names{{{BootDevice::floppy, "fd"},
                                                  {BootDevice::cdrom, "cdrom"},
                                                  {BootDevice::disk, "hd"},
                                                  {BootDevice::network, "network"}}};

template <class E, std::size_t N>
const char* name_of(const Names<E, N>& names, E value) {
    for (const auto& [v, n] : names)
        if (v == value) return n;
    return names[0].second;
}

template <class E, std::size_t N>
bool value_of(const Names<E, N>& names, std::string_view name, E& value) {
    for (const auto& [v, n] : names)
        if (name == n) {
            value = v;
            return true;
        }
    return false;
}

template <class A, class T>
void fields(A& a, T& x) requires std::is_same_v<std::remove_const_t<T>, Controller> {
    a.text("id", x.id);
    a.choice("bus", x.bus, bus_names);
    a.number("index", x.index);
    a.attributes(x.attributes);
}

template <class A, class T>
void fields(A& a, T& x) requires std::is_same_v<std::remove_const_t<T>, Disk> {
    a.text("id", x.id);
    a.choice("device", x.device, disk_device_names);
    a.choice("bus", x.bus, bus_names);
    a.number("controller", x.controller);
    a.number("unit", x.unit);
    a.text("path", x.path);
    a.text("format", x.format);
    a.flag("read_only", x.read_only);
    a.flag("shareable", x.shareable);
    a.optional("iops_limit", x.iops_limit);
    a.optional("iops_reservation", x.iops_reservation);
    a.text("serial", x.serial);
    a.attributes(x.attributes);
}

template <class A, class T>
void fields(A& a, T& x) requires std::is_same_v<std::remove_const_t<T>, Nic> {
    a.text("id", x.id);
    a.choice("model", x.model, nic_model_names);
    a.text("mac", x.mac);
    a.choice("link", x.link, nic_link_names);
    a.text("source", x.source);
    a.flag("link_up", x.link_up);
    a.attributes(x.attributes);
}

template <class A, class T>
void fields(A& a, T& x) requires std::is_same_v<std::remove_const_t<T>, SerialPort> {
    a.text("id", x.id);
    a.number("port", x.port);
    a.choice("kind", x.kind, serial_names);
    a.text("path", x.path);
    a.attributes(x.attributes);
}

template <class A, class T>
void fields(A& a, T& x) requires std::is_same_v<std::remove_const_t<T>, Display> {
    a.text("id", x.id);
    a.choice("kind", x.kind, display_names);
    a.number("video_ram_kib", x.video_ram_kib);
    a.attributes(x.attributes);
}

template <class A, class T>
void fields(A& a, T& x) requires std::is_same_v<std::remove_const_t<T>, OtherDevice> {
    a.text("id", x.id);
    a.text("kind", x.kind);
    a.attributes(x.attributes);
}

template <class A, class T>
void fields(A& a, T& x) requires std::is_same_v<std::remove_const_t<T>, MachineSpec> {
    a.text("uuid", x.uuid);
    a.text("name", x.name);
    a.choice("firmware", x.firmware, firmware_names);
    a.flag("secure_boot", x.secure_boot);
    a.number("processors", x.processors);
    a.number("memory_mib", x.memory_mib);
    a.number("memory_max_mib", x.memory_max_mib);
    a.number("memory_min_mib", x.memory_min_mib);
    a.flag("dynamic_memory", x.dynamic_memory);
    a.optional("cpu_limit_permille", x.cpu_limit_permille);
    a.optional("cpu_weight", x.cpu_weight);
    a.flag("nested_virtualization", x.nested_virtualization);
    a.flag("autostart", x.autostart);
    a.text("serial_number", x.serial_number);
    a.text("asset_tag", x.asset_tag);
    a.text("board_serial", x.board_serial);
    a.text("chassis_serial", x.chassis_serial);
    a.text("bios_uuid", x.bios_uuid);
    a.text("description", x.description);
    a.attributes(x.attributes);
    a.list("controller", x.controllers);
    a.list("disk", x.disks);
    a.list("nic", x.nics);
    a.list("serial", x.serial_ports);
    a.list("display", x.displays);
    a.list("other", x.others);
    a.choices("boot", x.boot_order, boot_names);
    a.texts("boot_device", x.boot_devices);
}

}  // namespace wsvirt::backend::libvirt
