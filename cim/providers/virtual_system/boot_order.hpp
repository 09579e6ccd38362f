// BootOrder of generation 1 and the machine layer's list of boot devices. No state.
#pragma once

#include <vector>

#include "backend/machine.hpp"
#include "cim/model/value.hpp"

namespace wsvirt::cim::vs {

// 0 floppy, 1 CD, 2 IDE disk, 3 network, 4 SCSI disk → devices; the two kinds of disk are one to QEMU's BIOS.
// Unknown numbers and repeated devices are left out.
std::vector<backend::BootDevice> boot_devices_of(const Value& boot_order);
Value boot_order_value(const std::vector<backend::BootDevice>& devices);
std::vector<backend::BootDevice> default_boot_order();

}  // namespace wsvirt::cim::vs
