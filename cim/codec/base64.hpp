// Base64 (RFC 4648) for octet strings in XML. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wsvirt::cim {

std::string base64_encode(std::string_view bytes);
// White space is skipped; nullopt when the text is no base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace wsvirt::cim
