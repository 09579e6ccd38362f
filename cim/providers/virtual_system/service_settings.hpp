// The settings of the management service that have an effect here: the range that dynamic MAC addresses come
// from, kept in the Store (kind "service", key = property name). No state of its own.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "backend/machine.hpp"
#include "base/text.hpp"
#include "cim/model/instance.hpp"
#include "cim/om/services.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::vs {

struct MacRange {
    std::string low, high;  // 12 digits each
};
MacRange mac_range(Services& services);
// A free address of the range, with colons. taken: those that are not free, written alike. Errors: failed
// (none is left).
Result<std::string> new_mac(Services& services, const std::set<std::string, ILess>& taken);
// One that neither any machine nor `spec` itself has.
Result<std::string> new_mac(Services& services, const backend::MachineSpec& spec);
void add_macs(const backend::MachineSpec& spec, std::set<std::string, ILess>& to);

// A stored setting of the service, or `other`.
std::string service_setting(Services& services, std::string_view property, std::string_view other);
Result<void> set_service_setting(Services& services, std::string_view property, std::string_view value);

// Msvm_VirtualSystemManagementServiceSettingData as it is now.
Instance service_settings_instance(Services& services, const ClassPtr& cls);

}  // namespace wsvirt::cim::vs
