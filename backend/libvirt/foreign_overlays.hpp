// Files of a machine with external snapshots that something else stands on too: a disk that was taken off it
// and lies there with its overlay, or that another machine has by now. Reads the headers of qcow2 files and
// the inventory; local files only; any thread.
#pragma once

#include <set>
#include <string>

#include "backend/libvirt/chain.hpp"

namespace wsvirt::backend::libvirt {

// Of `ours` and the files below them, those that must stay as they are because an overlay beside them
// which is none of ours, or a disk that another machine of this host or its snapshots have, is one of them or
// leads there.
std::set<std::string> held_by_others(const Core& core, std::string_view machine,
                                     const std::set<std::string>& ours);
std::set<std::string> held_by_others(const Core& core, std::string_view machine, const Chain& ours);

}  // namespace wsvirt::backend::libvirt
