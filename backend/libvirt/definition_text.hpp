// Definitions of machines that come from elsewhere, as write_domain() writes them and others may have changed
// them. No state; any thread.
#pragma once

#include <string_view>

#include "backend/machine.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// The settings, with the attribute unknown_devices for what they have no place for. Errors: malformed (no
// definition, or one whose kept settings have a value that is none; the text names it).
Result<MachineSpec> read_definition(std::string_view text);

}  // namespace wsvirt::backend::libvirt
