// The exit codes of the wsvirt command; scripts rely on them, so they never change their meaning.
#pragma once

#include "base/error.hpp"

namespace wsvirt::client {

enum ExitCode : int {
    exit_done = 0,
    exit_refused = 1,      // the server refused: a fault, a return value, a failed job
    exit_usage = 2,        // the command line is wrong; nothing was sent
    exit_unreachable = 3,  // no connection, no trusted TLS, no usable answer
    exit_signin = 4,       // signed out, wrong password, or not allowed
    exit_not_found = 5,    // no such machine, class or instance
    exit_timed_out = 6,
};

int exit_code_of(const Error& e);

}  // namespace wsvirt::client
