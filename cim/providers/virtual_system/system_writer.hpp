// Turns configurations into Msvm_VirtualSystemSettingData. Made once per enumeration or look-up, as
// ElementWriter; immutable after construction.
#pragma once

#include <array>

#include "cim/providers/virtual_system/configurations.hpp"

namespace wsvirt::cim::vs {

class SystemWriter {
  public:
    SystemWriter(const Services& services, ClassPtr cls);
    Instance write(const Configuration& c) const;

  private:
    enum P : std::size_t {
        InstanceID,
        Description,
        ElementName,
        VirtualSystemIdentifier,
        VirtualSystemType,
        Notes,
        CreationTime,
        ConfigurationID,
        AutomaticStartupAction,
        BIOSGUID,
        BIOSSerialNumber,
        BaseBoardSerialNumber,
        ChassisSerialNumber,
        ChassisAssetTag,
        BootOrder,
        Parent,
        IsSaved,
        VirtualSystemSubType,
        BootSourceOrder,
        SecureBootEnabled,
        property_count
    };
    void put(Instance& i, P p, Value v) const;
    void identity(const Configuration& c, Instance& i) const;
    void firmware(const Configuration& c, Instance& i) const;

    std::string host_;
    Instance prototype_;
    std::array<int, property_count> slots_{};
};

std::string_view system_type(const Configuration& c);  // VirtualSystemType
// The display name: of the system, or of the snapshot.
std::string element_name(const Configuration& c);
std::vector<std::string> notes_of(const Configuration& c);
std::string description_of(const std::vector<std::string>& notes);  // how the machine layer has them
// Description, which says no more than what the settings are of.
std::string_view standard_description(bool of_snapshot);
// GUIDs in braces, as BIOSGUID is written.
std::string braced(std::string_view guid);
// InstanceID and device data of the boot source of a disk or port: that of the device, one level deeper.
std::vector<std::string> bootable_devices(const backend::MachineSpec& s);  // ids of disks and ports
std::string boot_source_device(const backend::MachineSpec& s, std::string_view device_id);

}  // namespace wsvirt::cim::vs
