// Durations and sizes as the configuration writes them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wsvirt::wsman {

std::optional<std::chrono::milliseconds> parse_duration(
    std::string_view text);                                            // "500ms", "15s", "5min", "1h"
std::optional<std::chrono::milliseconds> duration_of(double seconds);  // not negative, not over a year
std::string print_duration(std::chrono::milliseconds value);
std::optional<std::uint64_t> parse_size(std::string_view text);  // "65536", "64KiB", "2MiB", "1GiB"
std::string print_size(std::uint64_t bytes);

}  // namespace wsvirt::wsman
