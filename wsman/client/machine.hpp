// Hyper-V's model as the vm commands need it: finding a machine, naming its state, and the settings that are
// sent to define one. All of it is ordinary WS-Management; nothing here is special to one server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "wsman/client/options.hpp"
#include "wsman/client/session.hpp"

namespace wsvirt::client {

struct MachineRef {
    std::string guid, name;
    Resource system;          // Msvm_ComputerSystem or Msvm_PlannedComputerSystem
    std::string settings;     // InstanceID of the active Msvm_VirtualSystemSettingData
    std::uint64_t state = 0;  // EnabledState
};

std::string wql_string(std::string_view text);  // quoted for a WQL condition

std::string state_text(std::uint64_t enabled_state);
// Of Msvm_ComputerSystem or Msvm_PlannedComputerSystem.
MachineRef machine_of(const Naming& naming, const Object& computer_system);
// Every machine, without the host itself.
Result<std::vector<Object>> list_machines(Session& session);
// By name or GUID. Errors: not_found; failed when several machines have the name.
Result<MachineRef> find_machine(Session& session, std::string_view name_or_guid);
// The same among planned machines (Msvm_PlannedComputerSystem).
Result<MachineRef> find_planned(Session& session, std::string_view name_or_guid);
Result<std::vector<Object>> devices_of(Session& session, const MachineRef& machine);
Resource management_service(const Naming& naming);
Resource snapshot_service(const Naming& naming);
Resource settings_resource(const Naming& naming, const MachineRef& machine);

}  // namespace wsvirt::client
