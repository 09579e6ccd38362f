// The devices of a machine as the model lists them: which elements a MachineSpec has, what each is called,
// and where its data and its kept properties are. Some are always there although QEMU has nothing for them
// (COM ports, the diskette drive of generation 1, integration components); those have no entry in the spec
// until a client changes them.
//
// Kept properties: what a client may set and libvirt has no place for lies in an attribute map under
// "<prefix><Property>". The prefixes: machine attributes "System.", "Processor.", "Memory."; a disk's
// attributes
// "" for the drive and "Medium." for what is in it; a network port's "" and "Connection."; all others "".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/machine.hpp"
#include "cim/providers/virtual_system/kinds.hpp"

namespace wsvirt::cim::vs {

struct Element {
    Kind kind = Kind::processor;
    unsigned index = 0;  // in the spec's list of such devices; IDE controller: 0 or 1; COM: port number
};

inline constexpr unsigned ide_slots = 2, scsi_slots = 64, max_scsi_controllers = 4, com_ports = 2;
inline constexpr std::string_view system_prefix = "System.", processor_prefix = "Processor.",
                                  memory_prefix = "Memory.", medium_prefix = "Medium.",
                                  connection_prefix = "Connection.";
// Marks a connection that is plugged into nothing: it exists, with an empty HostResource.
inline constexpr std::string_view connection_present = "Connection.Present";

inline bool generation_2(const backend::MachineSpec& s) {
    return s.firmware == backend::Firmware::uefi;
}

// All elements, controllers before drives before media, as clients want to see them.
std::vector<Element> elements(const backend::MachineSpec& s);
// Those of one kind; for loops over one class.
void append_elements(const backend::MachineSpec& s, Kind k, std::vector<Element>& out);

// What follows "Microsoft:<GUID>\" in the InstanceID.
std::string device_data(const backend::MachineSpec& s, const Element& e);
std::optional<Element> find_element(const backend::MachineSpec& s, std::string_view device);

// The element that Parent names: the controller of a drive, the drive of a medium, the port of a connection.
std::optional<Element> parent_of(const backend::MachineSpec& s, const Element& e);

// The drive kind of a disk entry, and the kind of medium that fits into it.
Kind drive_kind(const backend::Disk& d);
Kind medium_kind(const backend::Disk& d);
// Takes the medium out, with its settings and what is noted about its file.
void empty_drive(backend::Disk& d);
const backend::Disk* floppy_of(const backend::MachineSpec& s);
const backend::SerialPort* serial_of(const backend::MachineSpec& s, unsigned port);
bool has_connection(const backend::Nic& n);

// Where an element's kept properties are; null when it has none yet.
struct KeptIn {
    const backend::Attributes* map = nullptr;
    std::string_view prefix;
};
KeptIn kept_in(const backend::MachineSpec& s, const Element& e);
// For writing: makes the entry of an always-there element.
struct KeepIn {
    backend::Attributes* map = nullptr;
    std::string_view prefix;
};
KeepIn keep_in(backend::MachineSpec& s, const Element& e);

}  // namespace wsvirt::cim::vs
