// A planned system as its machine is made: every file by its canonical path, so that what was checked is what
// is used even when a link changes, and a disk has one name for all machines. Asks qemu-img; changes nothing.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::export_import {

// What a disk of it will be taken for, whatever it looks like: an export says what it has written, and a
// guest may have made that look like something else. "" = what it looks like.
std::string_view told_format(const vs::PlannedSystem& planned, const backend::Disk& disk);

// Errors as check_medium() and check_existing().
Result<vs::PlannedSystem> resolved(Services& services, const vs::PlannedSystem& planned);

}  // namespace wsvirt::cim::export_import
