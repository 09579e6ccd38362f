// Fragment-level transfer: parts of an instance, addressed by XPath level 1 (DSP0226 7.7 to 7.11). Reading
// works on the whole written instance; writing addresses a property or one element of an array.
#include <algorithm>

#include "base/text.hpp"
#include "wsman/ops/errors.hpp"
#include "wsman/ops/fragment_path.hpp"
#include "wsman/ops/operations.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;
namespace xml = soap::xml;
using Nodes = std::vector<pugi::xml_node>;

// The object of a fragment operation: its path, its instance, and the instance as XML.
struct Subject {
    Target target;
    cim::ObjectPath path;
    cim::Instance instance;
    FragmentPath fragment;
    pugi::xml_document document;
    pugi::xml_node root;
};

std::optional<Fault> parse_path(const Call& call, FragmentPath& out) {
    const auto& header = *call.headers().fragment;
    if (!header.dialect.empty() && header.dialect != soap::uri::xpath) {
        Fault f(Subcode::fragment_dialect_not_supported);
        f.detail_xml.append("<w:FragmentDialect>").append(soap::uri::xpath).append("</w:FragmentDialect>");
        return f;
    }
    auto p = FragmentPath::parse(header.expression);
    if (!p) return Fault(Subcode::cannot_process_filter, {}, p.error().text);
    out = std::move(*p);
    return std::nullopt;
}

std::optional<Fault> load(const Call& call, const Target& target, Subject& s) {
    if (auto fault = parse_path(call, s.fragment)) return fault;
    s.target = target;
    const auto request = call.request(*target.ns);
    auto instance = call.om.get(request, target.path);
    if (!instance) return fault_of(call, instance.error(), About::selectors);
    s.instance = std::move(*instance);
    s.path = s.instance.path(target.ns->name());
    std::string text;
    for (const auto& [prefix, uri] : {std::pair{"a", soap::ns::wsa04},
                                      {"w", soap::ns::wsman},
                                      {"xsi", soap::ns::xsi},
                                      {"cim", soap::ns::cim}})
        text.append(text.empty() ? "<e" : "")
            .append(" xmlns:")
            .append(prefix)
            .append("=\"")
            .append(uri)
            .append("\"");
    text += ">";
    cim::wscim::write_instance(text, target.style(call), s.instance);
    text += "</e>";
    s.document.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single,
                           pugi::encoding_utf8);
    s.root = xml::first_element(s.document.document_element());
    auto& steps = s.fragment.steps;
    if (s.fragment.absolute) {
        if (!iequals(steps.front().name, xml::local_name(s.root)) || steps.front().index.value_or(1) != 1)
            return Fault(Subcode::cannot_process_filter, {},
                         "The fragment expression names " + steps.front().name + ", the object is a " +
                             std::string(xml::local_name(s.root)) + ".");
        steps.erase(steps.begin());
    }
    if (!steps.empty() && !s.instance.cls().property(steps.front().name))
        return Fault(Subcode::cannot_process_filter, {},
                     "The class " + s.instance.cls().name() + " has no property " + steps.front().name + ".");
    return std::nullopt;
}

Nodes children_named(const pugi::xml_node& parent, std::string_view name) {
    Nodes r;
    for (auto n = xml::first_element(parent); n; n = xml::next_element(n))
        if (xml::local_name(n) == name) r.push_back(n);
    return r;
}

Nodes select(const Subject& s) {
    Nodes now{s.root};
    for (const auto& step : s.fragment.steps) {
        Nodes next;
        for (const auto& n : now) {
            const auto found = children_named(n, step.name);
            if (!step.index)
                next.insert(next.end(), found.begin(), found.end());
            else if (*step.index <= found.size())
                next.push_back(found[*step.index - 1]);
        }
        now = std::move(next);
    }
    return now;
}

