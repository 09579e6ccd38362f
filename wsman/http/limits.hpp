// The HTTP room's limits and deadlines: named settings, each with its default. Sizes in bytes.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace wsvirt::wsman {

struct HttpLimits {
    std::uint32_t header_bytes = 64 * 1024;          // request line and headers; 431 above
    std::uint64_t body_bytes = 2 * 1024 * 1024;      // body of a signed-in request; 413 above
    std::uint64_t anonymous_body_bytes = 32 * 1024;  // body of a request without sign-in; 413 above
    std::chrono::milliseconds header_time{15'000};   // TLS handshake and first header; 408 after it
    std::chrono::milliseconds body_time{120'000};    // from the header's end to the body's end; 408 after it
    std::chrono::milliseconds idle_time{180'000};    // between two requests of a connection; then closed
    std::chrono::milliseconds write_time{60'000};    // for one response; then closed
    std::chrono::milliseconds linger_time{2'000};    // how long unread input is drained before closing
    std::uint32_t connections = 20'000;              // at once; 503 above
    std::uint32_t connections_per_peer = 4'000;      // at once from one address; 503 above
};

// Those that refuse or end something, for counting.
enum class HttpLimit : std::uint8_t {
    max_header,
    max_body,
    max_body_before_sign_in,
    header_time,
    body_time,
    idle_time,
    write_time,
    max_connections,
    max_connections_per_peer,
};
inline constexpr std::array<std::string_view, 9> http_limit_names{
    "http.max_header",  "http.max_body",        "http.max_body_before_sign_in",
    "http.header_time", "http.body_time",       "http.idle_time",
    "http.write_time",  "http.max_connections", "http.max_connections_per_peer"};

}  // namespace wsvirt::wsman
