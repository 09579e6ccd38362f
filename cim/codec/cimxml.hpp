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

// <INSTANCE CLASSNAME=...> with every property (NULL ones as empty PROPERTY elements).
std::string instance_to_text(const Instance& i);
void write_instance(pugi::xml_node parent, const Instance& i);
void write_class(pugi::xml_node parent, const Class& c, const Namespace& ns, bool local_only, bool qualifiers,
                 bool class_origin);
void write_class_name(pugi::xml_node parent, const Class& c);

// INSTANCENAME, INSTANCEPATH, LOCALINSTANCEPATH.
Result<ObjectPath> path_from_node(const pugi::xml_node& n);
void write_instance_name(pugi::xml_node parent, const ObjectPath& p);
void write_instance_path(pugi::xml_node parent, const ObjectPath& p, std::string_view host);

}  // namespace wsvirt::cim::cimxml
