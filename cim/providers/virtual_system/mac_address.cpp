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

constexpr int random_tries = 64;
constexpr unsigned first_byte = 40;  // the bits below it
constexpr std::uint64_t multicast = std::uint64_t{1} << first_byte;

std::uint64_t number(std::string_view digits) {
    return std::strtoull(std::string(digits).c_str(), nullptr, 16);
}

std::string digits_of(std::uint64_t n) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out(12, '0');
    for (std::size_t i = 0; i < 12; ++i) out[11 - i] = hex[(n >> (4 * i)) & 15U];
    return out;
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

std::optional<std::string> free_mac(std::string_view low, std::string_view high,
                                    const std::set<std::string, ILess>& taken) {
    const auto first = number(low), last = number(high);
    if (first > last) return std::nullopt;
    const auto unicast_and_free = [&](std::uint64_t n) {
        auto mac = mac_with_colons(digits_of(n));
        return mac && !taken.contains(*mac) ? mac : std::nullopt;
    };
    thread_local std::mt19937_64 random{std::random_device{}()};
    std::uniform_int_distribution<std::uint64_t> any(first, last);
    for (int i = 0; i < random_tries; ++i)
        if (auto mac = unicast_and_free(any(random))) return mac;
    // Ends soon: it passes nothing but what is taken, and multicast addresses by the first byte.
    for (auto n = first; n <= last; ++n) {
        if (n & multicast) n = ((n >> first_byte) + 1) << first_byte;
        if (n > last) break;
        if (auto mac = unicast_and_free(n)) return mac;
    }
    return std::nullopt;
}

}  // namespace wsvirt::cim::vs
