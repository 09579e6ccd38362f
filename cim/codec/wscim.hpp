// Instances and parameters in the WS-CIM XML form (DSP0230). Writing appends text straight to a buffer,
// because enumerations of thousands of instances are the hot path; reading walks a pugixml node.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::wscim {

// Which family of resource URIs an answer uses: that of the request.
enum class Family { dmtf, wmi };

// The URI of a class: ".../cim-schema/2/Class" or ".../wmi/root/virtualization/v2/Class".
std::string class_uri(Family f, std::string_view name_space, std::string_view class_name);

struct Style {
    Family family = Family::dmtf;
    std::string name_space;             // of the instances, "root/virtualization/v2"
    std::string address;                // wsa:Address of EPRs
    std::string_view wsa_prefix = "a";  // bound on the Envelope
    std::string_view wsman_prefix = "w";
    std::string_view wsa_namespace;         // informational
    bool selector_namespace_always = true;  // put __cimnamespace into EPRs
};

// <p:Class xmlns:p="uri">...</p:Class>, properties in alphabetical order, NULL scalars xsi:nil, NULL arrays
// omitted (clients count a nil as an element). `only`: nullptr or the slots to write, for projections.
// Prefixes xsi, cim, and those of Style must be bound by the envelope.
void write_instance(std::string& out, const Style& s, const Instance& i,
                    const std::vector<std::uint16_t>* only = nullptr);
// The instance written as another (super) class: ExcludeSubClassProperties.
void write_instance_as(std::string& out, const Style& s, const Instance& i, const Class& as);
// Projection: <w:XmlFragment><p:Prop xmlns:p=...>...</p:Prop>...</w:XmlFragment>, alphabetical.
void write_fragment(std::string& out, const Style& s, const Instance& i,
                    const std::vector<std::string>& names);
// One property or parameter element, repeated for arrays.
void write_feature(std::string& out, const Style& s, std::string_view prefix, const Feature& f,
                   const Value& v);
// <a:Address>..</a:Address><a:ReferenceParameters>..</a:ReferenceParameters>
void write_epr_content(std::string& out, const Style& s, const ObjectPath& p);
void append_escaped(std::string& out, std::string_view text, bool attribute = false);

// An instance element in either of the forms of the reference MS-27 (a) and (b). The class comes from the
// element, its xsi:type (with or without _Type, also under a wrong xsi namespace), or `expected`.
Result<Instance> instance_from_node(const Namespace& ns, const pugi::xml_node& n,
                                    std::string_view expected = {});
// The value of a declared property or parameter from all elements of that name (arrays repeat). Embedded
// instances are recognised in every form: child elements, CIM-XML text, MOF text; references as EPR content,
// nested EndpointReference or WMI path text. xsi:nil gives NULL. Errors as instance_from_node, subject =
// f.name.
Result<Value> value_from_nodes(const Namespace& ns, const Feature& f,
                               const std::vector<pugi::xml_node>& nodes);
// EPR content (children Address, ReferenceParameters) to a path; class and namespace from the ResourceURI,
// overridden by __cimnamespace.
Result<ObjectPath> path_from_epr(const pugi::xml_node& epr_content);

}  // namespace wsvirt::cim::wscim
