// InstanceIDs of the capabilities that exist once, and the name limit they speak of.
#pragma once

#include <string_view>

namespace wsvirt::cim::vs {

inline constexpr std::string_view system_capabilities_id = "Microsoft:VirtualSystemCapabilities";
inline constexpr std::string_view management_capabilities_id =
    "Microsoft:VirtualSystemManagementCapabilities";
inline constexpr unsigned longest_element_name = 100;  // characters

}  // namespace wsvirt::cim::vs
