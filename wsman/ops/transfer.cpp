// Get, Put, Create and Delete of whole instances.
#include "base/text.hpp"
#include "wsman/ops/errors.hpp"
#include "wsman/ops/operations.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;

std::string response(std::string_view action) {
    return std::string(action) + "Response";
}

// The target of a transfer operation; the all-classes URIs have no representation (DSP0227 R6-1).
std::variant<Target, Fault> instance_target(const Call& call) {
    auto t = target_of(call);
    if (auto* target = std::get_if<Target>(&t)) {
        // Windows' clients name the class of a declaration by a selector.
        if (target->kind == TargetKind::metadata_all && target->cls)
            target->kind = TargetKind::metadata_class;
        if (target->kind == TargetKind::all_classes || target->kind == TargetKind::metadata_all)
            return action_mismatch(call, "The all-classes resource URI can only be enumerated.");
    }
    return t;
}

// The one element of the body, which must be of the class asked or a subclass of it.
std::variant<cim::Instance, Fault> representation(const Call& call, const Target& target) {
    const auto node = soap::xml::first_element(call.message.body);
    if (!node)
        return Fault(Subcode::invalid_representation, fd::missing_values, "The body has no representation.");
    if (soap::xml::next_element(node))
        return Fault(Subcode::schema_validation, {}, "The body has more than one element.");
    ClassUri uri;
    const auto body_ns = soap::xml::namespace_of(node);
    if (!parse_class_uri(body_ns, uri) || uri.kind != TargetKind::cim_class)
        return Fault(Subcode::invalid_representation, fd::invalid_namespace,
                     "The namespace of the representation is not that of a class: " + std::string(body_ns));
    const auto cls = target.ns->find(uri.class_name);
    if (!cls || (!cls->is_a(target.cls->name()) && !target.cls->is_a(cls->name())))
        return Fault(
            Subcode::invalid_representation, fd::invalid_namespace,
            "The representation is of " + uri.class_name + ", the resource is a " + target.cls->name() + ".");
    auto instance = cim::wscim::instance_from_node(*target.ns, node, target.cls->name());
    if (!instance) return fault_of(call, instance.error(), About::representation);
    return std::move(*instance);
}

// What a client may change of a whole representation: read-only values are legal there and ignored (R7.4-3),
// keys must be those of the target (DSP0227 clause 7).
std::optional<Fault> keep_writable(const Target& target, const cim::ObjectPath& path,
                                   cim::Instance& changed) {
    const auto& properties = changed.cls().properties();
    for (std::size_t i = 0; i < properties.size(); ++i) {
        const auto& p = *properties[i];
        if (!changed.given(i)) {
            const bool demanded =
                target.family == cim::wscim::Family::dmtf && p.required && p.write && !p.key;
            if (demanded)
                return Fault(Subcode::invalid_representation, fd::missing_values,
                             "The required property " + p.name + " is missing.");
            continue;
        }
        if (p.key) {
            const auto* key = path.key(p.name);
            const auto text = [&](const cim::Value& v) {
                return v.as_path() ? "" : cim::value_to_text(p.type, v);
            };
            const bool same =
                key && !changed.at(i).is_null() &&
                (*key == changed.at(i) || (!key->as_path() && iequals(text(*key), text(changed.at(i)))));
            if (!same)
                return Fault(Subcode::invalid_representation, fd::invalid_values,
                             "The key property " + p.name + " cannot be changed.");
        } else if (!p.write) {
            changed.clear(p.name);
        }
    }
    return std::nullopt;
}

Answer got(const Call& call, const Target& target, const cim::Instance& instance) {
    Answer a;
    a.action = response(soap::uri::get);
    const auto style = target.style(call);
    if (call.headers().request_epr) {
        const auto path = instance.path(target.ns->name());
        a.headers = requested_epr(call, style, &path);
    }
    cim::wscim::write_instance(a.body, style, instance);
    return a;
}

}  // namespace

Outcome get(const Call& call) {
    auto t = instance_target(call);
    if (auto* fault = std::get_if<Fault>(&t)) return *fault;
    const auto& target = std::get<Target>(t);
    const bool plain = target.kind == TargetKind::cim_class && !call.headers().fragment;
    if (call.at_once) {
        if (!plain || !call.om.answers_at_once(*target.ns, *target.cls)) return MayBlock{};
        const auto instance = call.om.get_at_once(call.request(*target.ns), target.path);
        return instance ? Outcome(got(call, target, *instance)) : MayBlock{};
    }
    if (target.kind == TargetKind::metadata_class) return get_class(call, target);
    if (call.headers().fragment) return get_fragment(call, target);
    const auto instance = call.om.get(call.request(*target.ns), target.path);
    if (!instance) return fault_of(call, instance.error(), About::selectors);
    return got(call, target, *instance);
}

Outcome put(const Call& call) {
    auto t = instance_target(call);
    if (auto* fault = std::get_if<Fault>(&t)) return *fault;
    const auto& target = std::get<Target>(t);
    if (target.kind == TargetKind::metadata_class) return action_mismatch(call);
    if (call.headers().fragment) return put_fragment(call, target);
    const auto request = call.request(*target.ns);
    auto path = call.om.resolve(request, target.path);
    if (!path) return fault_of(call, path.error(), About::selectors);
    auto body = representation(call, target);
    if (auto* fault = std::get_if<Fault>(&body)) return *fault;
    auto& changed = std::get<cim::Instance>(body);
    if (auto fault = keep_writable(target, *path, changed)) return *fault;
    if (auto done = call.om.modify(request, *path, changed); !done)
        return fault_of(call, done.error(), About::representation);
    auto now = call.om.get(request, *path);
    if (!now) return fault_of(call, now.error(), About::selectors);
    Answer a;
    a.action = response(soap::uri::put);
    const auto style = target.style(call);
    a.headers = requested_epr(call, style, &*path);
    cim::wscim::write_instance(a.body, style, *now);
    return a;
}

Outcome create(const Call& call) {
    auto t = instance_target(call);
    if (auto* fault = std::get_if<Fault>(&t)) return *fault;
    const auto& target = std::get<Target>(t);
    if (target.kind == TargetKind::metadata_class) return action_mismatch(call);
    if (call.headers().fragment) return create_fragment(call, target);
    auto body = representation(call, target);
    if (auto* fault = std::get_if<Fault>(&body)) return *fault;
    auto path = call.om.create(call.request(*target.ns), std::get<cim::Instance>(body));
    if (!path) return fault_of(call, path.error(), About::representation);
    Answer a;
    a.action = response(soap::uri::create);
    const auto style = target.style(call);
    a.headers = requested_epr(call, style, &*path);
    a.body = "<x:ResourceCreated>";
    cim::wscim::write_epr_content(a.body, style, *path);
    a.body += "</x:ResourceCreated>";
    return a;
}

Outcome remove(const Call& call) {
    auto t = instance_target(call);
    if (auto* fault = std::get_if<Fault>(&t)) return *fault;
    const auto& target = std::get<Target>(t);
    if (target.kind == TargetKind::metadata_class) return action_mismatch(call);
    if (call.headers().fragment) return remove_fragment(call, target);
    if (auto done = call.om.remove(call.request(*target.ns), target.path); !done)
        return fault_of(call, done.error(), About::selectors);
    Answer a;
    a.action = response(soap::uri::remove);
    a.headers = requested_epr(call, target.style(call), nullptr);
    return a;
}

}  // namespace wsvirt::wsman
