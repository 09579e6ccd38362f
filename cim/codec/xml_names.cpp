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
    const auto stop = text.find(';');
    if (stop == std::string_view::npos) return false;
    text = text.substr(0, stop);
    const bool hex = text.substr(2, 1) == "x";
    const auto digits = text.substr(hex ? 3 : 2);
    std::uint32_t c = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), c, hex ? 16 : 10);
    return ec == std::errc{} && end == digits.data() + digits.size() && is_xml_char(c);
}

bool all_name_characters(std::string_view text) {
    for (auto at = text.find("&#"); at != std::string_view::npos; at = text.find("&#", at + 2))
        if (!names_a_character(text.substr(at))) return false;
    return true;
}

// Behind the tag at the beginning of the text; what quotation marks enclose in it ends no tag.
std::size_t end_of_tag(std::string_view text) {
    for (auto at = text.find_first_of("\"'>"); at != std::string_view::npos;
         at = text.find_first_of("\"'>", at + 1)) {
        if (text[at] == '>') return at + 1;
        at = text.find(text[at], at + 1);
        if (at == std::string_view::npos) break;
    }
    return text.size();
}

// Behind the markup at the beginning of the text; `plain` when references have no meaning in it.
std::size_t end_of_markup(std::string_view text, bool& plain) {
    struct Section {
        std::string_view begin, end;
    };
    constexpr Section sections[] = {{"<![CDATA[", "]]>"}, {"<!--", "-->"}, {"<?", "?>"}};
    for (const auto& s : sections) {
        if (!text.starts_with(s.begin)) continue;
        plain = true;
        const auto end = text.find(s.end, s.begin.size());
        return end == std::string_view::npos ? text.size() : end + s.end.size();
    }
    plain = false;
    return end_of_tag(text);
}

}  // namespace

bool references_are_characters(std::string_view text) {
    if (text.find("&#") == std::string_view::npos) return true;
    while (!text.empty()) {
        const auto data = text.substr(0, text.find('<'));
        if (!all_name_characters(data)) return false;
        text.remove_prefix(data.size());
        if (text.empty()) break;
        bool plain = false;
        const auto size = end_of_markup(text, plain);
        if (!plain && !all_name_characters(text.substr(0, size))) return false;
        text.remove_prefix(size);
    }
    return true;
}

}  // namespace wsvirt::cim::xml
