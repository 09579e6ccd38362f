#include "wsman/ops/filters.hpp"

#include <array>

#include "base/text.hpp"
#include "wsman/ops/errors.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;
namespace xml = soap::xml;
using Selected = std::variant<Selection, Fault>;

Fault cannot_process(std::string text) {
    return {Subcode::enumeration_cannot_process_filter, {}, std::move(text)};
}

Fault unknown_dialect(std::string_view dialect) {
    Fault f(Subcode::filter_dialect_unavailable, {},
            "The filter dialect " + std::string(dialect) + " is not supported.");
    for (const auto d : {soap::uri::wql, soap::uri::cql, soap::uri::selector_filter,
                         soap::uri::association_filter, soap::uri::xpath})
        f.detail_xml.append("<n:SupportedDialect>").append(d).append("</n:SupportedDialect>");
    return f;
}

// R8.2.1-3: text or one element, nothing mixed.
std::optional<Fault> check_content(const pugi::xml_node& filter) {
    const auto element = xml::first_element(filter);
    if (!element) return std::nullopt;
    if (xml::next_element(element) || !xml::text(filter).empty())
        return cannot_process("The filter must be text or one element, not a mixture.");
    return std::nullopt;
}

Selected query(const Call& call, const Target& target, std::string_view text, bool cql) {
    if (text.empty()) return cannot_process("The query is empty.");
    const auto request = call.request(*target.ns);
    auto answer = cql ? call.om.cql(request, text) : call.om.wql(request, text);
    if (!answer) return fault_of(call, answer.error(), About::filter);
    if (target.cls && !answer->from_class.empty() && !iequals(answer->from_class, target.cls->name()))
        return cannot_process("The query is over " + answer->from_class + ", the resource URI names " +
                              target.cls->name() + ".");
    return Selection{std::move(answer->stream), std::move(answer->projected), nullptr};
}

// --- selector filter (Annex E) --------------------------------------------------------------------------

struct Wanted {
    std::string property;
    cim::Value value;
};

bool equals(const cim::Value& have, const cim::Value& want) {
    if (const auto* array = have.as_array()) {
        for (const auto& e : *array)
            if (equals(e, want)) return true;
        return false;
    }
    if (have.as_string() && want.as_string()) return iequals(*have.as_string(), *want.as_string());
    return !have.is_null() && have == want;
}

class FilteredStream : public cim::InstanceStream {
  public:
    FilteredStream(cim::StreamPtr inner, std::vector<Wanted> wanted)
        : inner_(std::move(inner)), wanted_(std::move(wanted)) {}
    Result<std::optional<cim::Instance>> next() override {
        for (;;) {
            if (auto left = allowance_.left(); !left) return left.error();
            auto i = inner_->next();
            if (!i || !*i) return i;
            bool all = true;
            for (const auto& w : wanted_) all = all && equals((*i)->get(w.property), w.value);
            if (all) return i;
        }
    }

    void allow(const cim::Allowance& a) override {
        allowance_ = a;
        inner_->allow(a);
    }

  private:
    cim::StreamPtr inner_;
    std::vector<Wanted> wanted_;
    cim::Allowance allowance_;
};

soap::Epr read_epr(const pugi::xml_node& n) {
    soap::Epr e;
    for (auto c = xml::first_element(n); c; c = xml::next_element(c)) {
        if (xml::local_name(c) == "Address") e.address = xml::text(c);
        if (xml::local_name(c) != "ReferenceParameters") continue;
        e.resource_uri = xml::text(xml::child(c, soap::ns::wsman, "ResourceURI"));
        const auto set = xml::child(c, soap::ns::wsman, "SelectorSet");
        for (auto s = xml::first_element(set); s; s = xml::next_element(s)) {
            soap::Selector out{s.attribute("Name").value(), xml::text(s), nullptr};
            if (const auto nested = xml::first_element(s))
                out.epr = std::make_shared<soap::Epr>(read_epr(nested));
            e.selectors.push_back(std::move(out));
        }
    }
    return e;
}

