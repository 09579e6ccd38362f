#include "cim/providers/virtual_system/kinds.hpp"

#include <array>

#include "base/text.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::string_view rasd = "Msvm_ResourceAllocationSettingData";
constexpr std::string_view sasd = "Msvm_StorageAllocationSettingData";

constexpr std::array<KindInfo, kind_count> table{{
    {Kind::processor, 3, "Microsoft:Hyper-V:Processor", "", "Msvm_ProcessorSettingData", "Processor",
     "Settings for the virtual processors", R"(B637F346-6A0E-4DEC-AF52-BD70CB80A21D\0)",
     "B637F347-6A0E-4DEC-AF52-BD70CB80A21D", "percent / 1000"},
    {Kind::memory, 4, "Microsoft:Hyper-V:Memory", "", "Msvm_MemorySettingData", "Memory",
     "Settings for the memory", "4764334D-E001-4176-82EE-5594EC9B530E",
     "4764334E-E001-4176-82EE-5594EC9B530E", "byte * 2^20"},
    {Kind::ide_controller, 5, "Microsoft:Hyper-V:Emulated IDE Controller", "", rasd, "IDE Controller",
     "Settings for an IDE controller", "83F8638B-8DCA-4152-9EDA-2CA8B33039B4",
     "0F64D8B4-6E2C-4C4D-8E4B-2D05D1B60F31", "count"},
    {Kind::scsi_controller, 6, "Microsoft:Hyper-V:Synthetic SCSI Controller", "", rasd, "SCSI Controller",
     "Settings for a SCSI controller", "", "CFC04D54-84FB-4C5F-A5DB-DDE8F5E2C9E6", "count"},
    {Kind::disk_drive, 17, "Microsoft:Hyper-V:Synthetic Disk Drive", "", rasd, "Hard Drive",
     "Settings for a hard disk drive", "", "6F6F2A2D-36B6-4A5D-9A4C-6E1A2C1F7D10", "count"},
    {Kind::dvd_drive, 16, "Microsoft:Hyper-V:Synthetic DVD Drive", "", rasd, "DVD Drive",
     "Settings for a DVD drive", "", "57CC5C6B-5D0C-4E0A-8C1B-9C1E6D0B6A52", "count"},
    {Kind::diskette_drive, 14, "Microsoft:Hyper-V:Synthetic Diskette Drive", "", rasd, "Diskette Drive",
     "Settings for the diskette drive", R"(8F0D2762-0B00-4E04-AF4F-19010527CB93\0\0\D)",
     "8F0D2763-0B00-4E04-AF4F-19010527CB93", "count"},
    {Kind::physical_drive, 17, "Microsoft:Hyper-V:Physical Disk Drive", "", rasd, "Physical Hard Drive",
     "Settings for a disk of the host", "", "3B8A5B5F-7A6B-4C7E-9D63-0B5C8B0C2E11", "count"},
    {Kind::hard_disk, 31, "Microsoft:Hyper-V:Virtual Hard Disk", "", sasd, "Hard Disk Image",
     "Settings for a virtual hard disk", "", "70BB60D2-A9D3-46AA-B654-3DE53004B4F8", "count"},
    {Kind::dvd_disk, 31, "Microsoft:Hyper-V:Virtual CD/DVD Disk", "", sasd, "ISO Disk Image",
     "Settings for a CD or DVD image", "", "70BB60D3-A9D3-46AA-B654-3DE53004B4F8", "count"},
    {Kind::floppy_disk, 31, "Microsoft:Hyper-V:Virtual Floppy Disk", "", sasd, "Floppy Disk Image",
     "Settings for a floppy image", R"(8F0D2762-0B00-4E04-AF4F-19010527CB93\0\0\L)",
     "70BB60D4-A9D3-46AA-B654-3DE53004B4F8", "count"},
    {Kind::synthetic_nic, 10, "Microsoft:Hyper-V:Synthetic Ethernet Port", "",
     "Msvm_SyntheticEthernetPortSettingData", "Network Adapter", "Settings for a network adapter", "",
     "6A45335D-4C3A-44B7-B61F-C9808BBDF8ED", "count"},
    {Kind::emulated_nic, 10, "Microsoft:Hyper-V:Emulated Ethernet Port", "",
     "Msvm_EmulatedEthernetPortSettingData", "Legacy Network Adapter",
     "Settings for a legacy network adapter", "", "47E3C2C7-2BA3-4A55-A6A8-2A4B5E4E3E0B", "count"},
    {Kind::connection, 33, "Microsoft:Hyper-V:Ethernet Connection", "",
     "Msvm_EthernetPortAllocationSettingData", "Ethernet Switch Port Settings",
     "Ethernet Switch Port Settings", "", "72027ECE-E44A-446E-AF2B-8D8C4B8A2279", "count"},
    {Kind::serial_port, 21, "Microsoft:Hyper-V:Serial Port", "", "Msvm_SerialPortSettingData", "COM",
     "Settings for a serial port", "8E3A359F-559A-4B6A-98A9-1690A6100ED7",
     "8E3A35A0-559A-4B6A-98A9-1690A6100ED7", "count"},
    {Kind::display, 24, "Microsoft:Hyper-V:Synthetic Display Controller", "",
     "Msvm_SyntheticDisplayControllerSettingData", "Display Controller",
     "Settings for the display controller", "DA0A7802-E377-4AAC-8E77-0558EB1073F8",
     "DA0A7803-E377-4AAC-8E77-0558EB1073F8", "count"},
    {Kind::keyboard, 13, "Microsoft:Hyper-V:Synthetic Keyboard", "", rasd, "Keyboard",
     "Settings for the keyboard", "F912AD6D-2B17-48EA-BD65-F927A61C7684",
     "F912AD6E-2B17-48EA-BD65-F927A61C7684", "count"},
    {Kind::mouse, 13, "Microsoft:Hyper-V:Synthetic Mouse", "", rasd, "Mouse", "Settings for the mouse",
     "CFA8B69E-5B4A-4CC0-B98B-8BA1A1F3F95A", "CFA8B69F-5B4A-4CC0-B98B-8BA1A1F3F95A", "count"},
    {Kind::shutdown, 1, "", "Microsoft:Hyper-V:Shutdown Component", "Msvm_ShutdownComponentSettingData",
     "Shutdown", "Settings for the shutdown service", "9F8233AC-BE49-4C79-8EE3-E7E1985B2077",
     "9F8233AD-BE49-4C79-8EE3-E7E1985B2077", "count"},
    {Kind::time_sync, 1, "", "Microsoft:Hyper-V:Time Synchronization Component",
     "Msvm_TimeSyncComponentSettingData", "Time Synchronization", "Settings for the time service",
     "2497F4DE-E9FA-4204-80E4-4B75C46419C0", "2497F4DF-E9FA-4204-80E4-4B75C46419C0", "count"},
    {Kind::heartbeat, 1, "", "Microsoft Heartbeat Component", "Msvm_HeartbeatComponentSettingData",
     "Heartbeat", "Settings for the heartbeat service", "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47",
     "84EAAE66-2F2E-45F5-9BB5-0E857DC8EB47", "Integration Components"},
    {Kind::kvp, 1, "", "Microsoft:Hyper-V:Key-Value Pair Exchange Component",
     "Msvm_KvpExchangeComponentSettingData", "Key-Value Pair Exchange",
     "Settings for the key-value pair service", "2A34B1C2-FD73-4043-8A5B-DD2159BC743F",
     "2A34B1C3-FD73-4043-8A5B-DD2159BC743F", "count"},
    {Kind::vss, 1, "", "Microsoft:Hyper-V:VSS Component", "Msvm_VssComponentSettingData", "VSS",
     "Settings for the backup service", "5CED1297-4598-4915-A5FC-AD21BB4D02A4",
     "5CED1298-4598-4915-A5FC-AD21BB4D02A4", "count"},
    {Kind::guest_service, 1, "", "Microsoft:Hyper-V:Guest Service Interface Component",
     "Msvm_GuestServiceInterfaceComponentSettingData", "Guest Service Interface",
     "Settings for the guest service interface", "6C09BB55-D683-4DA0-8931-C9BF705F6480",
     "6C09BB56-D683-4DA0-8931-C9BF705F6480", "count"},
}};

