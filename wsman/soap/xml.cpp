#include "wsman/soap/xml.hpp"

#include <set>

#include "base/text.hpp"
#include "base/xml_writer.hpp"
#include "wsman/soap/names.hpp"

namespace wsvirt::soap::xml {
namespace {

std::string_view prefix_of(std::string_view qname) {
    const auto colon = qname.find(':');
    return colon == std::string_view::npos ? std::string_view{} : qname.substr(0, colon);
}

bool binds_prefix(std::string_view attribute) {
    return attribute == "xmlns" || attribute.starts_with("xmlns:");
}

}  // namespace

std::string_view local_name(const pugi::xml_node& n) {
    const std::string_view name = n.name();
    const auto colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string_view resolve(const pugi::xml_node& n, std::string_view prefix) {
    if (prefix == "xml") return ns::xml;
    for (auto e = n; e; e = e.parent())
        for (const auto& a : e.attributes()) {
            const std::string_view name = a.name();
            if (!binds_prefix(name)) continue;
            if (prefix.empty() ? name.size() == 5 : name.size() > 6 && name.substr(6) == prefix)
                return a.value();
        }
    return {};
}

std::string_view namespace_of(const pugi::xml_node& n) {
    return resolve(n, prefix_of(n.name()));
}

bool is(const pugi::xml_node& n, std::string_view ns, std::string_view local) {
    return local_name(n) == local && namespace_of(n) == ns;
}

pugi::xml_node first_element(const pugi::xml_node& parent) {
    auto n = parent.first_child();
    while (n && n.type() != pugi::node_element) n = n.next_sibling();
    return n;
}
pugi::xml_node next_element(const pugi::xml_node& from) {
    auto n = from.next_sibling();
    while (n && n.type() != pugi::node_element) n = n.next_sibling();
    return n;
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view ns, std::string_view local) {
    for (auto n = first_element(parent); n; n = next_element(n))
        if (is(n, ns, local)) return n;
    return {};
}

std::string text(const pugi::xml_node& n) {
    std::string all;
    for (const auto& c : n.children())
        if (c.type() == pugi::node_pcdata || c.type() == pugi::node_cdata) all += c.value();
    return std::string(trim(all));
}

pugi::xml_attribute attribute(const pugi::xml_node& n, std::string_view ns, std::string_view local) {
    for (const auto& a : n.attributes()) {
        const std::string_view name = a.name();
        const auto prefix = prefix_of(name);
        if ((prefix.empty() ? name : name.substr(prefix.size() + 1)) != local) continue;
        if (prefix.empty() ? ns.empty() : resolve(n, prefix) == ns) return a;
    }
    return {};
}

std::string raw(const pugi::xml_node& n) {
    std::string out;
    XmlWriter to(out);
    n.print(to, "", pugi::format_raw);
    return out;
}

pugi::xml_node self_contained(const pugi::xml_node& n, pugi::xml_document& in) {
    auto root = in.append_copy(n);
    std::set<std::string, std::less<>> have;
    for (const auto& a : root.attributes()) have.insert(a.name());
    for (auto e = n.parent(); e; e = e.parent())
        for (const auto& a : e.attributes())
            if (binds_prefix(a.name()) && have.insert(a.name()).second)
                root.append_attribute(a.name()) = a.value();
    return root;
}

}  // namespace wsvirt::soap::xml
