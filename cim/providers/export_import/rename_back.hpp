// Realizing a planned system with new identifiers renames the snapshots inside the disks of the import's
// folder. When nothing comes of it the folder shall be as it was exported, to be imported again.
#pragma once

#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::export_import {

// The snapshots inside the disks get the names back that the export gave them. Only where no machine, on any
// host, can be the one that was made of them, and nobody has the disk. A disk where it fails stays as it is:
// the planned system can be realized all the same. The system's key is held by the caller. Errors:
// unavailable (a silent host may have such a machine).
Result<void> rename_back(Services& services, const vs::PlannedSystem& planned);

}  // namespace wsvirt::cim::export_import