// Kinds that the model knows and this host has nothing for.
constexpr std::array<std::string_view, 9> not_offered{
    "Microsoft:Hyper-V:Synthetic FibreChannel Port",
    "Microsoft:Hyper-V:Synthetic FiberChannel Port",
    "Microsoft:Hyper-V:FibreChannel Connection",
    "Microsoft:Hyper-V:S3 Display Controller",
    "Microsoft:Hyper-V:Synthetic 3D Display Controller",
    "Microsoft:Hyper-V:Virtual Pci Express Port",
    "Microsoft:Hyper-V:Persistent Memory Controller",
    "Microsoft:Hyper-V:Virtual Persistent Memory Device",
    "Microsoft:Hyper-V:Serial Controller",
};

Result<Kind> by_class(const Instance& setting) {
    const auto& name = setting.cls().name();
    const KindInfo* found = nullptr;
    for (const auto& k : table) {
        if (!iequals(k.class_name, name)) continue;
        if (found)
            return Error(
                Status::missing_value, "wsvirt.resource.sub_type_missing",
                "Give ResourceType and ResourceSubType: " + name + " alone does not say which device.",
                "ResourceSubType");
        found = &k;
    }
    if (found) return found->kind;
    return Error(Status::missing_value, "wsvirt.resource.type_missing",
                 "Give ResourceType and ResourceSubType: " + name + " does not say which device.",
                 "ResourceType");
}

}  // namespace

