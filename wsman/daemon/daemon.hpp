// Wires everything together and serves until SIGTERM or SIGINT.
#pragma once

#include "wsman/daemon/config.hpp"

namespace wsvirt::wsman {

// Lines "listening https 127.0.0.1:43211" and then "ready" go to ready_fd (-1: standard output). Returns the
// exit code: 0 after a graceful stop, 1 when it cannot start (the log says why).
int serve(const Config& config, int ready_fd);

}  // namespace wsvirt::wsman
