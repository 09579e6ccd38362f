// The identifiers that an import brings. Memory and UEFI variables of snapshots are kept in files that have
// the snapshot's identifier alone for a name, so it must be nobody else's.
#pragma once

#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::export_import {

// That the system and its snapshots differ from each other, from all other machines and planned systems and
// from their snapshots. Errors: invalid_parameter.
Result<void> check_identifiers(Services& services, const vs::PlannedSystem& planned);

}  // namespace wsvirt::cim::export_import