std::string fragment_text(const Subject& s, const Target& target) {
    std::string out = "<w:XmlFragment>";
    for (const auto& n : select(s)) {
        if (!s.fragment.attribute.empty()) {
            for (const auto& a : n.attributes()) {
                const std::string_view name = a.name();
                if (name == s.fragment.attribute || name.ends_with(":" + s.fragment.attribute))
                    soap::append_escaped(out, a.value());
            }
        } else if (s.fragment.text) {
            soap::append_escaped(out, n.text().get());
        } else {
            pugi::xml_document copy;
            auto root = copy.append_copy(n);
            if (!root.attribute("xmlns:p"))
                root.append_attribute("xmlns:p") =
                    cim::wscim::class_uri(target.family, target.ns->name(), s.instance.cls().name()).c_str();
            out += xml::raw(root);
        }
    }
    return out + "</w:XmlFragment>";
}

// The property that a writing operation addresses; only a property or one of its elements can be written.
std::variant<const cim::Property*, Fault> writable(const Call& call, const Subject& s) {
    if (s.fragment.steps.size() != 1 || !s.fragment.attribute.empty())
        return Fault(Subcode::cannot_process_filter, {},
                     "A fragment can be written where it is a property or an element of an array property.");
    const auto* p = s.instance.cls().property(s.fragment.steps[0].name);
    if (p->key || !p->write) return action_mismatch(call, "The property " + p->name + " cannot be written.");
    return p;
}

// The elements of w:XmlFragment in the body, all of the addressed property; text() makes one of plain text.
std::variant<Nodes, Fault> sent(const Call& call, const Subject& s, const cim::Property& p,
                                pugi::xml_document& scratch) {
    const auto wrapper = xml::first_element(call.message.body);
    const auto wrong = [](std::string text) {
        return Fault(Subcode::invalid_representation, fd::invalid_fragment, std::move(text));
    };
    if (!xml::is(wrapper, soap::ns::wsman, "XmlFragment"))
        return wrong("The content of a fragment must be wrapped in wsman:XmlFragment.");
    if (s.fragment.text) {
        if (xml::first_element(wrapper))
            return wrong("The expression ends in text(): the fragment must be text.");
        auto node = scratch.append_child(p.name.c_str());
        node.text().set(xml::text(wrapper).c_str());
        return Nodes{node};
    }
    Nodes r;
    for (auto n = xml::first_element(wrapper); n; n = xml::next_element(n)) {
        if (!iequals(xml::local_name(n), p.name))
            return wrong("The fragment has the element " + std::string(xml::local_name(n)) + ", " + p.name +
                         " is expected.");
        r.push_back(n);
    }
    if (r.empty()) return wrong("The fragment is empty.");
    return r;
}

// Nil elements stand for NULL, not for an element of an array.
Nodes existing(const Subject& s, const cim::Property& p) {
    auto nodes = children_named(s.root, p.name);
    if (nodes.size() == 1 && iequals(xml::attribute(nodes[0], soap::ns::xsi, "nil").value(), "true"))
        nodes.clear();
    return nodes;
}

std::optional<Fault> store(const Call& call, const Subject& s, const cim::Property& p, const Nodes& nodes,
                           About about = About::fragment) {
    cim::Instance changed(s.instance.class_ptr());
    if (nodes.empty()) {
        changed.set(p.name, cim::Value());
    } else {
        auto value = cim::wscim::value_from_nodes(*s.target.ns, p, nodes);
        if (!value) return fault_of(call, value.error(), About::fragment);
        changed.set(p.name, std::move(*value));
    }
    if (auto done = call.om.modify(call.request(*s.target.ns), s.path, changed); !done)
        return fault_of(call, done.error(), about);
    return std::nullopt;
}

Answer answer(const Call& call, std::string_view action, const Subject& s) {
    Answer a;
    a.action = std::string(action) + "Response";
    a.headers = call.headers().fragment->block + requested_epr(call, s.target.style(call), &s.path);
    return a;
}

Fault out_of_range(const cim::Property& p) {
    return {Subcode::invalid_representation, fd::invalid_fragment,
            "The property " + p.name + " has no element at that index."};
}

}  // namespace

