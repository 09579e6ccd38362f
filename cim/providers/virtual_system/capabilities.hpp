// InstanceIDs of the capabilities that exist once, of the settings that those of the management service lead
// to, and the name limit they speak of.
#pragma once

#include <array>
#include <string_view>

namespace wsvirt::cim::vs {

inline constexpr std::string_view system_capabilities_id = "Microsoft:VirtualSystemCapabilities";
inline constexpr std::string_view management_capabilities_id =
    "Microsoft:VirtualSystemManagementCapabilities";
// What a new virtual system has, to copy, and what SecureBootTemplateId may be.
inline constexpr std::string_view new_system_id = R"(Microsoft:Definition\VirtualSystem\Default)";
struct BootTemplate {  // the Hyper-V module puts the instance_id together from the id
    std::string_view instance_id, name, id;
};
inline constexpr std::array<BootTemplate, 3> boot_templates{{
    {R"(Microsoft:Definition\VirtualSystem\SecureBootTemplateId\1734c6e8-3154-4dda-ba5f-a874cc483422)",
     "MicrosoftWindows", "1734c6e8-3154-4dda-ba5f-a874cc483422"},
    {R"(Microsoft:Definition\VirtualSystem\SecureBootTemplateId\272e7447-90a4-4563-a4b9-8e4ab00526ce)",
     "MicrosoftUEFICertificateAuthority", "272e7447-90a4-4563-a4b9-8e4ab00526ce"},
    {R"(Microsoft:Definition\VirtualSystem\SecureBootTemplateId\4292ae2b-ee2c-42b5-a969-dd8f8689f6f3)",
     "OpenSourceShieldedVM", "4292ae2b-ee2c-42b5-a969-dd8f8689f6f3"},
}};
inline constexpr unsigned longest_element_name = 100;  // characters

}  // namespace wsvirt::cim::vs
