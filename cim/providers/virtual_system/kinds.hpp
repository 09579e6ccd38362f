// The kinds of resource settings that a virtual system is made of, and what is constant about each: numbers,
// names, the class that describes it, the fixed part of its InstanceID. The one place that a new kind of
// device is entered. Read-only tables; no threads, no errors but the look-up's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "cim/model/instance.hpp"

namespace wsvirt::cim::vs {

inline constexpr std::string_view virtualization_namespace = "root/virtualization/v2";
inline constexpr std::string_view version_1_namespace = "root/virtualization";

enum class Kind : std::uint8_t {
    processor,
    memory,
    ide_controller,
    scsi_controller,
    disk_drive,  // a drive for virtual hard disks
    dvd_drive,
    diskette_drive,
    physical_drive,  // pass-through of a host's disk: offered as a template only
    hard_disk,       // the medium in a drive
    dvd_disk,
    floppy_disk,
    synthetic_nic,
    emulated_nic,
    connection,  // what a network port is plugged into
    serial_port,
    display,
    keyboard,
    mouse,
    shutdown,
    time_sync,
    heartbeat,
    kvp,
    vss,
    guest_service,
};
inline constexpr std::size_t kind_count = 24;

struct KindInfo {
    Kind kind;
    std::uint16_t resource_type;
    std::string_view sub_type;    // ResourceSubType; "" = NULL
    std::string_view other_type;  // OtherResourceType; "" = NULL
    std::string_view class_name;
    std::string_view caption;  // also the default ElementName
    std::string_view description;
    std::string_view device;       // fixed device data of the InstanceID; "" where each device has its own
    std::string_view template_id;  // GUID in "Microsoft:Definition\<GUID>\Default"
    std::string_view units;        // AllocationUnits
};

std::span<const KindInfo> kinds();
const KindInfo& info(Kind k);
bool is_drive(Kind k);      // disk, DVD and diskette drives
bool is_medium(Kind k);     // what lies in them
bool is_component(Kind k);  // integration components
bool is_nic(Kind k);

// What kind of resource an embedded setting speaks of: by ResourceType and ResourceSubType (or
// OtherResourceType), because clients use one class name for everything; by class where they are left out.
// Errors: missing_value, invalid_parameter, not_supported (a kind that exists but is not offered here).
Result<Kind> kind_of(const Instance& setting);

}  // namespace wsvirt::cim::vs
