#include "cim/codec/text_buffer.hpp"

#include <array>

#include "base/xml_text.hpp"

namespace wsvirt::cim {

namespace {

// 0: as it is; 1: needs a look in character data; 2: in attributes only.
constexpr auto classes = [] {
    std::array<std::uint8_t, 256> c{};
    for (std::size_t i = 0; i < 0x20; ++i) c[i] = 1;
    for (std::size_t i = 0x80; i < 0x100; ++i) c[i] = 1;
    c['\t'] = c['\n'] = c['"'] = 2;
    c['&'] = c['<'] = c['>'] = 1;
    return c;
}();

std::string_view entity(char c, bool attribute) {
    switch (c) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '\r':
            return "&#13;";
        case '"':
            return attribute ? "&quot;" : std::string_view{};
        case '\n':
            return attribute ? "&#10;" : std::string_view{};
        case '\t':
            return attribute ? "&#9;" : std::string_view{};
        default:
            return {};
    }
}

}  // namespace

void TextBuffer::escaped(std::string_view text, bool attribute) {
    const std::uint8_t most = attribute ? 2 : 1;
    for (const char c : text) {
        const auto k = classes[static_cast<unsigned char>(c)];
        if (k != 0 && k <= most) return escaped_slow(text, attribute);
    }
    put(text);
}

void TextBuffer::escaped_slow(std::string_view text, bool attribute) {
    const std::string clean = xml_printable(text);
    std::size_t from = 0;
    for (std::size_t i = 0; i < clean.size(); ++i) {
        const auto e = entity(clean[i], attribute);
        if (e.empty()) continue;
        put(std::string_view(clean).substr(from, i - from));
        put(e);
        from = i + 1;
    }
    put(std::string_view(clean).substr(from));
}

}  // namespace wsvirt::cim