std::span<const KindInfo> kinds() {
    return table;
}

const KindInfo& info(Kind k) {
    return table[static_cast<std::size_t>(k)];
}

bool is_drive(Kind k) {
    return k == Kind::disk_drive || k == Kind::dvd_drive || k == Kind::diskette_drive;
}

bool is_medium(Kind k) {
    return k == Kind::hard_disk || k == Kind::dvd_disk || k == Kind::floppy_disk;
}

bool is_component(Kind k) {
    return k >= Kind::shutdown && k <= Kind::guest_service;
}

bool is_nic(Kind k) {
    return k == Kind::synthetic_nic || k == Kind::emulated_nic;
}

Result<Kind> kind_of(const Instance& setting) {
    const auto type = setting.get("ResourceType");
    const auto sub = setting.string("ResourceSubType");
    const auto other = setting.string("OtherResourceType");
    for (const auto& k : table) {
        bool named = false;
        if (!sub.empty())
            named = iequals(k.sub_type, sub);
        else if (!other.empty())
            named = iequals(k.other_type, other);
        if (!named) continue;
        if (!type.is_null() && type.uint_or(0) != k.resource_type)
            return Error(Status::invalid_parameter, "wsvirt.resource.type_mismatch",
                         "ResourceType and ResourceSubType contradict each other: " + std::string(k.caption) +
                             " has ResourceType " + std::to_string(k.resource_type) + ".",
                         "ResourceType");
        return k.kind;
    }
    for (auto name : not_offered)
        if (iequals(name, sub))
            return Error(Status::not_supported, "wsvirt.resource.not_offered",
                         "This host has no device of the kind " + sub + ".", "ResourceSubType");
    if (!sub.empty() || !other.empty())
        return Error(Status::invalid_parameter, "wsvirt.resource.unknown_kind",
                     "There is no resource of the kind \"" + (sub.empty() ? other : sub) + "\".",
                     sub.empty() ? "OtherResourceType" : "ResourceSubType");
    auto kind = by_class(setting);
    if (kind && !type.is_null() && type.uint_or(0) != info(*kind).resource_type)
        return Error(Status::invalid_parameter, "wsvirt.resource.type_mismatch",
                     "ResourceType does not fit the class " + setting.cls().name() + ".", "ResourceType");
    if (!kind && !type.is_null()) {  // a number that only one kind has is enough
        const KindInfo* only = nullptr;
        int n = 0;
        for (const auto& k : table)
            if (k.resource_type == type.uint_or(0)) only = &k, ++n;
        if (n == 1) return only->kind;
    }
    return kind;
}

}  // namespace wsvirt::cim::vs
