#include "cim/codec/cimxml_read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cim/codec/cimxml.hpp"
#include "cim/codec/embedded.hpp"
#include "cim/codec/xml_names.hpp"

namespace wsvirt::cim::cimxml {

namespace {

using codec::about;

constexpr unsigned deepest = 64;  // levels of elements

constexpr std::array<std::string_view, 13> wrappers{"CIM",
                                                    "DECLARATION",
                                                    "DECLGROUP",
                                                    "DECLGROUP.WITHNAME",
                                                    "DECLGROUP.WITHPATH",
                                                    "VALUE.OBJECT",
                                                    "VALUE.NAMEDOBJECT",
                                                    "VALUE.NAMEDINSTANCE",
                                                    "VALUE.OBJECTWITHPATH",
                                                    "VALUE.OBJECTWITHLOCALPATH",
                                                    "VALUE.INSTANCE",
                                                    "VALUE.INSTANCEWITHPATH",
                                                    "VALUE.EMBEDDEDOBJECT"};

constexpr std::array<std::string_view, 8> paths{"INSTANCENAME",    "INSTANCEPATH", "LOCALINSTANCEPATH",
                                                "VALUE.REFERENCE", "CLASSNAME",    "CLASSPATH",
                                                "LOCALCLASSPATH",  "OBJECTPATH"};

Error malformed(std::string_view text, std::string_view subject = {}) {
    return {Status::malformed, "wsvirt.cimxml.form", std::string(text), std::string(subject)};
}

pugi::xml_node find_instance(const pugi::xml_node& n) {
    if (std::string_view(n.name()) == "INSTANCE") return n;
    if (!is_instance_element(n.name())) return {};
    for (const auto& c : n.children())
        if (const auto found = find_instance(c)) return found;
    return {};
}

class Reader {
  public:
    Reader(const Namespace& ns, unsigned depth) : ns_(ns), depth_(depth) {}

    Result<Instance> instance(const pugi::xml_node& n) {
        if (depth_ > codec::most_nested) return malformed("Instances are nested too deeply.");
        const std::string name = n.attribute("CLASSNAME").value();
        const auto cls = ns_.find(name);
        if (!cls)
            return Error{Status::invalid_class, "wsvirt.instance.class",
                         fmt::format("There is no class {} in {}.", name, ns_.name()), name};
        Instance made(cls);
        for (const auto& c : n.children()) {
            const std::string_view kind = c.name();
            if (!kind.starts_with("PROPERTY")) continue;  // qualifiers say nothing about an instance
            if (auto r = property(made, c); !r) return r.error();
        }
        return made;
    }

    // `n` holds VALUE, VALUE.ARRAY and the like.
    Result<Value> value(const Feature& f, const pugi::xml_node& n) {
        const auto c = content(n);
        if (!c) return Value();
        const std::string_view kind = c.name();
        const bool is_array =
            kind == "VALUE.ARRAY" || kind == "VALUE.REFARRAY" || kind == "VALUE.OBJECTARRAY";
        if (!is_array) {
            auto one = scalar(f, c);
            if (!one || !f.array || one->is_null()) return one;
            return Value(Value::Array{std::move(*one)});
        }
        if (!f.array)
            return about(f.name, Status::type_mismatch, "wsvirt.value.count",
                         "one value is needed here, not an array.");
        Value::Array items;
        for (const auto& item : c.children()) {
            if (item.type() != pugi::node_element) continue;
            if (std::string_view(item.name()) == "VALUE.NULL") {
                items.emplace_back();
                continue;
            }
            auto v = scalar(f, item);
            if (!v) return v.error();
            items.push_back(std::move(*v));
        }
        return Value(std::move(items));
    }

  private:
    static pugi::xml_node content(const pugi::xml_node& n) {
        for (const auto& c : n.children())
            if (c.type() == pugi::node_element && std::string_view(c.name()) != "QUALIFIER") return c;
        return {};
    }

    Result<void> property(Instance& made, const pugi::xml_node& n) {
        const std::string_view name = n.attribute("NAME").value();
        if (name.starts_with("__")) return {};  // WMI's GetText writes its system properties too
        const int slot = made.cls().slot(name);
        if (slot < 0)
            return Error{Status::no_such_property, "wsvirt.instance.property",
                         fmt::format("{} has no property {}.", made.cls().name(), name), std::string(name)};
        auto v = value(*made.cls().properties()[static_cast<std::size_t>(slot)], n);
        if (!v) return v.error();
        made.set_at(static_cast<std::size_t>(slot), std::move(*v));
        return {};
    }

