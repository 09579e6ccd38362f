// The settings of the management service that have an effect here: the range that dynamic MAC addresses come
// from, kept in the Store (kind "service", key = property name). No state of its own.
#pragma once

#include <string>
#include <string_view>

#include "backend/machine.hpp"
#include "cim/model/instance.hpp"
#include "cim/om/services.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::vs {

struct MacRange {
    std::string low, high;  // 12 digits each
};
MacRange mac_range(Services& services);
// Whether any machine, or `spec` itself, has the address.
bool mac_taken(Services& services, const backend::MachineSpec& spec, std::string_view mac);

// A stored setting of the service, or `other`.
std::string service_setting(Services& services, std::string_view property, std::string_view other);
Result<void> set_service_setting(Services& services, std::string_view property, std::string_view value);

// Msvm_VirtualSystemManagementServiceSettingData as it is now.
Instance service_settings_instance(Services& services, const ClassPtr& cls);

}  // namespace wsvirt::cim::vs
