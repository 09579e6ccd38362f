// Resource URIs and selectors to CIM names and back: the two families of class URIs (DSP0227 6.1 and
// Microsoft's WMI URIs), the all-classes URIs, the class metadata URIs, the __cimnamespace selector. Pure
// functions.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "wsman/ops/call.hpp"

namespace wsvirt::wsman {

enum class TargetKind {
    cim_class,       // a class, or with selectors one of its instances
    all_classes,     // "*"
    metadata_class,  // the declaration of a class, in CIM-XML
    metadata_all,    // those of all classes, or of the one that the selector ClassName names
};

struct Target {
    TargetKind kind = TargetKind::cim_class;
    cim::wscim::Family family = cim::wscim::Family::dmtf;
    const cim::Namespace* ns = nullptr;
    cim::ClassPtr cls;     // null for the all-classes URIs without ClassName
    cim::ObjectPath path;  // namespace, class and the selectors as keys (texts and references)

    // How answers about this target are written.
    cim::wscim::Style style(const Call& call) const;
    std::string class_uri() const { return cim::wscim::class_uri(family, ns->name(), cls->name()); }
};

// What the class part of a URI says; false when it is of no known family.
struct ClassUri {
    TargetKind kind = TargetKind::cim_class;
    cim::wscim::Family family = cim::wscim::Family::dmtf;
    std::string name_space;  // "" when the URI does not say it
    std::string class_name;
};
bool parse_class_uri(std::string_view uri, ClassUri& out);

// The target of a request, or the fault that says what is wrong with it. The class exists.
std::variant<Target, soap::Fault> target_of(const Call& call);
// The same for a URI that stands elsewhere (the action of a method call without ResourceURI).
std::variant<Target, soap::Fault> target_of(const Call& call, std::string_view resource_uri);

// An endpoint reference of a selector as a path.
cim::ObjectPath path_of(const soap::Epr& epr, const cim::Namespace& default_namespace);
// <a:EndpointReference>...</a:EndpointReference>
void append_epr(std::string& out, const cim::wscim::Style& style, const cim::ObjectPath& path);
// The RequestedEPR header, "" when it was not asked for. No path: EPRInvalid.
std::string requested_epr(const Call& call, const cim::wscim::Style& style, const cim::ObjectPath* path);

}  // namespace wsvirt::wsman