    Result<Value> scalar(const Feature& f, const pugi::xml_node& n) {
        const std::string_view kind = n.name();
        if (codec::embeds(f)) return embedded(f, n);
        if (is_path_element(kind)) {
            if (f.type != Type::reference)
                return about(
                    f.name, Status::type_mismatch, "wsvirt.value.text",
                    fmt::format("a value of type {} is needed here, not a reference.", type_name(f.type)));
            return codec::reference_value(ns_, f, path_from_node(n));
        }
        if (kind != "VALUE" || xml::first_element(n))
            return about(f.name, Status::malformed, "wsvirt.cimxml.form",
                         fmt::format("{} cannot stand here.", kind));
        const std::string text = xml::text_of(n);
        if (f.type == Type::reference)
            return codec::reference_value(ns_, f, ObjectPath::parse_reference(text));
        const auto t = trim(text);
        const bool hex = t.find("0x") != std::string_view::npos || t.find("0X") != std::string_view::npos;
        const bool integer = f.type != Type::string && f.type != Type::char16 && f.type != Type::datetime;
        auto v = value_from_text(f.type, text, hex && integer);
        if (v) return v;
        return about(f.name, v.error().status, v.error().message_id, v.error().text);
    }

    Result<Value> embedded(const Feature& f, const pugi::xml_node& n) {
        const auto inner = std::string_view(n.name()) == "VALUE" ? xml::first_element(n) : n;
        if (!inner) return codec::instance_from_any_text(ns_, f, xml::text_of(n), depth_);
        const auto element = find_instance(inner);
        if (!element)
            return about(f.name, Status::malformed, "wsvirt.cimxml.form",
                         fmt::format("an INSTANCE is needed here, not {}.", inner.name()));
        auto made = Reader(ns_, depth_ + 1).instance(element);
        if (!made) return made.error();
        if (auto r = codec::check_class(ns_, f, *made); !r) return r.error();
        return Value(std::move(*made));
    }

