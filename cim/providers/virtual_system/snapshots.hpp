// What the model knows about a snapshot besides its settings. It lies in the attributes of the snapshot's
// spec and so goes wherever the snapshot goes.
#pragma once

#include "backend/machine.hpp"

namespace wsvirt::cim::vs {

inline constexpr const char* snapshot_type = "Snapshot.Type";  // CreateSnapshot's SnapshotType
// Its memory was given up by ClearSnapshotState.
inline constexpr const char* snapshot_memory_cleared = "Snapshot.MemoryCleared";
// When it was applied (microseconds); only the last applied snapshot of a machine has it. With a minus sign
// it is on the one that the machine stood on when its last applied snapshot was deleted, and says when that
// was.
inline constexpr const char* snapshot_applied = "Snapshot.Applied";

// SnapshotType of CreateSnapshot.
inline constexpr std::uint16_t full_snapshot = 2, disk_snapshot = 3, recovery_snapshot = 32768;

bool keeps_memory(const backend::SnapshotInfo& s);
bool is_recovery(const backend::SnapshotInfo& s);
// The snapshot that was last applied to the machine, while it exists; null when none was. What others applied
// is told by where the machine stands.
const backend::SnapshotInfo* last_applied(const backend::Machine& m);
// The one that this service has noted as such.
const backend::SnapshotInfo* noted_applied(const backend::Machine& m);

}  // namespace wsvirt::cim::vs
