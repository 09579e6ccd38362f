// What the control headers of a request demand (DSP0226 clauses 5.4 and 6): addressing, timeout, envelope
// size, locale, options. Pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "wsman/ops/settings.hpp"
#include "wsman/soap/fault.hpp"
#include "wsman/soap/message.hpp"

namespace wsvirt::wsman {

struct Control {
    std::chrono::microseconds timeout{0};
    bool timeout_cut = false;  // the client asked for more
    std::size_t envelope_limit = 0;
    bool limit_is_clients = false;
};

// The first thing wrong, or nothing and `control` filled. `http_target`: the path the request was sent to.
std::optional<soap::Fault> check_headers(const soap::RequestHeaders& h, const OpsSettings& settings,
                                         std::string_view http_target, Control& control);
// Options of the first message of a sequence: a MustComply one must be known (R6.4-6, R6.4-9).
std::optional<soap::Fault> check_options(const soap::RequestHeaders& h, const OpsSettings& settings);
// The boolean value of an option; `fallback` when it is absent, an empty one is true (DSP0226 6.4).
bool option(const soap::RequestHeaders& h, std::string_view name, bool fallback);

// A URI of RFC 3986: a scheme, a colon, no white space and none of the characters it excludes.
bool is_uri(std::string_view s);
// xs:duration, positive; nullopt otherwise.
std::optional<std::chrono::microseconds> positive_duration(std::string_view s);

}  // namespace wsvirt::wsman
