#include "wsman/ops/epr.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "wsman/soap/names.hpp"

namespace wsvirt::wsman {
namespace {

using cim::wscim::Family;
using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;

constexpr std::string_view dmtf_class = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
constexpr std::string_view dmtf_all = "http://schemas.dmtf.org/wbem/wscim/1/*";
constexpr std::string_view metadata = "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/";
constexpr std::string_view wmi = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";

Fault bad_uri(std::string text) {
    return {Subcode::destination_unreachable, fd::invalid_resource_uri, std::move(text)};
}

std::optional<Fault> check_selectors(const Call& call) {
    const auto& selectors = call.headers().selectors;
    if (selectors.size() > call.settings.max_selectors)
        return Fault(Subcode::encoding_limit, fd::selector_limit).by("wsman.limits.max_selectors");
    for (std::size_t i = 0; i < selectors.size(); ++i) {
        if (selectors[i].name.empty())
            return Fault(Subcode::schema_validation, {}, "A wsman:Selector has no Name attribute.");
        for (std::size_t k = 0; k < i; ++k)
            if (iequals(selectors[k].name, selectors[i].name))
                return Fault(Subcode::invalid_selectors, fd::duplicate_selectors,
                             "The selector " + selectors[i].name + " is given twice. Send it once.");
    }
    return std::nullopt;
}

const std::string* namespace_selector(const soap::RequestHeaders& h) {
    for (const auto& s : h.selectors)
        if (iequals(s.name, "__cimnamespace")) return &s.value;
    return nullptr;
}

// The namespace of a request from its URI, its selector, or the default.
std::variant<const cim::Namespace*, Fault> namespace_of(const Call& call, const ClassUri& uri) {
    const auto* selected = namespace_selector(call.headers());
    const auto& schema = call.om.schema();
    if (!uri.name_space.empty()) {
        const auto* ns = schema.find(uri.name_space);
        if (!ns) return bad_uri("The namespace " + uri.name_space + " of the resource URI does not exist.");
        if (selected && schema.find(*selected) != ns)
            return Fault(
                Subcode::invalid_selectors, fd::invalid_value,
                "The selector __cimnamespace names another namespace than the resource URI. Leave it out.");
        return ns;
    }
    const auto& name = selected ? *selected : call.settings.default_namespace;
    const auto* ns = schema.find(name);
    if (!ns) return Fault(Subcode::destination_unreachable, {}, "The namespace " + name + " does not exist.");
    return ns;
}

}  // namespace

bool parse_class_uri(std::string_view uri, ClassUri& out) {
    if (iequals(uri, dmtf_all) || iequals(uri, std::string(dmtf_class) + "*")) {
        out.kind = TargetKind::all_classes;
        return true;
    }
    if (istarts_with(uri, dmtf_class) || istarts_with(uri, metadata)) {
        const bool declaration = istarts_with(uri, metadata);
        const auto name = uri.substr(declaration ? metadata.size() : dmtf_class.size());
        out.kind = !declaration  ? TargetKind::cim_class
                   : name == "*" ? TargetKind::metadata_all
                                 : TargetKind::metadata_class;
        out.class_name = name;
    } else if (istarts_with(uri, wmi)) {
        const auto rest = uri.substr(wmi.size());
        const auto slash = rest.rfind('/');
        if (slash == std::string_view::npos || slash == 0) return false;
        out.family = Family::wmi;
        out.name_space = cim::normal_namespace(rest.substr(0, slash));
        out.class_name = rest.substr(slash + 1);
        out.kind = out.class_name == "*" ? TargetKind::all_classes : TargetKind::cim_class;
    } else {
        return false;
    }
    return !out.class_name.empty() && out.class_name.find_first_of("/?#&= ") == std::string::npos;
}

std::variant<Target, Fault> target_of(const Call& call) {
    if (!call.headers().resource_uri || call.headers().resource_uri->empty())
        return bad_uri("The header wsman:ResourceURI is missing. It names the class.");
    return target_of(call, *call.headers().resource_uri);
}

std::variant<Target, Fault> target_of(const Call& call, std::string_view resource_uri) {
    if (resource_uri.size() > call.settings.max_uri_characters)
        return Fault(Subcode::encoding_limit, fd::uri_limit).by("wsman.limits.max_uri_characters");
    if (auto fault = check_selectors(call)) return *fault;
    ClassUri uri;
    if (!parse_class_uri(resource_uri, uri))
        return bad_uri("The resource URI " + std::string(resource_uri) +
                       " is of no family that this service knows.");
    auto ns = namespace_of(call, uri);
    if (auto* fault = std::get_if<Fault>(&ns)) return *fault;
    Target t;
    t.kind = uri.kind;
    t.family = uri.family;
    t.ns = std::get<const cim::Namespace*>(ns);
    if (t.kind == TargetKind::cim_class || t.kind == TargetKind::metadata_class) {
        t.cls = t.ns->find(uri.class_name);
        if (!t.cls)
            return bad_uri("The class " + uri.class_name + " does not exist in the namespace " +
                           t.ns->name() + ".");
    }
    t.path = cim::ObjectPath(t.ns->name(), t.cls ? t.cls->name() : "");
    for (const auto& s : call.headers().selectors) {
        if (iequals(s.name, "__cimnamespace")) continue;
        if (t.kind == TargetKind::metadata_all && iequals(s.name, "ClassName")) {
            t.cls = t.ns->find(s.value);
            if (t.cls) continue;
            return bad_uri("The class " + s.value + " does not exist in the namespace " + t.ns->name() + ".");
        }
        t.path.set_key(s.name, s.epr ? cim::Value(path_of(*s.epr, *t.ns)) : cim::Value(s.value));
    }
    return t;
}

cim::wscim::Style Target::style(const Call& call) const {
    cim::wscim::Style s;
    s.family = family;
    s.name_space = ns->name();
    const bool newer = call.headers().addressing == soap::Addressing::wsa05;
    s.address = newer ? soap::uri::anonymous05 : soap::uri::anonymous04;
    s.wsa_namespace = newer ? soap::ns::wsa05 : soap::ns::wsa04;
    return s;
}

cim::ObjectPath path_of(const soap::Epr& epr, const cim::Namespace& default_namespace) {
    ClassUri uri;
    parse_class_uri(epr.resource_uri, uri);
    cim::ObjectPath p(uri.name_space.empty() ? default_namespace.name() : uri.name_space, uri.class_name);
    for (const auto& s : epr.selectors) {
        if (iequals(s.name, "__cimnamespace"))
            p.set_name_space(cim::normal_namespace(s.value));
        else
            p.set_key(s.name, s.epr ? cim::Value(path_of(*s.epr, default_namespace)) : cim::Value(s.value));
    }
    return p;
}

void append_epr(std::string& out, const cim::wscim::Style& style, const cim::ObjectPath& path) {
    out += "<a:EndpointReference>";
    cim::wscim::write_epr_content(out, style, path);
    out += "</a:EndpointReference>";
}

std::string requested_epr(const Call& call, const cim::wscim::Style& style, const cim::ObjectPath* path) {
    if (!call.headers().request_epr) return {};
    std::string out = "<w:RequestedEPR>";
    if (path)
        append_epr(out, style, *path);
    else
        out += "<w:EPRInvalid/>";
    return out + "</w:RequestedEPR>";
}

}  // namespace wsvirt::wsman
