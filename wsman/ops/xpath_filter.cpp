// XPath over the written form of an instance. pugixml's XPath knows no namespaces, so prefixes are taken out
// of the expression and out of the items: one instance has all its elements in one namespace anyway.
#include <algorithm>
#include <cctype>
#include <iterator>

#include "wsman/ops/errors.hpp"
#include "wsman/ops/filters.hpp"
#include "wsman/ops/xpath_cost.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
namespace xml = soap::xml;

bool is_name_char(char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x80 || std::isalnum(u) || c == '_' || c == '-' || c == '.';
}

// "p:Name" becomes "Name"; axes ("child::x") and literals stay.
std::string without_prefixes(std::string_view e) {
    std::string out;
    for (std::size_t i = 0; i < e.size();) {
        if (e[i] == '"' || e[i] == '\'') {
            const auto end = e.find(e[i], i + 1);
            const auto stop = end == std::string_view::npos ? e.size() : end + 1;
            out += e.substr(i, stop - i);
            i = stop;
        } else if (is_name_char(e[i])) {
            const auto from = i;
            while (i < e.size() && is_name_char(e[i])) ++i;
            const bool prefix = i + 1 < e.size() && e[i] == ':' && e[i + 1] != ':' &&
                                (is_name_char(e[i + 1]) || e[i + 1] == '*');
            if (prefix)
                ++i;
            else
                out += e.substr(from, i - from);
        } else if (e[i] == ':' && i + 1 < e.size() && e[i + 1] == ':') {
            out += "::";
            i += 2;
        } else {
            out += e[i++];
        }
    }
    return out;
}

void drop_prefixes(pugi::xml_node n) {
    for (auto e = n; e; e = xml::next_element(e)) {
        const std::string name(xml::local_name(e));
        e.set_name(name.c_str());
        for (auto a : e.attributes()) {
            const std::string_view full = a.name();
            const auto colon = full.find(':');
            if (colon != std::string_view::npos && !full.starts_with("xmlns"))
                a.set_name(std::string(full.substr(colon + 1)).c_str());
        }
        drop_prefixes(xml::first_element(e));
    }
}

// The nodes that an expression selected out of an item, as one fragment of elements that bind their prefix.
std::string fragment_of(const pugi::xpath_node_set& nodes, std::string_view uri) {
    std::string out = "<w:XmlFragment>";
    for (const auto& found : nodes) {
        if (found.attribute()) {
            soap::append_escaped(out, found.attribute().value());
        } else if (found.node().type() == pugi::node_element) {
            pugi::xml_document copy;
            auto n = copy.append_copy(found.node());
            if (!n.attribute("xmlns")) n.append_attribute("xmlns") = std::string(uri).c_str();
            out += xml::raw(n);
        } else {
            soap::append_escaped(out, found.node().value());
        }
    }
    return out + "</w:XmlFragment>";
}

// Its elements and attributes, and one more for so much text.
double size_of(pugi::xml_node root, std::size_t bytes) {
    constexpr std::size_t text = 64;
    std::size_t nodes = bytes / text;
    for (auto n = root; n;) {
        nodes += 1 + static_cast<std::size_t>(std::distance(n.attributes_begin(), n.attributes_end()));
        auto next = xml::first_element(n);
        while (!next && n && n != root) {
            next = xml::next_element(n);
            if (!next) n = n.parent();
        }
        n = next;
    }
    return static_cast<double>(nodes);
}

class XPathFilter : public ItemFilter {
  public:
    XPathFilter(const std::string& expression, double most)
        : query_(expression.c_str()), cost_(expression), most_(most) {}
    bool valid() const { return static_cast<bool>(query_); }
    const char* problem() const { return query_.result().description(); }

    Result<bool> apply(std::string& item) const override {
        pugi::xml_document doc;
        if (!doc.load_buffer(item.data(), item.size(), pugi::parse_default | pugi::parse_ws_pcdata_single,
                             pugi::encoding_utf8))
            return false;
        const auto root = doc.document_element();
        const std::string uri(xml::namespace_of(root));
        drop_prefixes(root);
        if (cost_.steps(size_of(root, item.size())) > most_)
            return Error{
                Status::invalid_query, filter_too_costly,
                "The XPath filter looks at too much of an instance of this size: use fewer predicates in "
                "one another, fewer \"//\", or WQL."};
        if (query_.return_type() != pugi::xpath_type_node_set) return query_.evaluate_boolean(root);
        const auto nodes = query_.evaluate_node_set(root);
        if (nodes.empty()) return false;
        for (const auto& found : nodes)
            if (found.node() == root || found.node() == doc) return true;
        item = fragment_of(nodes, uri);
        return true;
    }

  private:
    pugi::xpath_query query_;
    XPathCost cost_;
    double most_;
};

// How deeply predicates stand in one another.
unsigned nesting(std::string_view expression) {
    unsigned depth = 0, deepest = 0;
    char quote = 0;
    for (const char c : expression) {
        if (quote != 0) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if (c == ']' && depth > 0) {
            --depth;
        }
    }
    return deepest;
}

}  // namespace

std::variant<std::unique_ptr<ItemFilter>, Fault> compile_xpath(std::string_view expression,
                                                               const OpsSettings& settings) {
    const auto wrong = [](const std::string& why) {
        return Fault(soap::Subcode::enumeration_cannot_process_filter, {},
                     "The XPath filter cannot be processed: " + why);
    };
    if (expression.empty()) return wrong("it is empty.");
    if (expression.size() > settings.max_filter_bytes)
        return wrong("it is longer than " + std::to_string(settings.max_filter_bytes) + " bytes.")
            .by("wsman.limits.max_filter_bytes");
    if (nesting(expression) > settings.max_filter_nesting)
        return wrong("its predicates are nested more than " + std::to_string(settings.max_filter_nesting) +
                     " deep.")
            .by("wsman.limits.max_filter_nesting");
    try {
        auto f = std::make_unique<XPathFilter>(without_prefixes(expression),
                                               static_cast<double>(settings.max_filter_steps));
        if (!f->valid()) return wrong(f->problem());
        return std::unique_ptr<ItemFilter>(std::move(f));
    } catch (const pugi::xpath_exception& e) {
        return wrong(e.what());
    }
}

}  // namespace wsvirt::wsman
