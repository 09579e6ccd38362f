// Reading of the WS-CIM form, and of everything else that clients put in its place (MS-27).
#include <fmt/format.h>

#include <algorithm>

#include "cim/codec/base64.hpp"
#include "cim/codec/cimxml.hpp"
#include "cim/codec/cimxml_read.hpp"
#include "cim/codec/embedded.hpp"
#include "cim/codec/wscim.hpp"
#include "cim/codec/xml_names.hpp"

namespace wsvirt::cim::wscim {

namespace {

using codec::about;

class Reader {
  public:
    explicit Reader(const Namespace& ns) : ns_(ns) {}

    Result<Instance> instance(const pugi::xml_node& n, std::string_view expected, unsigned depth) {
        if (depth > codec::most_nested)
            return Error{Status::malformed, "wsvirt.embedded.depth", "Instances are nested too deeply."};
        const auto cls = class_of(n, expected);
        if (!cls) {
            const auto named = type_attribute(n);
            const std::string name(!named.empty() ? named : expected.empty() ? xml::local_name(n) : expected);
            return Error{Status::invalid_class, "wsvirt.instance.class",
                         fmt::format("There is no class {} in {}.", name, ns_.name()), name};
        }
        Instance made(cls);
        std::vector<std::pair<std::uint16_t, pugi::xml_node>> given;
        for (const auto& c : n.children()) {
            if (c.type() != pugi::node_element) continue;
            const auto name = xml::local_name(c);
            const int slot = cls->slot(name);
            if (slot >= 0) {
                given.emplace_back(static_cast<std::uint16_t>(slot), c);
            } else if (!name.starts_with("__") && xml::namespace_of(c) != xml::cim_common) {
                return Error{Status::no_such_property, "wsvirt.instance.property",
                             fmt::format("{} has no property {}.", cls->name(), name), std::string(name)};
            }
        }
        std::stable_sort(given.begin(), given.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        std::vector<pugi::xml_node> nodes;
        for (auto at = given.begin(); at != given.end();) {
            const auto slot = at->first;
            nodes.clear();
            for (; at != given.end() && at->first == slot; ++at) nodes.push_back(at->second);
            auto v = value(*cls->properties()[slot], nodes, depth);
            if (!v) return v.error();
            made.set_at(slot, std::move(*v));
        }
        return made;
    }

    Result<Value> value(const Feature& f, const std::vector<pugi::xml_node>& nodes, unsigned depth) {
        if (nodes.empty()) return Value();
        if (!f.array) {
            if (nodes.size() > 1)
                return about(f.name, Status::type_mismatch, "wsvirt.value.count",
                             "one value is needed here, not several.");
            return scalar(f, nodes[0], depth);
        }
        if (nodes.size() == 1) {
            if (xml::is_nil(nodes[0])) return Value();
            if (auto octets = base64_octets(f, nodes[0]); !octets.is_null()) return octets;
        }
        Value::Array items;
        items.reserve(nodes.size());
        for (const auto& n : nodes) {
            auto v = scalar(f, n, depth);
            if (!v) return v.error();
            items.push_back(std::move(*v));
        }
        return Value(std::move(items));
    }

  private:
    // The class that xsi:type names, as written, without prefix.
    static std::string_view type_attribute(const pugi::xml_node& n) {
        return xml::local_name(xml::prefixed_attribute(n, "type"));
    }

    ClassPtr by_type_name(std::string_view name) const {
        if (name.empty()) return nullptr;
        if (auto exact = ns_.find(name)) return exact;
        constexpr std::string_view suffix = "_Type";
        return iends_with(name, suffix) ? ns_.find(name.substr(0, name.size() - suffix.size())) : nullptr;
    }

    ClassPtr class_of(const pugi::xml_node& n, std::string_view expected) const {
        const auto type = type_attribute(n);
        if (auto c = by_type_name(type)) return c;
        if (!type.empty()) return nullptr;
        if (auto c = ns_.find(xml::local_name(n))) return c;
        return expected.empty() ? nullptr : ns_.find(expected);
    }

    Result<Value> scalar(const Feature& f, const pugi::xml_node& n, unsigned depth) {
        if (xml::is_nil(n)) return Value();
        if (codec::embeds(f)) return embedded(f, n, depth);
        if (f.type == Type::reference) return codec::reference_value(ns_, f, read_reference(n));
        const auto inner = xml::first_element(n);
        if (f.type == Type::datetime && inner) return datetime(f, n, inner);
        if (inner)
            return about(f.name, Status::type_mismatch, "wsvirt.value.text",
                         fmt::format("a value of type {} is needed here, not the element {}.",
                                     type_name(f.type), xml::local_name(inner)));
        return text_value(f, xml::text_of(n));
    }

    static Result<Value> text_value(const Feature& f, const std::string& text) {
        auto v = value_from_text(f.type, text);
        if (v) return v;
        return about(f.name, v.error().status, v.error().message_id, v.error().text);
    }

    // cim:Datetime, cim:Interval, cim:Date, cim:CIM_DateTime (C-XML-08)
    static Result<Value> datetime(const Feature& f, const pugi::xml_node& n, const pugi::xml_node& inner) {
        const auto kind = xml::local_name(inner);
        if (xml::element_count(n) != 1 ||
            (kind != "Datetime" && kind != "Interval" && kind != "Date" && kind != "CIM_DateTime"))
            return about(f.name, Status::type_mismatch, "wsvirt.value.datetime",
                         "one of cim:Datetime, cim:Interval, cim:Date and cim:CIM_DateTime is needed here.");
        return text_value(f, xml::text_of(inner));
    }

    static Result<ObjectPath> read_reference(const pugi::xml_node& n) {
        if (const auto inner = xml::first_element(n)) {
            const std::string_view name = inner.name();
            if (cimxml::is_path_element(name)) return cimxml::path_from_node(inner);
            return path_from_epr(n);
        }
        const std::string text = xml::text_of(n);
        const auto t = trim(text);
        if (!t.starts_with('<')) return ObjectPath::parse_reference(t);
        pugi::xml_document doc;
        if (auto r = cimxml::parse_document(doc, t); !r) return r.error();
        const auto root = doc.document_element();
        return cimxml::is_path_element(root.name()) ? cimxml::path_from_node(root) : path_from_epr(root);
    }

    Result<Value> embedded(const Feature& f, const pugi::xml_node& n, unsigned depth) {
        const auto inner = xml::first_element(n);
        const bool typed = !type_attribute(n).empty() && by_type_name(type_attribute(n));
        if (!inner && !typed) return codec::instance_from_any_text(ns_, f, xml::text_of(n), depth);
        Result<Instance> made =
            inner && !typed ? from_child(f, n, inner, depth) : instance(n, f.embedded_class, depth + 1);
        if (!made) {
            if (made.error().subject.empty()) made.error().subject = f.name;
            return made.error();
        }
        if (auto r = codec::check_class(ns_, f, *made); !r) return r.error();
        return Value(std::move(*made));
    }

    // Element content without xsi:type: CIM-XML, one element of the class, or the properties themselves.
    Result<Instance> from_child(const Feature& f, const pugi::xml_node& n, const pugi::xml_node& inner,
                                unsigned depth) {
        if (cimxml::is_instance_element(inner.name()))
            return cimxml::instance_from_node(ns_, inner, depth + 1);
        if (xml::element_count(n) == 1) {
            const bool is_type = !type_attribute(inner).empty() && by_type_name(type_attribute(inner));
            const auto declared = f.embedded_class.empty() ? nullptr : ns_.find(f.embedded_class);
            const bool is_property = declared && declared->slot(xml::local_name(inner)) >= 0;
            if (!is_property && (is_type || ns_.find(xml::local_name(inner)) || f.embedded_class.empty()))
                return instance(inner, f.embedded_class, depth + 1);
        }
        return instance(n, f.embedded_class, depth + 1);
    }

    // One element of base64 in place of repeated numbers (C-XML-14). What consists of digits only is a
    // number, maybe one that is too large, unless the declaration says otherwise.
    static Value base64_octets(const Feature& f, const pugi::xml_node& n) {
        if (f.type != Type::uint8 || xml::first_element(n)) return {};
        const auto text = xml::text_of(n);
        const auto t = trim(text);
        const bool declared = find_qualifier(f.qualifiers, "OctetString") != nullptr;
        if (declared && t.empty()) return Value(Value::Array{});
        if (!declared && t.find_first_not_of("0123456789") == std::string_view::npos) return {};
        if (t.size() < 4 || (!declared && value_from_text(Type::uint8, t).ok())) return {};
        const auto bytes = base64_decode(t);
        if (!bytes) return {};
        Value::Array items;
        items.reserve(bytes->size());
        for (const char c : *bytes)
            items.emplace_back(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
        return Value(std::move(items));
    }

    const Namespace& ns_;
};

// Class and, for WMI URIs, namespace of a resource URI.
Result<ObjectPath> path_of_uri(std::string_view uri) {
    constexpr std::string_view dmtf = "/wbem/wscim/1/cim-schema/2/", wmi = "/wbem/wsman/1/wmi/";
    const auto at = uri.find(dmtf), from = uri.find(wmi);  // a namespace may look like the other one
    ObjectPath p;
    if (at < from) {
        p.set_class_name(std::string(uri.substr(at + dmtf.size())));
    } else if (from != std::string_view::npos) {
        const auto rest = uri.substr(from + wmi.size());
        const auto slash = rest.rfind('/');
        if (slash != std::string_view::npos) {
            p.set_name_space(normal_namespace(rest.substr(0, slash)));
            p.set_class_name(std::string(rest.substr(slash + 1)));
        }
    }
    if (!is_name(p.class_name()))
        return Error{Status::malformed, "wsvirt.epr.uri", fmt::format("'{}' names no CIM class.", uri),
                     "ResourceURI"};
    return p;
}

Result<ObjectPath> epr(const pugi::xml_node& content, unsigned depth);

Result<void> add_selector(ObjectPath& p, const pugi::xml_node& selector, unsigned depth) {
    const std::string name = selector.attribute("Name").value();
    if (!is_name(name))
        return Error{Status::malformed, "wsvirt.epr.selector", "The Name of a Selector is not that of a key.",
                     "Selector"};
    if (const auto nested = xml::child(selector, "EndpointReference")) {
        auto inner = epr(nested, depth + 1);
        if (!inner) return inner.error();
        p.set_key(name, Value(std::move(*inner)));
        return {};
    }
    auto text = xml::text_of(selector);
    if (iequals(name, "__cimnamespace"))
        p.set_name_space(normal_namespace(trim(text)));
    else
        p.set_key(name, Value(std::move(text)));
    return {};
}

Result<ObjectPath> epr(const pugi::xml_node& content, unsigned depth) {
    if (depth > codec::most_nested)
        return Error{Status::malformed, "wsvirt.epr.depth", "Endpoint references are nested too deeply."};
    if (const auto nested = xml::child(content, "EndpointReference")) return epr(nested, depth + 1);
    auto parameters = xml::child(content, "ReferenceParameters");
    if (!parameters) parameters = xml::child(content, "ReferenceProperties");
    const auto uri = xml::child(parameters, "ResourceURI");
    if (!uri)
        return Error{Status::malformed, "wsvirt.epr.uri",
                     "An endpoint reference needs ReferenceParameters with a ResourceURI.", "ResourceURI"};
    auto p = path_of_uri(trim(uri.child_value()));
    if (!p) return p;
    for (const auto& c : xml::child(parameters, "SelectorSet").children())
        if (c.type() == pugi::node_element && xml::local_name(c) == "Selector")
            if (auto r = add_selector(*p, c, depth); !r) return r.error();
    if (!is_namespace(p->name_space()))
        return Error{Status::malformed, "wsvirt.epr.namespace",
                     fmt::format("'{}' is not a namespace.", p->name_space()), "__cimnamespace"};
    return p;
}

}  // namespace

Result<Instance> instance_from_node(const Namespace& ns, const pugi::xml_node& n, std::string_view expected) {
    return Reader(ns).instance(n, expected, 0);
}

Result<Value> value_from_nodes(const Namespace& ns, const Feature& f,
                               const std::vector<pugi::xml_node>& nodes) {
    return Reader(ns).value(f, nodes, 0);
}

Result<ObjectPath> path_from_epr(const pugi::xml_node& epr_content) {
    return epr(epr_content, 0);
}

}  // namespace wsvirt::cim::wscim
