// Folders that a machine needs before it is defined.
#pragma once

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

// Makes the folder for the sockets of its serial ports, if it has such. Errors: failed.
Result<void> make_folders(const Services& services, const backend::MachineSpec& spec);

}  // namespace wsvirt::cim::vs
