// Plugging network ports into switches by what a client calls them, also into switches that are to come: a
// port of a planned system remembers the name until there is one. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/hypervisor.hpp"

namespace wsvirt::cim::vs {

// Attribute of a port of a planned system: the switch it is to be plugged into, as the client wrote it, which
// did not exist when it was set.
inline constexpr std::string_view missing_switch = "Connection.MissingSwitch";
// The EnabledState that a client gave a connection that is plugged into nothing.
inline constexpr std::string_view unplugged_state = "Connection.EnabledState";

// Whether a switch of that path, identifier or name exists; then the port is plugged into it.
bool plug(backend::Nic& n, const std::vector<backend::SwitchInfo>& all, const std::string& name_or_path);
// Plugs what waits for a switch that exists by now.
void plug_missing(backend::MachineSpec& s, const std::vector<backend::SwitchInfo>& all);

}  // namespace wsvirt::cim::vs
