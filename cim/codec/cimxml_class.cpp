// Class declarations as CIM-XML elements (DSP0201 CLASS and below), for class metadata of both protocols.
#include <algorithm>

#include "cim/codec/cimxml.hpp"

namespace wsvirt::cim::cimxml {

namespace {

struct Wanted {
    bool local_only, qualifiers, class_origin;
};

void write_qualifiers(pugi::xml_node parent, const Qualifiers& all, bool local_only) {
    for (const auto& q : all) {
        if (local_only && q.propagated) continue;
        auto n = parent.append_child("QUALIFIER");
        n.append_attribute("NAME") = q.name.c_str();
        n.append_attribute("TYPE") = std::string(type_name(q.type)).c_str();
        if (q.propagated) n.append_attribute("PROPAGATED") = "true";
        if (!(q.flavor & Qualifier::overridable)) n.append_attribute("OVERRIDABLE") = "false";
        if (!(q.flavor & Qualifier::to_subclass)) n.append_attribute("TOSUBCLASS") = "false";
        if (q.flavor & Qualifier::translatable) n.append_attribute("TRANSLATABLE") = "true";
        Feature f;
        f.type = q.type;
        f.array = q.value.is_array();
        write_value(n, f, q.value);
    }
}

// The declared class of an embedded object has no attribute in the DTD: the qualifier tells it.
void write_embedding(pugi::xml_node n, const Feature& f) {
    if (f.type != Type::instance) return;
    const bool object = f.embedded_class.empty();
    if (find_qualifier(f.qualifiers, object ? "EmbeddedObject" : "EmbeddedInstance")) return;
    Qualifiers implied(1);
    implied[0].name = object ? "EmbeddedObject" : "EmbeddedInstance";
    implied[0].type = object ? Type::boolean : Type::string;
    implied[0].value = object ? Value(true) : Value(f.embedded_class);
    write_qualifiers(n, implied, false);
}

void write_declared_property(pugi::xml_node parent, const Property& p, bool local, const Wanted& w) {
    const bool reference = p.type == Type::reference;
    auto n = parent.append_child(reference ? "PROPERTY.REFERENCE" : p.array ? "PROPERTY.ARRAY" : "PROPERTY");
    n.append_attribute("NAME") = p.name.c_str();
    if (reference)
        n.append_attribute("REFERENCECLASS") = p.ref_class.c_str();
    else
        n.append_attribute("TYPE") = std::string(wire_type(p)).c_str();
    if (w.class_origin) n.append_attribute("CLASSORIGIN") = p.origin.c_str();
    if (!local) n.append_attribute("PROPAGATED") = "true";
    if (const auto kind = embedded_kind(p); !reference && !kind.empty())
        n.append_attribute("EmbeddedObject") = std::string(kind).c_str();
    if (w.qualifiers) {
        write_qualifiers(n, p.qualifiers, w.local_only);
        write_embedding(n, p);
    }
    write_value(n, p, p.default_value);
}

void write_parameter(pugi::xml_node parent, const Parameter& p, const Wanted& w) {
    const bool reference = p.type == Type::reference;
    auto n = parent.append_child(reference ? (p.array ? "PARAMETER.REFARRAY" : "PARAMETER.REFERENCE")
                                           : (p.array ? "PARAMETER.ARRAY" : "PARAMETER"));
    n.append_attribute("NAME") = p.name.c_str();
    if (reference)
        n.append_attribute("REFERENCECLASS") = p.ref_class.c_str();
    else
        n.append_attribute("TYPE") = std::string(wire_type(p)).c_str();
    if (!w.qualifiers) return;
    write_qualifiers(n, p.qualifiers, false);
    write_embedding(n, p);
}

void write_method(pugi::xml_node parent, const Method& m, bool local, const Wanted& w) {
    auto n = parent.append_child("METHOD");
    n.append_attribute("NAME") = m.name.c_str();
    if (m.return_type) n.append_attribute("TYPE") = std::string(type_name(*m.return_type)).c_str();
    if (w.class_origin) n.append_attribute("CLASSORIGIN") = m.origin.c_str();
    if (!local) n.append_attribute("PROPAGATED") = "true";
    if (w.qualifiers) write_qualifiers(n, m.qualifiers, w.local_only);
    for (const auto& p : m.parameters) write_parameter(n, p, w);
}

}  // namespace

void write_class(pugi::xml_node parent, const Class& c, const Namespace&, bool local_only, bool qualifiers,
                 bool class_origin) {
    const Wanted w{local_only, qualifiers, class_origin};
    const Class* super = c.superclass().get();
    auto n = parent.append_child("CLASS");
    n.append_attribute("NAME") = c.name().c_str();
    if (super) n.append_attribute("SUPERCLASS") = super->name().c_str();
    if (qualifiers) write_qualifiers(n, c.qualifiers(), local_only);
    for (const auto* p : c.properties()) {
        const bool local = iequals(p->declared_in, c.name());
        if (local || !local_only) write_declared_property(n, *p, local, w);
    }
    for (const auto* m : c.methods()) {
        const bool local = !super || super->method(m->name) != m;
        if (local || !local_only) write_method(n, *m, local, w);
    }
}

void write_class_name(pugi::xml_node parent, const Class& c) {
    parent.append_child("CLASSNAME").append_attribute("NAME") = c.name().c_str();
}

void write_qualifier_type(pugi::xml_node parent, const QualifierType& q) {
    auto n = parent.append_child("QUALIFIER.DECLARATION");
    n.append_attribute("NAME") = q.name.c_str();
    n.append_attribute("TYPE") = std::string(type_name(q.type)).c_str();
    n.append_attribute("ISARRAY") = q.array ? "true" : "false";
    n.append_attribute("OVERRIDABLE") = q.flavor & Qualifier::overridable ? "true" : "false";
    n.append_attribute("TOSUBCLASS") = q.flavor & Qualifier::to_subclass ? "true" : "false";
    n.append_attribute("TRANSLATABLE") = q.flavor & Qualifier::translatable ? "true" : "false";
    if (!q.scopes.empty()) {
        auto scope = n.append_child("SCOPE");
        for (const auto* name :
             {"class", "association", "reference", "property", "method", "parameter", "indication"}) {
            const bool in = std::any_of(q.scopes.begin(), q.scopes.end(),
                                        [&](const auto& s) { return s == name || s == "any"; });
            if (in) scope.append_attribute(to_upper(name).c_str()) = "true";
        }
    }
    Feature f;
    f.type = q.type;
    f.array = q.array;
    write_value(n, f, q.default_value);
}

}  // namespace wsvirt::cim::cimxml
