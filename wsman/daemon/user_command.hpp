// wsvirtd user add | rm | list.
#pragma once

#include "wsman/daemon/config.hpp"
#include "wsman/daemon/options.hpp"

namespace wsvirt::wsman {

// Prints to standard output and error; the exit code of the program.
int run_user_command(const Options& options, const Config& config);

}  // namespace wsvirt::wsman
