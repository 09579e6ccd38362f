// Methods: the action names the class and the method, the body holds <Method_INPUT>, the answer
// <Method_OUTPUT> (DSP0227 clause 11, DSP0230 10.3).
#include <map>

#include "base/text.hpp"
#include "cim/codec/cimxml.hpp"
#include "wsman/ops/errors.hpp"
#include "wsman/ops/operations.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;
namespace xml = soap::xml;

Fault unknown_action(const Call& call) {
    Fault f =
        action_mismatch(call, "The action " + *call.headers().action + " is not known to this service.");
    f.detail = {};
    return f;
}

struct Method {
    Target target;
    const cim::Method* method = nullptr;
    std::string uri;  // of the class, as the action says it
};

// A method may be addressed through the class that has it, an ancestor (a client made for the CIM class), or
// a descendant.
bool related(const cim::Namespace& ns, const cim::Class& target, std::string_view class_name) {
    if (target.is_a(class_name)) return true;
    const auto other = ns.find(class_name);
    return other && other->is_a(target.name());
}

std::variant<Method, Fault> find_method(const Call& call) {
    const std::string& action = *call.headers().action;
    const auto slash = action.rfind('/');
    ClassUri in_action;
    if (slash == std::string::npos || !parse_class_uri(action.substr(0, slash), in_action) ||
        in_action.kind != TargetKind::cim_class)
        return unknown_action(call);
    Method m;
    m.uri = action.substr(0, slash);
    // The action alone says which class it is when there is no resource URI (R5.1.2.1-4).
    auto t = call.headers().resource_uri ? target_of(call) : target_of(call, m.uri);
    if (auto* fault = std::get_if<Fault>(&t)) return *fault;
    m.target = std::move(std::get<Target>(t));
    if (m.target.kind != TargetKind::cim_class)
        return action_mismatch(call, "The resource URI must name the class of the method.");
    const std::string name = action.substr(slash + 1);
    if (!related(*m.target.ns, *m.target.cls, in_action.class_name))
        return action_mismatch(call, "The action names a method of " + in_action.class_name +
                                         ", the resource is a " + m.target.cls->name() + ".");
    m.method = m.target.cls->method(name);
    if (!m.method)
        return action_mismatch(call, "The class " + m.target.cls->name() + " has no method " + name + ".");
    return m;
}

// The arguments of <Method_INPUT>, read as the parameters are declared.
std::variant<cim::Arguments, Fault> arguments(const Call& call, const Method& m) {
    cim::Arguments args;
    const auto input = xml::first_element(call.message.body);
    if (!input) return args;
    if (xml::next_element(input))
        return Fault(Subcode::schema_validation, {}, "The body has more than one element.");
    const auto expected = m.method->name + "_INPUT";
    if (!iequals(xml::local_name(input), expected))
        return Fault(Subcode::schema_validation, {},
                     "The body must be " + expected + ", not " + std::string(xml::local_name(input)) + ".");
    ClassUri uri;
    const auto body_ns = xml::namespace_of(input);
    if (!parse_class_uri(body_ns, uri) || !related(*m.target.ns, *m.target.cls, uri.class_name))
        return Fault(Subcode::schema_validation, {},
                     "The namespace of " + expected + " must be the URI of the class: " + m.uri);
    std::map<const cim::Parameter*, std::vector<pugi::xml_node>> given;
    for (auto n = xml::first_element(input); n; n = xml::next_element(n)) {
        const auto* p = m.method->parameter(xml::local_name(n));
        if (!p || !p->in)
            return Fault(Subcode::invalid_parameter, fd::invalid_name,
                         "The method " + m.method->name + " has no input parameter " +
                             std::string(xml::local_name(n)) + ".");
        given[p].push_back(n);
    }
    for (const auto& p : m.method->parameters) {
        const auto found = given.find(&p);
        if (found == given.end()) continue;
        if (!p.array && found->second.size() > 1)
            return Fault(Subcode::invalid_parameter, fd::type_mismatch,
                         "The parameter " + p.name + " is no array and is given more than once.");
        auto value = cim::wscim::value_from_nodes(*m.target.ns, p, found->second);
        if (!value) return fault_of(call, value.error(), About::parameters);
        args.set(p.name, std::move(*value));
    }
    return args;
}

// An EmbeddedInstance of string type goes out as CIM-XML text.
cim::Value as_text(const cim::Value& v) {
    if (const auto* i = v.as_instance()) return cim::Value(cim::cimxml::instance_to_text(*i));
    if (const auto* a = v.as_array()) {
        cim::Value::Array texts;
        for (const auto& e : *a) texts.push_back(as_text(e));
        return cim::Value(std::move(texts));
    }
    return v;
}

void append_result(std::string& out, const cim::wscim::Style& style, const cim::Parameter& p,
                   const cim::MethodResult& result) {
    const auto& value = result.out.get(p.name);
    const bool text = p.type == cim::Type::string && (!p.embedded_class.empty() || p.embedded_object);
    cim::wscim::write_feature(out, style, "p", p, text ? as_text(value) : value);
}

std::string output(const Call& call, const Method& m, const cim::MethodResult& result) {
    const auto style = m.target.style(call);
    std::string out = "<p:" + m.method->name + "_OUTPUT xmlns:p=\"";
    soap::append_escaped(out, m.uri, true);
    out += "\">";
    // The job comes after every other result: clients take the first InstanceID they see for the new object.
    const cim::Parameter* job = nullptr;
    for (const auto& p : m.method->parameters) {
        if (!p.out) continue;
        if (iequals(p.name, "Job"))
            job = &p;
        else
            append_result(out, style, p, result);
    }
    if (job) append_result(out, style, *job, result);
    if (m.method->return_type) {
        cim::Feature value;
        value.name = "ReturnValue";
        value.type = *m.method->return_type;
        cim::wscim::write_feature(out, style, "p", value, result.return_value);
    }
    return out + "</p:" + m.method->name + "_OUTPUT>";
}

// An error of the object manager is about the target when it names one of the selectors.
About subject_of(const Error& e, const Method& m) {
    const bool selector = m.target.path.key(e.subject) != nullptr;
    return selector && !m.method->parameter(e.subject) ? About::selectors : About::parameters;
}

Answer invoked(const Call& call, const Method& m, const cim::MethodResult& result) {
    Answer a;
    a.action = *call.headers().action + "Response";
    a.body = output(call, m, result);
    return a;
}

}  // namespace

Outcome invoke(const Call& call) {
    auto found = find_method(call);
    if (auto* fault = std::get_if<Fault>(&found)) return *fault;
    const auto& m = std::get<Method>(found);
    if (call.at_once && !call.om.answers_at_once(*m.target.ns, *m.target.cls)) return MayBlock{};
    auto args = arguments(call, m);
    if (auto* fault = std::get_if<Fault>(&args)) return *fault;
    if (call.at_once) {
        const auto result = call.om.invoke_at_once(call.request(*m.target.ns), m.target.path, m.method->name,
                                                   std::get<cim::Arguments>(args));
        return result ? Outcome(invoked(call, m, *result)) : MayBlock{};
    }
    auto result = call.om.invoke(call.request(*m.target.ns), m.target.path, m.method->name,
                                 std::move(std::get<cim::Arguments>(args)));
    if (!result) return fault_of(call, result.error(), subject_of(result.error(), m));
    return invoked(call, m, *result);
}

}  // namespace wsvirt::wsman
