#include "wsman/soap/message.hpp"

#include <array>
#include <bitset>
#include <vector>

#include "base/text.hpp"
#include "wsman/soap/header_reader.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/writer.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::soap {
namespace {

struct Known {
    std::string_view ns, name;  // ns wsa04 stands for both versions of addressing
};
enum Block : std::size_t {
    to,
    action,
    message_id,
    relates_to,
    from,
    reply_to,
    fault_to,
    resource_uri,
    selector_set,
    operation_timeout,
    max_envelope_size,
    locale,
    option_set,
    fragment_transfer,
    request_epr,
    request_total,
    data_locale,
    session_id,
    operation_id,
    sequence_id,
    activity_id,
    block_count
};
constexpr std::array<Known, block_count> known{{
    {ns::wsa04, "To"},
    {ns::wsa04, "Action"},
    {ns::wsa04, "MessageID"},
    {ns::wsa04, "RelatesTo"},
    {ns::wsa04, "From"},
    {ns::wsa04, "ReplyTo"},
    {ns::wsa04, "FaultTo"},
    {ns::wsman, "ResourceURI"},
    {ns::wsman, "SelectorSet"},
    {ns::wsman, "OperationTimeout"},
    {ns::wsman, "MaxEnvelopeSize"},
    {ns::wsman, "Locale"},
    {ns::wsman, "OptionSet"},
    {ns::wsman, "FragmentTransfer"},
    {ns::wsman, "RequestEPR"},
    {ns::wsman, "RequestTotalItemsCountEstimate"},
    {ns::wsmv, "DataLocale"},
    {ns::wsmv, "SessionId"},
    {ns::wsmv, "OperationID"},
    {ns::wsmv, "SequenceId"},
    {ns::wsmv, "ActivityId"},
}};

std::size_t index_of(const HeaderBlock& b) {
    const auto uri = b.ns == ns::wsa05 ? ns::wsa04 : b.ns;
    for (std::size_t i = 0; i < known.size(); ++i)
        if (known[i].name == b.name && known[i].ns == uri) return i;
    return block_count;
}

// A header block as a pugixml node with the prefixes of its surroundings; empty when it does not parse.
pugi::xml_node parse_block(pugi::xml_document& doc, const Frame& f, const HeaderBlock& b) {
    std::string text;
    text.append(f.envelope_tag)
        .append(f.header_tag)
        .append(b.text)
        .append("</")
        .append(f.header_name)
        .append(">");
    text.append("</").append(f.prefix.empty() ? "" : std::string(f.prefix) + ":").append("Envelope>");
    if (!doc.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single,
                         pugi::encoding_utf8))
        return {};
    return xml::first_element(xml::first_element(xml::first_element(doc)));
}

// As reference parameters are marked in messages of 2005/08 (WS-Addressing 1.0 SOAP Binding 3.1). Every
// prefix that counts here is bound by the element itself, so that a prefix it does not bind hides none.
void mark_as_reference_parameter(pugi::xml_node e) {
    while (const auto given = xml::attribute(e, ns::wsa05, "IsReferenceParameter")) e.remove_attribute(given);
    std::string prefix = "isrp";
    while (e.attribute(("xmlns:" + prefix).c_str())) prefix += '_';
    e.append_attribute(("xmlns:" + prefix).c_str()) = std::string(ns::wsa05).c_str();
    e.append_attribute((prefix + ":IsReferenceParameter").c_str()) = "true";
}

// The reference parameters of ReplyTo or FaultTo as blocks for the answer (R5.4.2-5). Nothing when they are
// longer than a header may be: each binds the prefixes of its surroundings anew, so many short ones are long.
std::optional<std::string> echo_of(const Frame& f, const HeaderBlock& b, std::size_t limit) {
    std::string out;
    if (b.text.find("ReferenceP") == std::string_view::npos) return out;
    pugi::xml_document doc;
    const auto node = parse_block(doc, f, b);
    for (auto part = xml::first_element(node); part; part = xml::next_element(part)) {
        const auto name = xml::local_name(part);
        if (name != "ReferenceParameters" && name != "ReferenceProperties") continue;
        for (auto e = xml::first_element(part); e; e = xml::next_element(e)) {
            pugi::xml_document alone;
            const auto block = xml::self_contained(e, alone);
            if (b.ns == ns::wsa05) mark_as_reference_parameter(block);
            out += xml::raw(block);
            if (out.size() > limit) return std::nullopt;
        }
    }
    return out;
}

