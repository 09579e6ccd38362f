// Snapshots of machines: Msvm_VirtualSystemSnapshotService of version 2, and the same four actions as methods
// of the management service in version 1. Taking, applying and deleting are always jobs; only a machine that
// is off or saved can go back to a snapshot.
#pragma once

#include "cim/providers/methods.hpp"

namespace wsvirt::cim::snapshot_service {

MethodTable create_methods();  // CreateSnapshot, CreateVirtualSystemSnapshot
MethodTable apply_methods();   // ApplySnapshot, ApplyVirtualSystemSnapshot(Ex), ClearSnapshotState
MethodTable delete_methods();  // DestroySnapshot, DestroySnapshotTree, RemoveVirtualSystemSnapshot(Tree)

inline constexpr const char* service_class = "Msvm_VirtualSystemSnapshotService";

// Jobs of this service that a killed service left behind: what came true is settled as completed, a snapshot
// that was being applied is applied, unless somebody has started the machine since.
void recover(Services& services);

}  // namespace wsvirt::cim::snapshot_service
