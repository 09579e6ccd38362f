// Helpers on pugixml nodes shared by the domain reader and writer; private to backend/libvirt.
#pragma once

#include <algorithm>
#include <optional>
#include <pugixml.hpp>
#include <string>

#include "backend/machine.hpp"

namespace wsvirt::backend::libvirt {

// Where a drive sits. For IDE: controller is the channel.
struct Slot {
    Bus bus = Bus::scsi;
    unsigned controller = 0, unit = 0;
    bool operator==(const Slot&) const = default;
};

Slot slot_of(const Disk& disk);                    // IDE units 2 and 3 of controller 0 folded to channel 1
std::optional<Slot> slot_of(pugi::xml_node disk);  // from <address>, else from the target's name
std::string target_name(const Slot& slot);         // "hda", "sdb", "fda", "vdaa"

pugi::xml_node child(pugi::xml_node parent, const char* name);                        // found or appended
void set_text(pugi::xml_node parent, const char* name, const std::string& text);      // "" removes the child
void set_attribute(pugi::xml_node node, const char* name, const std::string& value);  // "" removes it
std::string to_text(const pugi::xml_node& node);

// A definition that stands inside something else.
struct ReadDomain read_domain(pugi::xml_node domain);

// Devices; each fills one element in place.
void fill_disk(pugi::xml_node node, const Disk& disk, const std::string& socket);
bool is_served(pugi::xml_node disk);         // an NBD export of ours, named like the image's path
bool stands_on_served(pugi::xml_node disk);  // as it was told
std::string format_of(pugi::xml_node disk);  // of the image, also where libvirt sees only what is served
// What the medium is: a file, or where it is served; nothing when it is that already.
void set_source(pugi::xml_node disk, const std::string& path, const std::string& socket);
void name_server(pugi::xml_node source, const std::string& path, const std::string& socket);
// was: what read_domain() makes of the element; only what differs from it is written.
void fill_nic(pugi::xml_node node, const Nic& nic, const Nic* was = nullptr);
void fill_scsi_controller(pugi::xml_node node, unsigned index);
void write_devices(pugi::xml_node devices, const MachineSpec& spec, const struct DomainOptions& options,
                   bool fresh, const MachineSpec* before);

// The channel of QEMU's guest agent, as the guest calls it.
inline constexpr const char* agent_channel = "org.qemu.guest_agent.0";

// What <title> and <description> hold for these settings.
std::string title_for(const MachineSpec& spec);
std::string description_for(const MachineSpec& spec);
// The size that <memory> gets, in KiB.
std::uint64_t memory_kib_for(const MachineSpec& spec);
// A processor's limit in <cputune>; libvirt takes no quota below 1000.
inline constexpr long long cpu_period_us = 100'000;
inline long long cpu_quota_us(unsigned permille) {
    return std::max(1000LL, cpu_period_us / 1000 * permille);
}

}  // namespace wsvirt::backend::libvirt