void note(RequestHeaders& h, const Frame& f, std::size_t i, const HeaderBlock& b) {
    switch (i) {
        case to:
            h.to.emplace();
            break;
        case action:
            h.action.emplace();
            break;
        case message_id:
            h.message_id.emplace();
            break;
        case relates_to:
            h.relates_to.emplace();
            break;
        case reply_to:
            h.reply_to.emplace();
            break;
        case fault_to:
            h.fault_to.emplace();
            break;
        case resource_uri:
            h.resource_uri.emplace();
            break;
        case selector_set:
            h.selector_set = true;
            break;
        case operation_timeout:
            h.operation_timeout.emplace().must_understand = b.must_understand;
            break;
        case max_envelope_size:
            h.max_envelope_size.emplace().must_understand = b.must_understand;
            break;
        case locale:
            h.locale.emplace().must_understand = b.must_understand;
            break;
        case data_locale:
            h.data_locale.emplace().must_understand = b.must_understand;
            break;
        case option_set:
            h.option_set = true;
            break;
        case request_epr:
            h.request_epr = true;
            break;
        case request_total:
            h.request_total = true;
            break;
        case fragment_transfer: {
            pugi::xml_document doc;
            h.fragment.emplace().must_understand = b.must_understand;
            pugi::xml_document alone;
            h.fragment->block = xml::raw(xml::self_contained(parse_block(doc, f, b), alone));
            break;
        }
        default:
            break;
    }
}

Fault version_mismatch() {
    Fault f(Subcode::version_mismatch);
    f.header_xml = "<s:Upgrade><s:SupportedEnvelope qname=\"s:Envelope\"/></s:Upgrade>";
    return f;
}

Fault duplicate(const HeaderBlock& b) {
    return {
        Subcode::invalid_header, {}, "The header " + std::string(b.name) + " is given twice. Send it once."};
}

Fault too_much_to_echo(const HeaderBlock& b) {
    return Fault(Subcode::encoding_limit, {},
                 "The reference parameters of " + std::string(b.name) +
                     ", each with the prefixes that are bound around it, are longer than a header may be. "
                     "Send fewer, or bind fewer prefixes around them.")
        .by("wsman.gate.max_header_bytes");
}

// Sorts the blocks into `h` and `wanted`; the first thing wrong becomes the fault.
std::optional<Fault> sort_blocks(const Frame& f, std::size_t max_echo, RequestHeaders& h,
                                 std::vector<const HeaderBlock*>& wanted) {
    std::bitset<block_count> seen;
    std::optional<Fault> fault;
    bool older = false, newer = false;
    for (const auto& b : f.headers) {
        older = older || b.ns == ns::wsa04;
        newer = newer || b.ns == ns::wsa05;
        const auto i = index_of(b);
        if (i == block_count) {
            if (!b.must_understand || fault) continue;
            pugi::xml_document doc;  // for the namespace as it is meant, without references
            fault = not_understood(xml::namespace_of(parse_block(doc, f, b)), b.name);
            continue;
        }
        if (seen.test(i)) {
            if (!fault || fault->subcode == Subcode::must_understand) fault = duplicate(b);
            continue;
        }
        seen.set(i);
        wanted.push_back(&b);
        note(h, f, i, b);
        if (i != reply_to && i != fault_to) continue;
        if (auto echo = echo_of(f, b, max_echo))
            (i == reply_to ? h.reply_to : h.fault_to)->echo = std::move(*echo);
        else if (!fault)
            fault = too_much_to_echo(b);
    }
    h.addressing = newer && !older ? Addressing::wsa05 : Addressing::wsa04;
    h.mixed_addressing = older && newer;
    if (h.mixed_addressing && !fault)
        fault =
            Fault(Subcode::invalid_header, {},
                  "The request mixes the 2004/08 and the 2005/08 version of WS-Addressing. Use one of them.");
    return fault;
}

