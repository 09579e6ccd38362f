#include "wsman/auth/basic.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace wsvirt::wsman {

Credentials::~Credentials() {
    OPENSSL_cleanse(password.data(), password.size());
}

std::string_view scheme_of(std::string_view authorization) {
    authorization = trim(authorization);
    return authorization.substr(0, authorization.find_first_of(" \t"));
}

std::optional<std::string> decode_base64(std::string_view text) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        const bool last = at + 4 == text.size();
        const auto padding = !last ? 0u : text[at + 3] != '=' ? 0u : text[at + 2] != '=' ? 1u : 2u;
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const auto digit = i >= 4 - padding ? 0 : alphabet.find(text[at + i]);
            if (digit == std::string_view::npos) return std::nullopt;
            bits = bits << 6 | static_cast<std::uint32_t>(digit);
        }
        if ((padding == 1 && (bits & 0xff) != 0) || (padding == 2 && (bits & 0xffff) != 0))
            return std::nullopt;  // one text, one form
        for (unsigned i = 0; i < 3 - padding; ++i) out += static_cast<char>(bits >> (16 - 8 * i) & 0xff);
    }
    return out;
}

std::optional<Credentials> parse_basic(std::string_view authorization) {
    const auto scheme = scheme_of(authorization);
    if (!iequals(scheme, "Basic")) return std::nullopt;
    auto text = decode_base64(trim(trim(authorization).substr(scheme.size())));
    if (!text) return std::nullopt;
    const auto colon = text->find(':');
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (colon == std::string::npos || !valid_utf8(*text) ||
        std::any_of(text->begin(), text->end(), is_control)) {
        OPENSSL_cleanse(text->data(), text->size());
        return std::nullopt;
    }
    Credentials both(text->substr(0, colon), text->substr(colon + 1));
    OPENSSL_cleanse(text->data(), text->size());
    return both;
}

}  // namespace wsvirt::wsman
