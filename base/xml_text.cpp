#include "base/xml_text.hpp"

#include <array>

#include "base/text.hpp"

namespace wsvirt {

namespace {

constexpr std::array<bool, 256> ascii_of_xml = [] {
    std::array<bool, 256> t{};
    for (std::size_t c = 0; c < 0x80; ++c) t[c] = c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    return t;
}();

// Bytes of the character at the beginning of the text; 0 when XML has none such there.
std::size_t character_of_xml(std::string_view s) {
    const auto c = static_cast<unsigned char>(s.front());
    const std::size_t n = (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 0;
    const auto one = s.substr(0, n);
    if (n == 0 || one.size() < n || !valid_utf8(one)) return 0;
    return one == "\xef\xbf\xbe" || one == "\xef\xbf\xbf" ? 0 : n;
}

}  // namespace

std::string xml_printable(std::string_view s) {
    std::string r;
    r.reserve(s.size());
    std::size_t from = 0, i = 0;
    while (i < s.size()) {
        if (ascii_of_xml[static_cast<unsigned char>(s[i])]) {
            ++i;
        } else if (const auto n = character_of_xml(s.substr(i))) {
            i += n;
        } else {
            r.append(s, from, i - from) += '?';
            // One sign for one character: a char16 stays one.
            i += s.substr(i).starts_with("\xef\xbf") && valid_utf8(s.substr(i, 3)) ? 3 : 1;
            from = i;
        }
    }
    return r.append(s, from);
}

std::string shortened(std::string_view s, std::size_t bytes) {
    if (s.size() <= bytes) return std::string(s);
    while (bytes > 0 && (static_cast<unsigned char>(s[bytes]) & 0xC0) == 0x80) --bytes;
    return std::string(s.substr(0, bytes)) + "...";
}

void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

}  // namespace wsvirt
