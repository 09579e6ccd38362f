// Msvm_VirtualSystemMigrationService: moving machines to other hosts and their disks to other folders, asking
// beforehand whether that can be done, and the settings of the service. What a refusal looks like depends on
// the method: some document the numbers of the Hyper-V services (32768...), some CIM's own (1...6).
#pragma once

#include <memory>
#include <vector>

#include "cim/providers/methods.hpp"
#include "cim/providers/migration_service/patience.hpp"

namespace wsvirt::cim::migration_service {

MethodTable migrate_methods();        // MigrateVirtualSystemToHost, MigrateVirtualSystemToSystem
MethodTable check_methods();          // CheckVirtualSystemIsMigratable, ...ToHost, ...ToSystem
MethodTable compatibility_methods();  // GetSystemCompatibilityInfo, CheckSystemCompatibilityInfo, ...Vectors
MethodTable settings_methods();       // ModifyServiceSettings, AddNetworkSettings, Modify..., Remove...

// CIM's number for an error, for the methods that have those.
std::uint32_t cim_code(const Error& e);

// What became of migrations that were cut off: the machine is brought to one place, and the job says which.
// Hosts that are not there yet are waited for up to the limit, all together.
void recover(Services& services, std::chrono::milliseconds limit = contact_patience);
// Clears up what could not be cleared up before, and on hosts that are back, for as long as what it gives is
// kept; not longer than services lives.
std::vector<std::shared_ptr<void>> watch(Services& services);

}  // namespace wsvirt::cim::migration_service
