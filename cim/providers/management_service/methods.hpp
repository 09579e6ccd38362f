// The methods of Msvm_VirtualSystemManagementService, one file per group. The provider's table is built from
// these tables.
#pragma once

#include "cim/providers/methods.hpp"

namespace wsvirt::cim::management_service {

MethodTable define_methods();    // DefineSystem, DestroySystem
MethodTable settings_methods();  // ModifySystemSettings, Add-, Modify- and RemoveResourceSettings
MethodTable summary_methods();   // GetSummaryInformation, GetVirtualSystemThumbnailImage
MethodTable service_methods();   // ModifyServiceSettings and the state of the service

}  // namespace wsvirt::cim::management_service
