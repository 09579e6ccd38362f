// The Basic scheme (RFC 7617, UTF-8) and base64 (RFC 4648).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wsvirt::wsman {

struct Credentials {
    std::string user, password;
    ~Credentials();  // wipes the password
    Credentials(std::string u, std::string p) : user(std::move(u)), password(std::move(p)) {}
    Credentials(const Credentials&) = default;
    Credentials& operator=(const Credentials&) = default;
};

// The scheme's name of an Authorization header, as sent ("Basic"); "" when there is none.
std::string_view scheme_of(std::string_view authorization);

// Strict base64 with padding; nullopt for anything else.
std::optional<std::string> decode_base64(std::string_view text);

// Credentials of an Authorization header; nullopt when it is not Basic, not base64, has no colon, is not
// UTF-8 or holds control characters.
std::optional<Credentials> parse_basic(std::string_view authorization);

}  // namespace wsvirt::wsman
