#include "cim/providers/virtual_system/mac_address.hpp"

#include <cstdint>
#include <cstdlib>
#include <random>

#include "base/text.hpp"

namespace wsvirt::cim::vs {

namespace {

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

std::uint64_t number(std::string_view digits) {
    return std::strtoull(std::string(digits).c_str(), nullptr, 16);
}

}  // namespace

std::string mac_digits(std::string_view text) {
    std::string out;
    for (char c : text)
        if (is_hex(c)) out += c;
    return to_upper(out);
}

std::optional<std::string> mac_with_colons(std::string_view text) {
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool separator = (text[i] == ':' || text[i] == '-') && text.size() == 17 && i % 3 == 2;
        if (separator) continue;
        if (!is_hex(text[i])) return std::nullopt;
        digits += ascii_lower(text[i]);
    }
    if (digits.size() != 12) return std::nullopt;
    if (number(std::string_view(digits).substr(0, 2)) & 1U) return std::nullopt;
    std::string out;
    for (std::size_t i = 0; i < 12; i += 2) {
        if (i) out += ':';
        out += digits.substr(i, 2);
    }
    return out;
}

std::string random_mac_digits(std::string_view low, std::string_view high) {
    thread_local std::mt19937_64 random{std::random_device{}()};
    const auto n = std::uniform_int_distribution<std::uint64_t>(number(low), number(high))(random);
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out(12, '0');
    for (std::size_t i = 0; i < 12; ++i) out[11 - i] = hex[(n >> (4 * i)) & 15U];
    return out;
}

}  // namespace wsvirt::cim::vs
