#include "cim/codec/xml_names.hpp"

#include <charconv>

#include "base/text.hpp"

namespace wsvirt::cim::xml {

std::string_view prefix_of(std::string_view qualified) {
    const auto colon = qualified.find(':');
    return colon == std::string_view::npos ? std::string_view{} : qualified.substr(0, colon);
}

std::string_view local_name(std::string_view qualified) {
    const auto colon = qualified.find(':');
    return colon == std::string_view::npos ? qualified : qualified.substr(colon + 1);
}

std::string_view namespace_of_prefix(const pugi::xml_node& at, std::string_view prefix) {
    for (auto n = at; n && n.type() == pugi::node_element; n = n.parent()) {
        for (const auto& a : n.attributes()) {
            const std::string_view name = a.name();
            if (!name.starts_with("xmlns")) continue;
            if (prefix.empty() ? name.size() == 5
                               : name.size() > 6 && name[5] == ':' && name.substr(6) == prefix)
                return a.value();
        }
    }
    return {};
}

bool is(const pugi::xml_node& n, std::string_view uri, std::string_view local) {
    return local_name(n) == local && namespace_of(n) == uri;
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view local) {
    for (const auto& c : parent.children())
        if (c.type() == pugi::node_element && local_name(c) == local) return c;
    return {};
}

pugi::xml_node first_element(const pugi::xml_node& parent) {
    for (const auto& c : parent.children())
        if (c.type() == pugi::node_element) return c;
    return {};
}

std::size_t element_count(const pugi::xml_node& parent) {
    std::size_t n = 0;
    for (const auto& c : parent.children()) n += c.type() == pugi::node_element ? 1 : 0;
    return n;
}

std::string text_of(const pugi::xml_node& n) {
    std::string r;
    for (const auto& c : n.children())
        if (c.type() == pugi::node_pcdata || c.type() == pugi::node_cdata) r += c.value();
    return r;
}

std::string_view prefixed_attribute(const pugi::xml_node& n, std::string_view local) {
    for (const auto& a : n.attributes()) {
        const std::string_view name = a.name();
        if (local_name(name) == local && !prefix_of(name).empty() && prefix_of(name) != "xmlns")
            return a.value();
    }
    return {};
}

bool is_nil(const pugi::xml_node& n) {
    const auto v = prefixed_attribute(n, "nil");
    return v == "1" || iequals(v, "true");
}

bool deeper_than(const pugi::xml_node& n, unsigned limit) {
    unsigned depth = 1;
    auto at = n;
    for (;;) {
        if (depth > limit) return true;
        if (const auto down = first_element(at)) {
            at = down;
            ++depth;
            continue;
        }
        while (true) {
            if (at == n) return false;
            auto next = at.next_sibling();
            while (next && next.type() != pugi::node_element) next = next.next_sibling();
            if (next) {
                at = next;
                break;
            }
            at = at.parent();
            --depth;
        }
    }
}

namespace {

// "&#...;" at the beginning of the text.
bool names_a_character(std::string_view text) {
    text = text.substr(0, text.find(';'));
    const bool hex = text.substr(2, 1) == "x";
    const auto digits = text.substr(hex ? 3 : 2);
    std::uint32_t c = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), c, hex ? 16 : 10);
    return ec == std::errc{} && end == digits.data() + digits.size() && is_xml_char(c);
}

}  // namespace

bool references_are_characters(std::string_view text) {
    constexpr std::string_view cdata = "<![CDATA[", comment = "<!--";
    for (auto at = text.find_first_of("&<"); at != std::string_view::npos;
         at = text.find_first_of("&<", at + 1)) {
        const auto rest = text.substr(at);
        if (rest.starts_with("&#") && !names_a_character(rest)) return false;
        if (rest.starts_with(cdata)) at = text.find("]]>", at + cdata.size());
        if (rest.starts_with(comment)) at = text.find("-->", at + comment.size());
        if (at == std::string_view::npos) break;
    }
    return true;
}

std::string printable(std::string_view text) {
    std::string r;
    r.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x80) {
            r += c >= 0x20 || c == '\t' || c == '\n' || c == '\r' ? text[i] : '?';
            ++i;
            continue;
        }
        const std::size_t n = (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 1;
        const auto one = text.substr(i, n);
        if (one.size() == n && n > 1 && valid_utf8(one)) {
            // One sign for one character: a char16 stays one.
            if (one == "\xef\xbf\xbe" || one == "\xef\xbf\xbf")
                r += '?';
            else
                r += one;
            i += n;
        } else {
            r += '?';
            ++i;
        }
    }
    return r;
}

}  // namespace wsvirt::cim::xml
