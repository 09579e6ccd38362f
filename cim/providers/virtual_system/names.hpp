// How virtual systems, their settings and devices are called: InstanceIDs and object path texts exactly as
// Hyper-V forms them, and the way back from whatever a client sends as a reference. GUIDs are upper case.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cim/model/object_path.hpp"

namespace wsvirt::cim::vs {

// "Microsoft:<guid>", "Microsoft:<guid>\<device data>"
std::string setting_id(std::string_view guid);
std::string setting_id(std::string_view guid, std::string_view device);

// A setting's InstanceID taken apart; nullopt when it is none ("Microsoft:Definition\..." is none).
struct SettingId {
    std::string guid;    // of the VirtualSystemSettingData it belongs to, upper case
    std::string device;  // "" for the system settings themselves
};
std::optional<SettingId> parse_setting_id(std::string_view instance_id);

// \\HOST\root\virtualization\v2:Class.InstanceID="..." as clients expect it in Parent and HostResource.
std::string setting_path_text(std::string_view host, std::string_view class_name,
                              std::string_view instance_id);
// ...:Class.CreationClassName="Class",Name="..."
std::string system_path_text(std::string_view host, std::string_view class_name, std::string_view name);

ObjectPath setting_path(std::string_view class_name, std::string_view instance_id);
ObjectPath system_path(std::string_view class_name, std::string_view name);
// A service on the host: the four keys of CIM_Service.
ObjectPath service_path(std::string_view host, std::string_view class_name, std::string_view name);
// A device of a system: the four keys of CIM_LogicalDevice.
ObjectPath device_path(std::string_view class_name, std::string_view system, std::string_view device_id);
ObjectPath job_path(std::string_view class_name, std::string_view id);

// "{guid}", "guid", "GUID" → upper case without braces; nullopt when it is no GUID.
std::optional<std::string> clean_guid(std::string_view text);

// The virtual system that a reference means, whether it points at the system, at its settings or at one of
// their devices: the GUID of the system or of the settings. "" when it means none (the host, a job ...).
std::string system_guid_of(const ObjectPath& p);
// What a Parent or HostResource text refers to: its InstanceID, from a path text or given bare.
std::string instance_id_of(std::string_view path_text);

}  // namespace wsvirt::cim::vs