Fault unknown_selector(const cim::Class& cls, const std::string& name) {
    auto f = cannot_process("The class " + cls.name() + " has no property " + name + " to filter on.");
    for (const auto* p : cls.properties())
        f.detail_xml += "<w:SupportedSelectorName>" + p->name + "</w:SupportedSelectorName>";
    return f;
}

std::variant<std::vector<Wanted>, Fault> read_selectors(const Target& target, const pugi::xml_node& set) {
    std::vector<Wanted> wanted;
    const auto wrong = [](std::string_view detail, std::string text) {
        auto f = cannot_process(std::move(text));
        f.detail = detail;
        return f;
    };
    for (auto s = xml::first_element(set); s; s = xml::next_element(s)) {
        const std::string name = s.attribute("Name").value();
        if (!xml::is(s, soap::ns::wsman, "Selector") || name.empty())
            return cannot_process(
                "The SelectorSet of the filter must hold wsman:Selector elements with a Name.");
        if (iequals(name, "__cimnamespace")) continue;
        for (const auto& w : wanted)
            if (iequals(w.property, name))
                return wrong(fd::duplicate_selectors, "The selector " + name + " is given twice.");
        const auto* p = target.cls->property(name);
        if (!p) return unknown_selector(*target.cls, name);
        if (const auto nested = xml::first_element(s)) {
            if (p->type != cim::Type::reference)
                return wrong(fd::type_mismatch, "The property " + name + " is no reference.");
            wanted.push_back({p->name, cim::Value(path_of(read_epr(nested), *target.ns))});
            continue;
        }
        auto value = cim::convert(p->type, false, cim::Value(xml::text(s)));
        if (!value) return wrong(fd::type_mismatch, "The selector " + name + ": " + value.error().text);
        wanted.push_back({p->name, std::move(*value)});
    }
    if (wanted.empty()) return cannot_process("The SelectorSet of the filter is empty.");
    return wanted;
}

Selected selector_filter(const Call& call, const Target& target, const pugi::xml_node& filter,
                         cim::Polymorphism polymorphism) {
    if (!target.cls) return cannot_process("The selector filter needs a class in the resource URI.");
    const auto set = xml::first_element(filter);
    if (!xml::is(set, soap::ns::wsman, "SelectorSet"))
        return cannot_process("The selector filter holds one wsman:SelectorSet.");
    auto wanted = read_selectors(target, set);
    if (auto* fault = std::get_if<Fault>(&wanted)) return *fault;
    auto all = call.om.enumerate(call.request(*target.ns), target.cls->name(), {polymorphism});
    if (!all) return fault_of(call, all.error(), About::selectors);
    return Selection{
        std::make_unique<FilteredStream>(std::move(*all), std::move(std::get<std::vector<Wanted>>(wanted))),
        {},
        nullptr};
}

// --- association filter (DSP0227 8.2) -------------------------------------------------------------------

struct AssociationFilter {
    cim::AssociationQuery query;
    bool instances_of_association = false;
    bool has_object = false;
    std::vector<std::string> properties;
};

std::optional<Fault> read_member(const Target& target, const pugi::xml_node& n, AssociationFilter& out) {
    const auto name = xml::local_name(n);
    const auto value = xml::text(n);
    if (xml::namespace_of(n) != soap::ns::wsmb)
        return cannot_process("The association filter has an element of another namespace.");
    if (name == "Object") {
        // The reference stands there directly, or wrapped once more.
        auto content = n;
        if (const auto inner = xml::first_element(n); inner && xml::local_name(inner) == "EndpointReference")
            content = inner;
        out.has_object = static_cast<bool>(xml::first_element(content));
        out.query.object = path_of(read_epr(content), *target.ns);
    } else if (name == "AssociationClassName" && !out.instances_of_association) {
        out.query.assoc_class = value;
    } else if (name == "ResultClassName") {
        out.query.result_class = value;
    } else if (name == "Role") {
        out.query.role = value;
    } else if (name == "ResultRole" && !out.instances_of_association) {
        out.query.result_role = value;
    } else if (name == "IncludeResultProperty") {
        if (!value.empty()) out.properties.push_back(value);
    } else {
        return cannot_process("The association filter has an unknown element " + std::string(name) + ".");
    }
    return std::nullopt;
}

