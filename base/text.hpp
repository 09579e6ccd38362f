// Small text helpers that every room needs: CIM names compare without case (ASCII only, DSP0004 5.1),
// UTF-8 is checked at the border, GUIDs are printed in upper case as Hyper-V does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wsvirt {

char ascii_lower(char c);
std::string to_lower(std::string_view s);
std::string to_upper(std::string_view s);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view s, std::string_view prefix);
bool iends_with(std::string_view s, std::string_view suffix);
std::string_view trim(std::string_view s);  // XML white space
std::vector<std::string> split(std::string_view s, char by);
std::string replace_all(std::string_view s, std::string_view from, std::string_view to);
bool valid_utf8(std::string_view s);
constexpr bool is_xml_char(std::uint32_t c) {  // XML 1.0, production Char
    return c == 9 || c == 10 || c == 13 || (c >= 0x20 && c < 0xD800) || (c >= 0xE000 && c <= 0xFFFD) ||
           (c >= 0x10000 && c <= 0x10FFFF);
}
std::optional<std::uint64_t> parse_uint(std::string_view s);  // decimal digits only, no sign, no overflow
std::optional<std::int64_t> parse_int(std::string_view s);    // optional sign, decimal

// Ordering and hashing without case, transparent so that string_view look-ups do not allocate.
struct ILess {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
};
struct IHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const;
};
struct IEqual {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return iequals(a, b); }
};

// A random (version 4) GUID, upper case, 36 characters. Thread safe.
std::string make_guid();
// A GUID that depends only on the texts given; the first is taken in either case.
std::string derived_guid(std::string_view owner, std::string_view what);
bool is_guid(std::string_view s);  // 36 characters, either case, no braces

}  // namespace wsvirt
