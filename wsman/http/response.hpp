// The text of a response's status line and headers, and the small answers that the HTTP room gives by itself.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "wsman/http/message.hpp"

namespace wsvirt::wsman {

std::string_view reason_phrase(unsigned status);

// Appends status line, headers and the empty line. `date`: the Date header's value. Header values from the
// handler lose control characters, so that no answer can be split.
void append_head(std::string& out, const HttpResponse& response, std::string_view date, bool keep_alive);

// Seconds since 1970 as an HTTP date (RFC 9110 5.6.7).
std::string http_date(std::chrono::system_clock::time_point when);

// A refusal with one sentence for the person at the client, as text/plain.
HttpResponse refusal(unsigned status, std::string_view text);

}  // namespace wsvirt::wsman
