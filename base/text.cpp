#include "base/text.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace wsvirt {

char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string to_lower(std::string_view s) {
    std::string r(s);
    std::transform(r.begin(), r.end(), r.begin(), ascii_lower);
    return r;
}

std::string to_upper(std::string_view s) {
    std::string r(s);
    std::transform(r.begin(), r.end(), r.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return r;
}

bool iequals(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return x == y || ascii_lower(x) == ascii_lower(y);
           });
}

bool istarts_with(std::string_view s, std::string_view prefix) {
    return s.size() >= prefix.size() && iequals(s.substr(0, prefix.size()), prefix);
}

bool iends_with(std::string_view s, std::string_view suffix) {
    return s.size() >= suffix.size() && iequals(s.substr(s.size() - suffix.size()), suffix);
}

std::string_view trim(std::string_view s) {
    constexpr std::string_view space = " \t\r\n";
    const auto a = s.find_first_not_of(space);
    if (a == std::string_view::npos) return {};
    return s.substr(a, s.find_last_not_of(space) - a + 1);
}

std::vector<std::string> split(std::string_view s, char by) {
    std::vector<std::string> r;
    std::size_t from = 0;
    for (;;) {
        const auto to = s.find(by, from);
        r.emplace_back(s.substr(from, to == std::string_view::npos ? to : to - from));
        if (to == std::string_view::npos) return r;
        from = to + 1;
    }
}

std::string replace_all(std::string_view s, std::string_view from, std::string_view to) {
    std::string r;
    r.reserve(s.size());
    std::size_t at = 0;
    for (auto hit = s.find(from); hit != std::string_view::npos; hit = s.find(from, at)) {
        r.append(s.substr(at, hit - at)).append(to);
        at = hit + from.size();
    }
    return r.append(s.substr(at));
}

bool valid_utf8(std::string_view s) {
    const auto* p = reinterpret_cast<const unsigned char*>(s.data());
    const auto* end = p + s.size();
    while (p < end) {
        if (*p < 0x80) {
            ++p;
            continue;
        }
        const int n = (*p & 0xe0) == 0xc0 ? 1 : (*p & 0xf0) == 0xe0 ? 2 : (*p & 0xf8) == 0xf0 ? 3 : 0;
        if (n == 0 || end - p <= n) return false;
        std::uint32_t c = *p & (0x3fu >> n);
        for (int i = 1; i <= n; ++i) {
            if ((p[i] & 0xc0) != 0x80) return false;
            c = c << 6 | (p[i] & 0x3fu);
        }
        constexpr std::array<std::uint32_t, 4> least{0, 0x80, 0x800, 0x10000};
        if (c < least[static_cast<std::size_t>(n)] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
        p += n + 1;
    }
    return true;
}

std::optional<std::uint64_t> parse_uint(std::string_view s) {
    std::uint64_t n = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
    if (s.empty() || ec != std::errc{} || end != s.data() + s.size()) return std::nullopt;
    return n;
}

std::optional<std::int64_t> parse_int(std::string_view s) {
    if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
    std::int64_t n = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
    if (s.empty() || ec != std::errc{} || end != s.data() + s.size()) return std::nullopt;
    return n;
}

bool ILess::operator()(std::string_view a, std::string_view b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](char x, char y) { return ascii_lower(x) < ascii_lower(y); });
}

std::size_t IHash::operator()(std::string_view s) const {
    std::uint64_t h = 14695981039346656037ull;
    for (const char c : s) h = (h ^ static_cast<unsigned char>(ascii_lower(c))) * 1099511628211ull;
    return static_cast<std::size_t>(h);
}

std::string make_guid() {
    std::array<unsigned char, 16> b{};
    for (std::size_t have = 0; have < b.size();) {
        const auto got = getrandom(b.data() + have, b.size() - have, 0);
        if (got > 0) have += static_cast<std::size_t>(got);
    }
    b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
    b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string r;
    r.reserve(36);
    for (std::size_t i = 0; i < b.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) r += '-';
        r += hex[b[i] >> 4];
        r += hex[b[i] & 15];
    }
    return r;
}

bool is_guid(std::string_view s) {
    if (s.size() != 36) return false;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !std::isxdigit(static_cast<unsigned char>(s[i]))) return false;
    }
    return true;
}

std::string derived_guid(std::string_view owner, std::string_view what) {
    const std::string text = to_upper(owner) + '\n' + std::string(what);
    std::string r;
    for (unsigned half = 0; half < 2; ++half) {
        std::uint64_t h = 14695981039346656037ull + half * 0x9E3779B97F4A7C15ull;
        for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
        h ^= h >> 29;
        h *= 0xBF58476D1CE4E5B9ull;
        h ^= h >> 32;
        for (int shift = 60; shift >= 0; shift -= 4) r += "0123456789ABCDEF"[(h >> shift) & 15];
    }
    r[12] = '8';  // version 8: made by a rule of one's own
    r[16] = "89AB"[r[16] & 3];
    for (const std::size_t at : {8u, 13u, 18u, 23u}) r.insert(at, "-");
    return r;
}

}  // namespace wsvirt
