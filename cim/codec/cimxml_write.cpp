// Instances, values and paths as CIM-XML elements.
#include "base/xml_text.hpp"
#include "base/xml_writer.hpp"
#include "cim/codec/cimxml.hpp"

namespace wsvirt::cim::cimxml {

namespace {

void set_text(pugi::xml_node n, std::string_view text) {
    n.append_child(pugi::node_pcdata).set_value(xml_printable(text).c_str());
}

void set_attribute(pugi::xml_node n, const char* name, std::string_view value) {
    n.append_attribute(name).set_value(xml_printable(value).c_str());
}

void write_scalar(pugi::xml_node parent, const Feature& f, const Value& v) {
    if (v.is_null()) {
        parent.append_child("VALUE.NULL");
    } else if (const auto* p = v.as_path()) {
        write_reference(parent, *p);
    } else if (const auto* i = v.as_instance()) {
        // Printable already; cleaned once more at each level it would cost as often as it is deep.
        parent.append_child("VALUE").append_child(pugi::node_pcdata).set_value(instance_to_text(*i).c_str());
    } else {
        set_text(parent.append_child("VALUE"), value_to_text(f.type, v));
    }
}

void write_keys(pugi::xml_node name, const ObjectPath& p) {
    for (const auto& [key, value] : p.keys()) {
        auto parent = name;
        if (!key.empty()) {
            parent = name.append_child("KEYBINDING");
            set_attribute(parent, "NAME", key);
        }
        if (const auto* inner = value.as_path()) {
            write_reference(parent, *inner);
            continue;
        }
        auto kv = parent.append_child("KEYVALUE");
        const auto kind = value.storage().index();
        kv.append_attribute("VALUETYPE") = value.as_bool()          ? "boolean"
                                           : kind >= 2 && kind <= 4 ? "numeric"
                                                                    : "string";
        set_text(kv, value_to_text(Type::string, value));
    }
}

void write_local_namespace(pugi::xml_node parent, std::string_view name_space) {
    auto local = parent.append_child("LOCALNAMESPACEPATH");
    for (const auto& part : split(normal_namespace(name_space), '/'))
        set_attribute(local.append_child("NAMESPACE"), "NAME", part);
}

// NAMESPACEPATH, or LOCALNAMESPACEPATH without a host.
void write_namespace(pugi::xml_node parent, std::string_view name_space, std::string_view host) {
    if (host.empty()) return write_local_namespace(parent, name_space);
    auto where = parent.append_child("NAMESPACEPATH");
    set_text(where.append_child("HOST"), host);
    write_local_namespace(where, name_space);
}

}  // namespace

std::string_view wire_type(const Feature& f) {
    return f.type == Type::instance ? std::string_view("string") : type_name(f.type);
}

std::string_view embedded_kind(const Feature& f) {
    if (f.embedded_object) return "object";
    return f.type == Type::instance || !f.embedded_class.empty() ? std::string_view("instance")
                                                                 : std::string_view{};
}

void write_value(pugi::xml_node parent, const Feature& f, const Value& v) {
    if (v.is_null()) return;
    const auto* items = v.as_array();
    if (!items) return write_scalar(parent, f, v);
    auto array = parent.append_child(f.type == Type::reference ? "VALUE.REFARRAY" : "VALUE.ARRAY");
    for (const auto& item : *items) write_scalar(array, f, item);
}

void write_property(pugi::xml_node parent, const Property& p, const Value& v) {
    const bool reference = p.type == Type::reference;
    auto n = parent.append_child(reference ? "PROPERTY.REFERENCE" : p.array ? "PROPERTY.ARRAY" : "PROPERTY");
    set_attribute(n, "NAME", p.name);
    if (reference) {
        if (!p.ref_class.empty()) set_attribute(n, "REFERENCECLASS", p.ref_class);
    } else {
        set_attribute(n, "TYPE", wire_type(p));
        if (const auto kind = embedded_kind(p); !kind.empty()) set_attribute(n, "EmbeddedObject", kind);
    }
    write_value(n, p, v);
}

void write_instance(pugi::xml_node parent, const Instance& i) {
    auto n = parent.append_child("INSTANCE");
    set_attribute(n, "CLASSNAME", i.cls().name());
    for (std::size_t slot = 0; slot < i.size(); ++slot)
        write_property(n, *i.cls().properties()[slot], i.at(slot));
}

std::string instance_to_text(const Instance& i) {
    pugi::xml_document doc;
    write_instance(doc, i);
    std::string text;
    XmlWriter out(text);
    doc.save(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
    return text;
}

void write_instance_name(pugi::xml_node parent, const ObjectPath& p) {
    auto n = parent.append_child("INSTANCENAME");
    set_attribute(n, "CLASSNAME", p.class_name());
    write_keys(n, p);
}

void write_instance_path(pugi::xml_node parent, const ObjectPath& p, std::string_view host) {
    auto n = parent.append_child(host.empty() ? "LOCALINSTANCEPATH" : "INSTANCEPATH");
    write_namespace(n, p.name_space(), host);
    write_instance_name(n, p);
}

void write_class_path(pugi::xml_node parent, const Class& c, const Namespace& ns, std::string_view host) {
    auto n = parent.append_child(host.empty() ? "LOCALCLASSPATH" : "CLASSPATH");
    write_namespace(n, ns.name(), host);
    write_class_name(n, c);
}

void write_reference(pugi::xml_node parent, const ObjectPath& p) {
    auto n = parent.append_child("VALUE.REFERENCE");
    if (p.name_space().empty())
        write_instance_name(n, p);
    else
        write_instance_path(n, p, p.host());
}

}  // namespace wsvirt::cim::cimxml
