// Domain XML from settings and back. Writing starts from the XML that a domain has already (or from an empty
// one) and changes only what the settings speak about, so that devices and options of domains made by others
// survive. Reading joins what libvirt says with what our element in <metadata> keeps: libvirt wins where it
// has a place for a value, so changes made with virsh are seen; the rest comes from the metadata.
// Memory is in MiB in MachineSpec and KiB in the XML. Pure functions, no libvirt calls, any thread.
//
// Slots: on i440fx the two IDE channels are controllers 0 and 1 with units 0 and 1 each (libvirt: one
// controller, bus 0..1); controller 0 with unit 2 or 3 means channel 1. SCSI units are LUNs 0..63 of a
// virtio-scsi controller. Floppies are units 0 and 1 of the one floppy controller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "backend/libvirt/spec_xml.hpp"
#include "backend/machine.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// Files of the UEFI firmware on the host; empty = not there.
struct FirmwareFiles {
    std::string code, vars;                // without secure boot
    std::string secure_code, secure_vars;  // with keys enrolled
};

struct DomainOptions {
    std::string domain_type = "qemu";  // "qemu" (TCG), "kvm", "test"
    std::string domain_name;           // "" = domain_name_for(uuid)
    std::string emulator;              // "" = libvirt's choice
    FirmwareFiles firmware;
    unsigned spare_pcie_ports = 4;  // q35: how many devices can be plugged in while it runs
    std::string disk_server_dir;    // for the sockets of disks that are served to QEMU; "" = none
};

std::string domain_name_for(std::string_view uuid);

// Problems that would make the XML wrong or libvirt's message unreadable, and firmware that this host lacks;
// checked before anything is defined.
Result<void> check_spec(const MachineSpec& spec, const DomainOptions& options);

// existing: the domain's inactive XML, or "" for a new one. Settings as such may be those of another host:
// whether this one has the firmware is for check_spec() to say.
Result<std::string> write_domain(const KeptSpec& kept, const DomainOptions& options,
                                 std::string_view existing = {});

struct ReadDomain {
    KeptSpec kept;
    std::string domain_name;
    std::string domain_type;
    bool ours = false;  // had our metadata
    UnknownDevices unknown;
};
Result<ReadDomain> read_domain(std::string_view xml);

// Where qemu-nbd serves such a disk of this machine to QEMU (see disk_servers.hpp); "" = libvirt opens the
// file.
std::string disk_socket(const DomainOptions& options, std::string_view uuid, const Disk& disk);
// The same for a file of this format, for whatever the target ("sda") stands on.
std::string disk_socket(const DomainOptions& options, std::string_view uuid, const std::string& target,
                        const std::string& format);
// What is served there, as its name says: "vhdx", "vpc"; "" = it is none of these sockets.
std::string served_format(std::string_view socket);

// The XML of one device as write_domain would write it, for hot plug. Target names follow the slot.
std::string disk_xml(const Disk& disk, const std::string& socket);
std::string nic_xml(const Nic& nic);
std::string controller_xml(const Controller& controller);

}  // namespace wsvirt::backend::libvirt
