#include "wsman/client/envelope.hpp"

#include <pugixml.hpp>

#include "base/text.hpp"
#include "base/xml_writer.hpp"

namespace wsvirt::client {
namespace {

constexpr const char* soap = "http://www.w3.org/2003/05/soap-envelope";
constexpr const char* addressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
constexpr const char* wsman = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
constexpr const char* enumeration = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
constexpr const char* transfer_get = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
constexpr const char* identity = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
constexpr const char* anonymous = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
constexpr const char* schema_instance = "http://www.w3.org/2001/XMLSchema-instance";
constexpr const char* wql_dialect = "http://schemas.microsoft.com/wbem/wsman/1/WQL";

pugi::xml_node add(pugi::xml_node parent, const char* name, std::string_view text = {}) {
    auto node = parent.append_child(name);
    if (!text.empty()) node.append_child(pugi::node_pcdata).set_value(std::string(text).c_str());
    return node;
}

void must_understand(pugi::xml_node node) {
    node.append_attribute("s:mustUnderstand").set_value("true");
}

void add_selectors(pugi::xml_node parent, const Selectors& selectors) {
    if (selectors.empty()) return;
    auto set = add(parent, "wsman:SelectorSet");
    for (const auto& [name, value] : selectors)
        add(set, "wsman:Selector", value).append_attribute("Name").set_value(name.c_str());
}

struct Message {
    pugi::xml_document doc;
    pugi::xml_node envelope, header, body;

    Message() {
        envelope = doc.append_child("s:Envelope");
        envelope.append_attribute("xmlns:s").set_value(soap);
    }
    void parts() {
        header = envelope.append_child("s:Header");
        body = envelope.append_child("s:Body");
    }
    std::string text() const {
        std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        XmlWriter out(text);
        doc.save(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
        return text;
    }
};

Message addressed(const Circumstances& c, const Resource& r, std::string_view action) {
    Message m;
    m.envelope.append_attribute("xmlns:wsa").set_value(addressing);
    m.envelope.append_attribute("xmlns:wsman").set_value(wsman);
    m.parts();
    must_understand(add(m.header, "wsa:Action", action));
    must_understand(add(m.header, "wsa:To", c.to));
    must_understand(add(m.header, "wsman:ResourceURI", r.uri));
    must_understand(add(m.header, "wsa:MessageID", "uuid:" + make_guid()));
    add(add(m.header, "wsa:ReplyTo"), "wsa:Address", anonymous);
    add(m.header, "wsman:OperationTimeout", "PT" + std::to_string(c.timeout.count()) + ".000S");
    must_understand(add(m.header, "wsman:MaxEnvelopeSize", std::to_string(c.max_envelope_bytes)));
    auto locale = add(m.header, "wsman:Locale");
    locale.append_attribute("xml:lang").set_value(c.locale.c_str());
    locale.append_attribute("s:mustUnderstand").set_value("false");
    add_selectors(m.header, r.selectors);
    return m;
}

Message enumeration_message(const Circumstances& c, const Resource& r, const char* operation) {
    Message m = addressed(c, r, std::string(enumeration) + "/" + operation);
    m.envelope.append_attribute("xmlns:wsen").set_value(enumeration);
    return m;
}

void add_argument(pugi::xml_node input, const Argument& a) {
    auto node = add(input, ("p:" + a.name).c_str());
    switch (a.kind) {
        case Argument::Kind::text:
            if (!a.text.empty()) node.append_child(pugi::node_pcdata).set_value(a.text.c_str());
            return;
        case Argument::Kind::null:
            node.append_attribute("xsi:nil").set_value("true");
            return;
        case Argument::Kind::reference: {
            add(node, "wsa:Address", anonymous);
            auto parameters = add(node, "wsa:ReferenceParameters");
            add(parameters, "wsman:ResourceURI", a.reference.uri);
            add_selectors(parameters, a.reference.selectors);
            return;
        }
        case Argument::Kind::instance:
            node.append_attribute("xmlns:e").set_value(a.reference.uri.c_str());
            node.append_attribute("xsi:type").set_value(("e:" + a.reference.class_name() + "_Type").c_str());
            for (const auto& [name, value] : a.properties) add(node, ("e:" + name).c_str(), value);
            return;
    }
}

}  // namespace

Argument Argument::of_text(std::string name, std::string text) {
    Argument a;
    a.name = std::move(name);
    a.text = std::move(text);
    return a;
}

Argument Argument::of_reference(std::string name, Resource to) {
    Argument a;
    a.kind = Kind::reference;
    a.name = std::move(name);
    a.reference = std::move(to);
    return a;
}

Argument Argument::of_instance(std::string name, Resource of_class,
                               std::vector<std::pair<std::string, std::string>> properties) {
    Argument a;
    a.kind = Kind::instance;
    a.name = std::move(name);
    a.reference = std::move(of_class);
    a.properties = std::move(properties);
    return a;
}

std::string identify_request() {
    Message m;
    m.envelope.append_attribute("xmlns:wsmid").set_value(identity);
    m.parts();
    add(m.body, "wsmid:Identify");
    return m.text();
}

std::string get_request(const Circumstances& c, const Resource& r) {
    return addressed(c, r, transfer_get).text();
}

std::string enumerate_request(const Circumstances& c, const Resource& r, std::string_view filter,
                              EnumerationMode mode, unsigned max_elements) {
    Message m = enumeration_message(c, r, "Enumerate");
    auto enumerate = add(m.body, "wsen:Enumerate");
    if (!filter.empty())
        add(enumerate, "wsman:Filter", filter).append_attribute("Dialect").set_value(wql_dialect);
    if (mode == EnumerationMode::epr) add(enumerate, "wsman:EnumerationMode", "EnumerateEPR");
    add(enumerate, "wsman:OptimizeEnumeration");
    add(enumerate, "wsman:MaxElements", std::to_string(max_elements));
    return m.text();
}

std::string pull_request(const Circumstances& c, const Resource& r, std::string_view context,
                         unsigned max_elements) {
    Message m = enumeration_message(c, r, "Pull");
    auto pull = add(m.body, "wsen:Pull");
    add(pull, "wsen:EnumerationContext", context);
    add(pull, "wsen:MaxElements", std::to_string(max_elements));
    return m.text();
}

std::string release_request(const Circumstances& c, const Resource& r, std::string_view context) {
    Message m = enumeration_message(c, r, "Release");
    add(add(m.body, "wsen:Release"), "wsen:EnumerationContext", context);
    return m.text();
}

std::string invoke_request(const Circumstances& c, const Resource& r, std::string_view method,
                           const std::vector<Argument>& arguments) {
    Message m = addressed(c, r, r.uri + "/" + std::string(method));
    auto input = add(m.body, ("p:" + std::string(method) + "_INPUT").c_str());
    input.append_attribute("xmlns:p").set_value(r.uri.c_str());
    input.append_attribute("xmlns:xsi").set_value(schema_instance);
    for (const auto& a : arguments) add_argument(input, a);
    return m.text();
}

}  // namespace wsvirt::client
