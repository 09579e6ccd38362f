// Instances, values, paths and classes as CIM-XML elements (DSP0201), in both DTD styles: CIM DTD 2.0 and
// WMI DTD 2.0 (GetText_(1) and GetText_(2)). Never resolves entities or DOCTYPEs; nesting at most 64.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::cimxml {

// One INSTANCE (bare, or inside VALUE.NAMEDINSTANCE, VALUE.OBJECT and the like, or inside DECLGROUP as WMI
// wraps it), with or without XML declaration, as text. Only properties present in the text are given.
// Errors: malformed, invalid_class, no_such_property, type_mismatch; subject = property or class.
Result<Instance> instance_from_text(const Namespace& ns, std::string_view text);
Result<Instance> instance_from_node(const Namespace& ns, const pugi::xml_node& instance_element);

// The value of a declared feature from an element that holds VALUE, VALUE.ARRAY, VALUE.REFERENCE and the like
// (PROPERTY, PARAMVALUE, KEYVALUE's neighbours); no such child is NULL. Errors: as above, subject = f.name.
Result<Value> value_from_node(const Namespace& ns, const Feature& f, const pugi::xml_node& n);

// <INSTANCE CLASSNAME=...> with every property (NULL ones as empty PROPERTY elements).
std::string instance_to_text(const Instance& i);
void write_instance(pugi::xml_node parent, const Instance& i);
// One PROPERTY, PROPERTY.ARRAY or PROPERTY.REFERENCE.
void write_property(pugi::xml_node parent, const Property& p, const Value& v);
// VALUE, VALUE.ARRAY, VALUE.REFERENCE ...; nothing for NULL.
void write_value(pugi::xml_node parent, const Feature& f, const Value& v);
std::string_view wire_type(const Feature& f);      // the TYPE or PARAMTYPE attribute
std::string_view embedded_kind(const Feature& f);  // the EmbeddedObject attribute: "instance", "object" or ""
void write_class(pugi::xml_node parent, const Class& c, const Namespace& ns, bool local_only, bool qualifiers,
                 bool class_origin);
void write_class_name(pugi::xml_node parent, const Class& c);
// CLASSPATH; without a host: LOCALCLASSPATH.
void write_class_path(pugi::xml_node parent, const Class& c, const Namespace& ns, std::string_view host);
void write_qualifier_type(pugi::xml_node parent, const QualifierType& q);

// INSTANCENAME, INSTANCEPATH, LOCALINSTANCEPATH.
Result<ObjectPath> path_from_node(const pugi::xml_node& n);
void write_instance_name(pugi::xml_node parent, const ObjectPath& p);
// Without a host: LOCALINSTANCEPATH.
void write_instance_path(pugi::xml_node parent, const ObjectPath& p, std::string_view host);
// VALUE.REFERENCE with as much of the path as is known.
void write_reference(pugi::xml_node parent, const ObjectPath& p);

}  // namespace wsvirt::cim::cimxml
