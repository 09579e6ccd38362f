#include "wsman/client/reply.hpp"

#include <memory>
#include <pugixml.hpp>

#include "base/text.hpp"

namespace wsvirt::client {
namespace {

constexpr unsigned max_depth = 64;

std::string_view local_name(std::string_view qname) {
    const auto colon = qname.find(':');
    return colon == std::string_view::npos ? qname : qname.substr(colon + 1);
}

std::string_view local(const pugi::xml_node& n) {
    return local_name(n.name());
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view name) {
    for (auto n : parent.children())
        if (n.type() == pugi::node_element && local(n) == name) return n;
    return {};
}

pugi::xml_node first_element(const pugi::xml_node& parent) {
    for (auto n : parent.children())
        if (n.type() == pugi::node_element) return n;
    return {};
}

std::string text_of(const pugi::xml_node& n) {
    return n.text().get();
}
std::string trimmed(const pugi::xml_node& n) {
    return std::string(trim(n.text().get()));
}

bool is_nil(const pugi::xml_node& n) {
    for (auto a : n.attributes())
        if (local_name(a.name()) == "nil" && a.as_bool()) return true;
    return false;
}

Resource read_reference(const pugi::xml_node& content) {
    Resource r;
    const auto parameters = child(content, "ReferenceParameters");
    r.uri = trimmed(child(parameters, "ResourceURI"));
    for (auto s : child(parameters, "SelectorSet").children()) {
        if (local(s) != "Selector") continue;
        for (auto a : s.attributes())
            if (local_name(a.name()) == "Name") r.selectors.emplace_back(a.value(), text_of(s));
    }
    return r;
}

Object read_object(const pugi::xml_node& n, unsigned depth);

Value read_value(const pugi::xml_node& n, unsigned depth) {
    Value v;
    if (is_nil(n)) return v;
    const auto inner = first_element(n);
    if (!inner) {
        v.kind = Value::Kind::text;
        v.text = text_of(n);
        return v;
    }
    const auto epr = local(inner) == "EndpointReference" ? inner : n;
    if (child(epr, "ReferenceParameters")) {
        v.kind = Value::Kind::reference;
        v.reference = read_reference(epr);
        return v;
    }
    const auto name = local(inner);
    if (name == "Datetime" || name == "Interval" || name == "CIM_DateTime") {  // DSP0230 8.1
        v.kind = Value::Kind::text;
        v.text = trimmed(inner);
        return v;
    }
    v.kind = Value::Kind::object;
    v.object = std::make_shared<const Object>(read_object(n, depth + 1));
    return v;
}

Object read_object(const pugi::xml_node& n, unsigned depth) {
    Object o;
    o.class_name = local(n);
    for (auto a : n.attributes())  // an embedded instance names its class in xsi:type
        if (local_name(a.name()) == "type") {
            o.class_name = local_name(a.value());
            if (iends_with(o.class_name, "_Type")) o.class_name.resize(o.class_name.size() - 5);
        }
    if (depth > max_depth) return o;
    for (auto c : n.children()) {
        if (c.type() != pugi::node_element) continue;
        Field* same = nullptr;
        for (auto& f : o.fields)
            if (f.name == local(c)) same = &f;
        if (same == nullptr) same = &o.fields.emplace_back(Field{std::string(local(c)), {}});
        same->values.push_back(read_value(c, depth));
    }
    return o;
}

Status status_of(std::string_view subcode, std::string_view detail) {
    if (subcode == "AccessDenied") return Status::access_denied;
    if (subcode == "DestinationUnreachable") return Status::not_found;
    if (subcode == "InvalidSelectors") return Status::not_found;
    if (subcode == "TimedOut") return Status::timed_out;
    if (subcode == "Concurrency" || subcode == "AlreadyExists") return Status::busy;
    if (subcode == "EndpointUnavailable" || subcode == "ServiceUnavailable") return Status::unavailable;
    if (subcode == "QuotaLimit") return Status::server_limits_exceeded;
    if (subcode == "InvalidEnumerationContext") return Status::invalid_enumeration_context;
    if (subcode == "InvalidParameter" || detail == "InvalidValue") return Status::invalid_parameter;
    return Status::failed;
}

// The longest text that the fault's detail has to say besides its own reason.
std::string more_about(const pugi::xml_node& detail, const std::string& reason) {
    struct Longest : pugi::xml_tree_walker {
        std::string best;
        bool for_each(pugi::xml_node& n) override {
            const auto name = local(n);
            if (name == "Message" || name == "Description") {
                const std::string t(trim(n.text().get()));
                if (t.size() > best.size()) best = t;
            }
            return depth() < static_cast<int>(max_depth);
        }
    } walker;
    pugi::xml_node(detail).traverse(walker);
    return walker.best == reason ? std::string() : walker.best;
}

Error read_fault(const pugi::xml_node& fault) {
    const auto code = child(fault, "Code");
    const std::string subcode(local_name(trimmed(child(child(code, "Subcode"), "Value"))));
    std::string reason = trimmed(child(child(fault, "Reason"), "Text"));
    const auto detail = child(fault, "Detail");
    std::string kind = trimmed(child(detail, "FaultDetail"));
    kind.erase(0, kind.rfind('/') + 1);
    if (reason.empty()) reason = "The server refused the request without a reason.";
    const std::string id = subcode.empty() ? std::string(local_name(trimmed(child(code, "Value")))) : subcode;
    return Error(status_of(subcode, kind), "fault." + id, reason, kind, more_about(detail, reason));
}

Result<pugi::xml_node> body_of(pugi::xml_document& doc, std::string_view envelope) {
    // No DOCTYPE is parsed and no entity expanded but the five of XML.
    const auto parsed =
        doc.load_buffer(envelope.data(), envelope.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
    if (!parsed)
        return Error(Status::malformed, "client.reply.xml",
                     "The server's answer is not XML. Is this the address of a WS-Management server?", {},
                     parsed.description());
    const auto root = doc.document_element();
    const auto body = child(root, "Body");
    if (local(root) != "Envelope" || !body)
        return Error(
            Status::malformed, "client.reply.envelope",
            "The server's answer is not a SOAP envelope. Is this the address of a WS-Management server?");
    if (const auto fault = child(body, "Fault")) return read_fault(fault);
    return body;
}

void read_item(const pugi::xml_node& item, Page& page) {
    const auto name = local(item);
    if (name == "Item") {  // object and reference together
        for (auto part : item.children())
            if (part.type() == pugi::node_element) read_item(part, page);
    } else if (name == "EndpointReference") {
        page.references.push_back(read_reference(item));
    } else {
        page.items.push_back(read_object(item, 0));
    }
}

}  // namespace

Result<Object> read_body(std::string_view envelope) {
    pugi::xml_document doc;
    auto body = body_of(doc, envelope);
    if (!body) return body.error();
    const auto element = first_element(*body);
    return element ? read_object(element, 0) : Object{};
}

Result<Page> read_page(std::string_view envelope) {
    pugi::xml_document doc;
    auto body = body_of(doc, envelope);
    if (!body) return body.error();
    const auto answer = first_element(*body);
    Page page;
    page.context = trimmed(child(answer, "EnumerationContext"));
    page.ended = !child(answer, "EndOfSequence").empty();
    for (auto item : child(answer, "Items").children())
        if (item.type() == pugi::node_element) read_item(item, page);
    if (page.context.empty()) page.ended = true;
    return page;
}

}  // namespace wsvirt::client
