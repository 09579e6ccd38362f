// What a virtual system has before a client says anything: the defaults of Hyper-V for each generation.
#pragma once

#include "backend/machine.hpp"

namespace wsvirt::cim::vs {

inline constexpr std::uint64_t default_memory_mib = 1024;
inline constexpr const char* default_name = "New Virtual Machine";

// A new machine with a new GUID: one processor, 1024 MB, the controllers of its generation, a display.
backend::MachineSpec new_machine();
// Gives the parts that depend on the generation (controllers, boot order); call after the settings are
// applied.
void complete_generation(backend::MachineSpec& s);
// A machine like another one, to be defined beside it: same settings, new identifiers, no hard disks in its
// drives (those are in use), CDs in them and ports on the same switches with new MAC addresses: both as they
// stand in the reference, unchecked.
backend::MachineSpec like(const backend::MachineSpec& reference);

}  // namespace wsvirt::cim::vs