Selected association_filter(const Call& call, const Target& target, const pugi::xml_node& filter) {
    const auto root = xml::first_element(filter);
    AssociationFilter f;
    f.instances_of_association = xml::is(root, soap::ns::wsmb, "AssociationInstances");
    if (!f.instances_of_association && !xml::is(root, soap::ns::wsmb, "AssociatedInstances"))
        return cannot_process("The association filter holds AssociatedInstances or AssociationInstances.");
    for (auto n = xml::first_element(root); n; n = xml::next_element(n))
        if (auto fault = read_member(target, n, f)) return *fault;
    if (!f.has_object || f.query.object.class_name().empty())
        return cannot_process(
            "The association filter names no object: it needs an endpoint reference in Object.");
    // The object says which namespace it is (DSP0227 8.2).
    const auto* ns = call.om.schema().find(f.query.object.name_space());
    if (!ns) return cannot_process("The namespace " + f.query.object.name_space() + " does not exist.");
    for (const auto& name : {f.query.assoc_class, f.query.result_class})
        if (!name.empty() && !ns->find(name))
            return cannot_process("The class " + name + " does not exist in the namespace " + ns->name() +
                                  ".");
    // A class in the resource URI limits the result (DSP0227 8.2).
    if (target.cls && f.query.result_class.empty()) f.query.result_class = target.cls->name();
    const auto request = call.request(*ns);
    auto object = call.om.resolve(request, f.query.object);
    if (!object) return fault_of(call, object.error(), About::filter);
    f.query.object = std::move(*object);
    auto stream = f.instances_of_association ? call.om.references(request, f.query)
                                             : call.om.associators(request, f.query);
    if (!stream) return fault_of(call, stream.error(), About::filter);
    return Selection{std::move(*stream), std::move(f.properties), nullptr, ns, true};
}

Selected xpath_filter(const Call& call, const Target& target, const pugi::xml_node& filter,
                      cim::Polymorphism polymorphism) {
    if (!target.cls) return cannot_process("An XPath filter needs a class in the resource URI.");
    if (xml::first_element(filter)) return cannot_process("An XPath filter is text.");
    auto compiled = compile_xpath(xml::text(filter), call.settings);
    if (auto* fault = std::get_if<Fault>(&compiled)) return *fault;
    auto all = call.om.enumerate(call.request(*target.ns), target.cls->name(), {polymorphism});
    if (!all) return fault_of(call, all.error(), About::selectors);
    return Selection{std::move(*all), {}, std::move(std::get<std::unique_ptr<ItemFilter>>(compiled))};
}

}  // namespace

Selected select_instances(const Call& call, const Target& target, const pugi::xml_node& filter,
                          cim::Polymorphism polymorphism, bool polymorphism_given) {
    const bool plain = polymorphism == cim::Polymorphism::include_subclass_properties;
    if (!target.cls && !plain) return Fault(Subcode::polymorphism_not_supported);
    if (!filter) {
        if (!target.cls)
            return cannot_process("The all-classes resource URI needs a query or an association filter.");
        auto all = call.om.enumerate(call.request(*target.ns), target.cls->name(), {polymorphism});
        if (!all) return fault_of(call, all.error(), About::selectors);
        return Selection{std::move(*all), {}, nullptr};
    }
    if (auto fault = check_content(filter)) return *fault;
    const auto attribute = filter.attribute("Dialect");
    const auto dialect = attribute ? trim(attribute.value()) : soap::uri::xpath;
    const bool wql = iequals(dialect, soap::uri::wql) || iequals(dialect, soap::uri::wql_dmtf);
    const bool cql = iequals(dialect, soap::uri::cql);
    if (wql || cql) {
        if (polymorphism_given && !plain) return Fault(Subcode::polymorphism_not_supported);
        if (xml::first_element(filter)) return cannot_process("A query is text.");
        return query(call, target, xml::text(filter), cql);
    }
    if (dialect == soap::uri::selector_filter) return selector_filter(call, target, filter, polymorphism);
    if (dialect == soap::uri::association_filter) return association_filter(call, target, filter);
    if (dialect == soap::uri::xpath) return xpath_filter(call, target, filter, polymorphism);
    return unknown_dialect(dialect);
}

}  // namespace wsvirt::wsman
