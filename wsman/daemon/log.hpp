// The log: lines on standard error, "time level id key=value ...". Text that comes from outside cannot make a
// line of its own: control characters are written as \xNN.
#pragma once

#include <string>

namespace wsvirt::wsman {

void start_log(const std::string& level);  // "debug", "info", "warn", "error"

}  // namespace wsvirt::wsman
