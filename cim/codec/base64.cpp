#include "cim/codec/base64.hpp"

#include <cstdint>

namespace wsvirt::cim {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t octet(std::string_view s, std::size_t at) {
    return at < s.size() ? static_cast<unsigned char>(s[at]) : 0u;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
    std::string r;
    r.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto group = octet(bytes, i) << 16 | octet(bytes, i + 1) << 8 | octet(bytes, i + 2);
        r += alphabet[group >> 18];
        r += alphabet[group >> 12 & 63];
        r += i + 1 < bytes.size() ? alphabet[group >> 6 & 63] : '=';
        r += i + 2 < bytes.size() ? alphabet[group & 63] : '=';
    }
    return r;
}

std::optional<std::string> base64_decode(std::string_view text) {
    std::string r;
    std::uint32_t group = 0;
    unsigned have = 0, padding = 0;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        if (c == '=') {
            if (++padding > 2) return std::nullopt;
            group <<= 6;
        } else {
            const auto place = alphabet.find(c);
            if (place == std::string_view::npos || padding != 0) return std::nullopt;
            group = group << 6 | static_cast<std::uint32_t>(place);
        }
        if (++have % 4 == 0) {
            r += static_cast<char>(group >> 16 & 255);
            if (padding < 2) r += static_cast<char>(group >> 8 & 255);
            if (padding < 1) r += static_cast<char>(group & 255);
            group = 0;
        }
    }
    if (have % 4 != 0) return std::nullopt;
    return r;
}

}  // namespace wsvirt::cim