    const Namespace& ns_;
    unsigned depth_;
};

Result<void> add_key(ObjectPath& p, std::string name, const pugi::xml_node& n) {
    const std::string_view kind = n.name();
    if (kind == "VALUE.REFERENCE") {
        auto inner = path_from_node(n);
        if (!inner) return inner.error();
        p.set_key(std::move(name), Value(std::move(*inner)));
        return {};
    }
    if (kind != "KEYVALUE") return malformed("A KEYBINDING needs a KEYVALUE or a VALUE.REFERENCE.", name);
    const std::string text = xml::text_of(n);
    const std::string_view value_type = n.attribute("VALUETYPE").value();
    const std::string_view named = n.attribute("TYPE").value();
    Type type = Type::string;
    if (!named.empty()) {
        if (!type_from_name(named, type)) return malformed(fmt::format("{} is not a CIM type.", named), name);
    } else if (value_type == "boolean") {
        type = Type::boolean;
    } else if (value_type == "numeric") {
        type = trim(text).starts_with('-') ? Type::sint64 : Type::uint64;
    }
    auto v = type == Type::string ? Result<Value>(Value(text)) : value_from_text(type, text);
    if (!v && named.empty() && value_type == "numeric") v = value_from_text(Type::real64, text);
    if (!v) return about(name, v.error().status, v.error().message_id, v.error().text);
    p.set_key(std::move(name), std::move(*v));
    return {};
}

Result<ObjectPath> instance_name(const pugi::xml_node& n) {
    ObjectPath p;
    p.set_class_name(n.attribute("CLASSNAME").value());
    if (!is_name(p.class_name()))
        return malformed("An INSTANCENAME needs the name of a class.", p.class_name());
    for (const auto& c : n.children()) {
        if (c.type() != pugi::node_element) continue;
        const bool named = std::string_view(c.name()) == "KEYBINDING";
        const auto value = named ? xml::first_element(c) : c;
        if (named ? !is_name(c.attribute("NAME").value()) : !p.keys().empty())
            return malformed("Each key of an INSTANCENAME needs its NAME.", p.class_name());
        if (auto r = add_key(p, named ? c.attribute("NAME").value() : "", value); !r) return r.error();
    }
    return p;
}

std::string local_namespace(const pugi::xml_node& n) {
    std::string r;
    for (const auto& c : n.children("NAMESPACE"))
        r.append(r.empty() ? "" : "/").append(c.attribute("NAME").value());
    return normal_namespace(r);
}

Result<ObjectPath> read_path(const pugi::xml_node& n, unsigned depth) {
    const std::string_view kind = n.name();
    if (depth > codec::most_nested) return malformed("References are nested too deeply.");
    if (kind == "VALUE.REFERENCE" || kind == "OBJECTPATH") return read_path(xml::first_element(n), depth + 1);
    if (kind == "INSTANCENAME") return instance_name(n);
    if (kind == "CLASSNAME") {
        ObjectPath p;
        p.set_class_name(n.attribute("NAME").value());
        if (!is_name(p.class_name()))
            return malformed("A CLASSNAME needs the name of a class.", p.class_name());
        return p;
    }
    if (!is_path_element(kind)) return malformed(fmt::format("'{}' is not the element of a path.", kind));
    auto name = n.child("INSTANCENAME");
    if (!name) name = n.child("CLASSNAME");
    if (!name) return malformed(fmt::format("{} names no instance.", kind));
    auto p = read_path(name, depth + 1);
    if (!p) return p;
    const auto full = n.child("NAMESPACEPATH");
    auto name_space = local_namespace((full ? full : n).child("LOCALNAMESPACEPATH"));
    if (!is_namespace(name_space)) return malformed(fmt::format("'{}' is not a namespace.", name_space));
    p->set_name_space(std::move(name_space));
    if (full) p->set_host(full.child_value("HOST"));
    if (p->host().find_first_of("/\\") != std::string::npos)
        return malformed(fmt::format("'{}' is not the name of a host.", p->host()));
    return p;
}

}  // namespace

bool is_instance_element(std::string_view name) {
    return name == "INSTANCE" || std::find(wrappers.begin(), wrappers.end(), name) != wrappers.end();
}

bool is_path_element(std::string_view name) {
    return std::find(paths.begin(), paths.end(), name) != paths.end();
}

Result<void> parse_document(pugi::xml_document& doc, std::string_view text) {
    if (text.find("<!DOCTYPE") != std::string_view::npos)
        return malformed("A document type declaration is not allowed in embedded XML.");
    if (!xml::references_are_characters(text))
        return malformed("The embedded XML refers to a character that XML does not allow.");
    const auto r = doc.load_buffer(text.data(), text.size(),
                                   pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
    if (!r)
        return malformed(fmt::format("The embedded XML is not well-formed: {} at character {}.",
                                     r.description(), r.offset));
    const auto root = doc.document_element();
    if (!root) return malformed("The embedded XML is empty.");
    if (xml::deeper_than(root, deepest)) return malformed("The embedded XML is nested too deeply.");
    return {};
}

Result<Instance> instance_from_text(const Namespace& ns, std::string_view text, unsigned depth) {
    pugi::xml_document doc;
    if (auto r = parse_document(doc, text); !r) return r.error();
    return instance_from_node(ns, doc.document_element(), depth);
}

Result<Instance> instance_from_node(const Namespace& ns, const pugi::xml_node& n, unsigned depth) {
    const auto element = find_instance(n);
    if (!element) return malformed(fmt::format("An INSTANCE element is needed, not {}.", n.name()));
    return Reader(ns, depth).instance(element);
}

Result<Instance> instance_from_text(const Namespace& ns, std::string_view text) {
    return instance_from_text(ns, text, 0);
}

Result<Instance> instance_from_node(const Namespace& ns, const pugi::xml_node& instance_element) {
    return instance_from_node(ns, instance_element, 0);
}

Result<Value> value_from_node(const Namespace& ns, const Feature& f, const pugi::xml_node& n) {
    return Reader(ns, 0).value(f, n);
}

Result<ObjectPath> path_from_node(const pugi::xml_node& n) {
    return read_path(n, 0);
}

}  // namespace wsvirt::cim::cimxml