// The message id is needed for every answer, also when the other headers are not as they should be.
void read_message_id(const Frame& f, RequestHeaders& h) {
    for (const auto& b : f.headers)
        if (index_of(b) == message_id) {
            pugi::xml_document doc;
            h.message_id = xml::text(parse_block(doc, f, b));
            return;
        }
}

bool parse_body(Message& m) {
    std::string text;
    text.reserve(m.frame.envelope_tag.size() + m.frame.body.size() + 32);
    text.append(m.frame.envelope_tag).append(m.frame.body).append("</");
    if (!m.frame.prefix.empty()) text.append(m.frame.prefix).append(":");
    text.append("Envelope>");
    const auto flags = pugi::parse_default | pugi::parse_ws_pcdata_single;
    if (!m.document.load_buffer(text.data(), text.size(), flags, pugi::encoding_utf8)) return false;
    m.body = xml::first_element(m.document.document_element());
    return true;
}

Incoming with_status(unsigned status, std::string text, std::string_view limit = {}) {
    Incoming r;
    r.http_limit = limit;
    r.http_status = status;
    r.http_text = std::move(text);
    return r;
}

Incoming refused(const Refusal& why, Encoding e) {
    if (why.why == Refused::too_large) return with_status(413, why.text, why.limit);
    Incoming r;
    r.encoding = e;
    r.fault = Fault(why.why == Refused::limit ? Subcode::encoding_limit : Subcode::schema_validation, {},
                    "The message is refused: " + why.text + ".")
                  .by(why.limit);
    return r;
}

}  // namespace

struct Receiver::Contexts {
    HeaderReader reader;
};

Receiver::Receiver(GateLimits limits) : limits_(limits), contexts_(std::make_unique<Contexts>()) {}
Receiver::~Receiver() = default;

Incoming Receiver::receive(std::string body, std::string_view content_type) {
    // UTF-16 may be twice as long as the same text in UTF-8.
    if (body.size() > limits_.max_bytes * 2)
        return with_status(413, "the message is larger than this service accepts", "wsman.gate.max_bytes");
    auto decoded = decode(std::move(body), content_type);
    switch (decoded.status) {
        case DecodeStatus::ok:
            break;
        case DecodeStatus::unsupported_media:
            return with_status(415, "send application/soap+xml in UTF-8 or UTF-16, without attachments");
        case DecodeStatus::contradiction:
            return with_status(400,
                               "byte order mark, charset and XML declaration do not agree on an encoding");
        case DecodeStatus::unsupported_charset: {
            Incoming r;
            r.fault = Fault(Subcode::encoding_limit, fd::character_set);
            return r;
        }
        case DecodeStatus::broken_text:
            return refused({Refused::not_well_formed, "the text is not valid UTF-16"}, Encoding::utf8);
    }
    Incoming r;
    r.encoding = decoded.encoding;
    auto message = std::make_unique<Message>();
    message->text = std::move(decoded.text);
    message->encoding = decoded.encoding;
    auto inspected = inspect(message->text, limits_);
    if (const auto* why = std::get_if<Refusal>(&inspected)) return refused(*why, decoded.encoding);
    message->frame = std::move(std::get<Frame>(inspected));
    if (message->frame.ns != ns::soap12) {
        r.fault = message->frame.ns == ns::soap11
                      ? version_mismatch()
                      : Fault(Subcode::schema_validation, {}, "The message is not an envelope of SOAP 1.2.");
        return r;
    }
    std::vector<const HeaderBlock*> wanted;
    wanted.reserve(message->frame.headers.size());
    r.fault = sort_blocks(message->frame, limits_.max_header_bytes, message->headers, wanted);
    if (!contexts_->reader.read(message->frame, wanted, message->headers)) {
        read_message_id(message->frame, message->headers);
        if (!r.fault)
            r.fault = Fault(Subcode::schema_validation, {},
                            "A header of the request does not have the content it must have.");
    }
    if (!r.fault && !parse_body(*message))
        r.fault = Fault(Subcode::schema_validation, {}, "The body of the message cannot be parsed.");
    r.message = std::move(message);
    return r;
}

}  // namespace wsvirt::soap
