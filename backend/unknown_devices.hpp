// What a definition has that Hypervisor::spec_from_text() cannot take over.
#pragma once

#include <string_view>

namespace wsvirt::backend {

// An attribute of the MachineSpec, where there are any: their names, as a person would look for them.
inline constexpr std::string_view unknown_devices = "Definition.UnknownDevices";

}  // namespace wsvirt::backend
