// What a virtual machine is, in the words of libvirt and QEMU. Plain values; the libvirt room turns them into
// domain XML and back. `attributes` on a machine or a device carry what the layer above must keep but libvirt
// has no place for; they are stored in the domain's <metadata> and so travel with the machine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wsvirt::backend {

using Attributes = std::map<std::string, std::string>;

enum class Firmware : std::uint8_t { bios, uefi };
enum class Bus : std::uint8_t { ide, sata, scsi, virtio, fdc };
enum class DiskDevice : std::uint8_t { disk, cdrom, floppy };

struct Controller {
    std::string id;  // GUID or other stable id given by the layer above; kept in metadata
    Bus bus = Bus::scsi;
    unsigned index = 0;
    Attributes attributes;
    bool operator==(const Controller&) const = default;
};

// A drive, with or without a medium. id: stable id of the drive.
struct Disk {
    std::string id;
    DiskDevice device = DiskDevice::disk;
    Bus bus = Bus::scsi;
    unsigned controller = 0;  // index of the controller on that bus
    unsigned unit = 0;   // IDE: 0..3 is bus*2+unit flattened as libvirt's <address bus unit>: see domain_xml
    std::string path;    // "" = empty drive
    std::string format;  // "qcow2", "raw", "vpc", "vhdx"; "" = detect with qemu-img when defined
    bool read_only = false;
    bool shareable = false;
    std::optional<std::uint64_t> iops_limit, iops_reservation;
    std::string serial;
    Attributes attributes;
    bool operator==(const Disk&) const = default;
};

enum class NicModel : std::uint8_t { virtio, e1000, rtl8139 };
enum class NicLink : std::uint8_t { none, user, bridge, network };  // what it is plugged into

struct Nic {
    std::string id;
    NicModel model = NicModel::virtio;
    std::string mac;  // "52:54:00:aa:bb:cc"; "" = made when defined
    NicLink link = NicLink::none;
    std::string source;  // name of the bridge or libvirt network
    bool link_up = true;
    Attributes attributes;
    bool operator==(const Nic&) const = default;
};

struct SerialPort {
    std::string id;
    unsigned port = 0;
    enum class Kind : std::uint8_t { none, pipe_server, file, pty } kind = Kind::none;
    std::string path;  // unix socket or file
    Attributes attributes;
    bool operator==(const SerialPort&) const = default;
};

struct Display {
    std::string id;
    enum class Kind : std::uint8_t { none, vnc } kind = Kind::vnc;
    unsigned video_ram_kib = 16384;
    Attributes attributes;
    bool operator==(const Display&) const = default;
};

// Anything that libvirt has no device for but the layer above lists as a device (integration components,
// mouse).
struct OtherDevice {
    std::string id;
    std::string kind;
    Attributes attributes;
    bool operator==(const OtherDevice&) const = default;
};

enum class BootDevice : std::uint8_t { floppy, cdrom, disk, network };

struct MachineSpec {
    std::string uuid;  // upper case
    std::string name;  // display name, any text; NOT unique; the libvirt domain name is derived from the uuid
    Firmware firmware = Firmware::bios;  // bios: i440fx machine; uefi: q35 with OVMF
    bool secure_boot = false;
    unsigned processors = 1;
    std::uint64_t memory_mib = 1024;      // at start
    std::uint64_t memory_max_mib = 1024;  // balloon may grow to this
    std::uint64_t memory_min_mib = 1024;  // kept; QEMU's balloon goes down to it
    bool dynamic_memory = false;
    std::optional<unsigned>
        cpu_limit_permille;  // of one processor per virtual processor; cgroup quota where available
    std::optional<unsigned> cpu_weight;  // shares
    bool nested_virtualization = false;
    std::vector<Controller> controllers;
    std::vector<Disk> disks;
    std::vector<Nic> nics;
    std::vector<SerialPort> serial_ports;
    std::vector<Display> displays;
    std::vector<OtherDevice> others;
    std::vector<BootDevice> boot_order;     // bios
    std::vector<std::string> boot_devices;  // uefi: ids of disks and nics in order
    bool autostart = false;
    std::string serial_number, asset_tag, board_serial, chassis_serial, bios_uuid;
    std::string description;  // free text
    Attributes attributes;
    bool operator==(const MachineSpec&) const = default;
};

enum class MachineState : std::uint8_t {
    off,
    starting,
    running,
    pausing,
    paused,
    stopping,
    saving,
    saved,
    crashed
};

// Key in SnapshotInfo.spec.attributes under which the display name of SnapshotRequest is kept.
inline constexpr std::string_view snapshot_name = "snapshot.name";

// What begins with "Snapshot.", without case, is said of one snapshot, and never of a machine or of the next
// snapshot.
void erase_snapshot_notes(Attributes& attributes);

// What a MachineSpec has no word for, by names that a person would look for; "" = none.
struct UnknownDevices {
    std::string disks;        // hard disks
    std::string devices;      // and settings, which memory cannot do without
    std::string connections;  // the rest: what adapters lead to, how it is run ...
};
// All of them.
std::string names_of(const UnknownDevices& unknown);

struct SnapshotInfo {
    std::string id;      // GUID, upper case; also the libvirt snapshot name, unless others gave it one:
    std::string name;    // then that, by which the disks know it; else ""
    std::string parent;  // id of the parent snapshot or ""
    std::int64_t created_us = 0;
    bool has_memory = false;
    bool external = false;   // its disks are files of their own, the ones that its spec names
    bool current = false;    // the machine's disks stand on this snapshot
    std::string nvram_file;  // copy of the variables of its UEFI firmware; "" = none
    std::string
        memory_file;  // memory in a file of its own, as libvirt saves it; "" = inside the disks, or none
    UnknownDevices unknown;
    MachineSpec
        spec;  // settings at that moment; its attributes also hold what SnapshotRequest brought (name,
               // notes, type of the layer above). Reverting gives the machine its own attributes back.
};

// The id of a snapshot that is called this inside the machine's disks.
std::string snapshot_id(std::string_view machine, std::string_view name);

// A machine as last seen. Immutable once published; shared.
struct Machine {
    MachineSpec spec;
    MachineState state = MachineState::off;
    std::string state_reason;  // libvirt's words
    int id = -1;               // libvirt domain id while it runs
    std::optional<int> pid;    // of QEMU, where it can be known
    std::int64_t state_since_us = 0, config_changed_us = 0, created_us = 0, started_us = 0;  // unix time
    bool persistent = true;
    bool has_saved_state = false;
    bool agent_connected = false;
    std::vector<SnapshotInfo> snapshots;
    std::string nvram_file;  // with the variables of its UEFI firmware; QEMU writes it. "" = none
    UnknownDevices unknown;
    std::string host;  // name of the host it is on ("" = local)
};

}  // namespace wsvirt::backend