Outcome get_fragment(const Call& call, const Target& target) {
    Subject s;
    if (auto fault = load(call, target, s)) return *fault;
    auto a = answer(call, soap::uri::get, s);
    a.body = fragment_text(s, target);
    return a;
}

Outcome put_fragment(const Call& call, const Target& target) {
    Subject s;
    if (auto fault = load(call, target, s)) return *fault;
    auto property = writable(call, s);
    if (auto* fault = std::get_if<Fault>(&property)) return *fault;
    const auto& p = *std::get<const cim::Property*>(property);
    pugi::xml_document scratch;
    auto given = sent(call, s, p, scratch);
    if (auto* fault = std::get_if<Fault>(&given)) return *fault;
    auto nodes = std::get<Nodes>(given);
    if (const auto index = s.fragment.steps[0].index; index && p.array) {
        auto all = existing(s, p);
        if (*index > all.size()) return out_of_range(p);
        if (nodes.size() != 1)
            return Fault(Subcode::invalid_representation, fd::invalid_fragment, "One element is expected.");
        all[*index - 1] = nodes[0];
        nodes = std::move(all);
    } else if (index && *index != 1) {
        return out_of_range(p);
    } else if (!p.array && nodes.size() != 1) {
        return Fault(Subcode::invalid_representation, fd::invalid_fragment,
                     "The property " + p.name + " has one value.");
    }
    if (auto fault = store(call, s, p, nodes)) return *fault;
    Subject now;
    if (auto fault = load(call, target, now)) return *fault;
    auto a = answer(call, soap::uri::put, s);
    a.body = fragment_text(now, target);
    return a;
}

Outcome create_fragment(const Call& call, const Target& target) {
    Subject s;
    if (auto fault = load(call, target, s)) return *fault;
    auto property = writable(call, s);
    if (auto* fault = std::get_if<Fault>(&property)) return *fault;
    const auto& p = *std::get<const cim::Property*>(property);
    pugi::xml_document scratch;
    auto given = sent(call, s, p, scratch);
    if (auto* fault = std::get_if<Fault>(&given)) return *fault;
    const auto& added = std::get<Nodes>(given);
    auto nodes = existing(s, p);
    const auto index = s.fragment.steps[0].index;
    if (!p.array && !nodes.empty()) {
        if (index && *index > 1)
            return Fault(Subcode::invalid_representation, fd::invalid_fragment,
                         "The property " + p.name + " has one value.");
        return Fault(Subcode::already_exists, {}, "The property " + p.name + " has a value already.");
    }
    if (!p.array && added.size() != 1)
        return Fault(Subcode::invalid_representation, fd::invalid_fragment,
                     "The property " + p.name + " has one value.");
    const std::size_t at = index ? *index - 1 : nodes.size();
    if (at > nodes.size()) return out_of_range(p);
    nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(at), added.begin(), added.end());
    if (auto fault = store(call, s, p, nodes)) return *fault;
    auto a = answer(call, soap::uri::create, s);
    a.body = "<x:ResourceCreated>";
    cim::wscim::write_epr_content(a.body, target.style(call), s.path);
    a.body += "</x:ResourceCreated>";
    return a;
}

Outcome remove_fragment(const Call& call, const Target& target) {
    Subject s;
    if (auto fault = load(call, target, s)) return *fault;
    auto property = writable(call, s);
    if (auto* fault = std::get_if<Fault>(&property)) return *fault;
    const auto& p = *std::get<const cim::Property*>(property);
    if (s.fragment.text) return Fault(Subcode::cannot_process_filter, {}, "text() cannot be deleted.");
    auto nodes = existing(s, p);
    const auto index = s.fragment.steps[0].index;
    if (index && *index > nodes.size()) return out_of_range(p);
    if (p.array && index)
        nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(*index - 1));
    else
        nodes.clear();
    if (nodes.empty() && p.required) return action_mismatch(call, "The property " + p.name + " is required.");
    if (auto fault = store(call, s, p, nodes, About::fragment_removal)) return *fault;
    return answer(call, soap::uri::remove, s);
}

}  // namespace wsvirt::wsman
