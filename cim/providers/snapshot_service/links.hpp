// Paths that the snapshot associations are made of. All of them are read from the inventory, so they are
// right also after somebody changed snapshots behind our back.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cim/om/association.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::snapshot_service {

using Paths = DerivedAssociation::Paths;

Paths systems_with_snapshots(Services& services);
// Which snapshots of a machine or planned system: all, the one that it stands on, the one last applied.
enum class Which : std::uint8_t { all, current, last_applied };
// The snapshots of the system that a path means.
Paths snapshots_of(Services& services, const ObjectPath& system, Which which);
// The system that a snapshot's settings belong to; none for other settings.
Paths system_of_snapshot(Services& services, const ObjectPath& settings, Which which);

// The tree of settings: snapshot above snapshot, and above the active settings.
Paths all_settings_with_children(Services& services);
Paths children_of(Services& services, const ObjectPath& settings);
Paths parent_of(Services& services, const ObjectPath& settings);

}  // namespace wsvirt::cim::snapshot_service
