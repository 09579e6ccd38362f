// Making a machine what a snapshot of it holds; what is noted of that, and what follows, is snapshot_apply's.
// Blocking; call with the machine's gate held.
#pragma once

#include <string>
#include <vector>

#include "backend/libvirt/snapshot_changes.hpp"

namespace wsvirt::backend::libvirt {

// What a machine goes back to.
struct Goal {
    const HeldSnapshot& s;
    const std::vector<HeldSnapshot>& all;
    AfterRevert::Memory memory;
    std::string settings;  // the snapshot's, with what is noted of its variables
};

bool is_test(const Site& w);
bool has_disks_inside(const Site& w, const HeldSnapshot& s);
// With what it stands on served no more; saved memory is dropped.
Result<void> turn_off(Site& w);
// Before anything changes.
Result<void> can_be_applied(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all,
                            AfterRevert::Memory then);
// With the variables of its firmware. A snapshot that has none leaves the machine those of `former`, its
// settings when this began; "" = as they are now.
Result<void> go_back(Site& w, Goal goal, const std::string& former);

}  // namespace wsvirt::backend::libvirt
