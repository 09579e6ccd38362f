#include "wsman/soap/writer.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/xml_text.hpp"
#include "wsman/soap/fault_texts.hpp"
#include "wsman/soap/names.hpp"

namespace wsvirt::soap {
namespace {

constexpr std::string_view cim_error_uri = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_Error";

void element(std::string& out, std::string_view name, std::string_view text) {
    out.append("<").append(name).append(">");
    append_escaped(out, text);
    out.append("</").append(name).append(">");
}

void append_detail(std::string& out, const Fault& f, std::string_view text, std::string_view machine) {
    out += "<s:Detail>";
    out += f.detail_xml;
    if (!f.detail.empty()) element(out, "w:FaultDetail", std::string(uri::fault_detail).append(f.detail));
    out.append("<f:WSManFault xmlns:f=\"").append(ns::wsmanfault).append("\" Code=\"");
    out.append(std::to_string(windows_code(f))).append("\" Machine=\"");
    append_escaped(out, machine, true);
    out += "\">";
    element(out, "f:Message", text);
    out += "</f:WSManFault>";
    if (f.cim) {
        out.append("<p:CIM_Error xmlns:p=\"").append(cim_error_uri).append("\" b:IsCIM_Error=\"true\">");
        element(out, "p:CIMStatusCode", std::to_string(f.cim->status));
        element(out, "p:Message", f.cim->message);
        element(out, "p:MessageID", f.cim->message_id);
        element(out, "p:OwningEntity", "wsvirt");
        element(out, "p:PerceivedSeverity", "5");
        element(out, "p:ProbableCause", "0");
        out += "</p:CIM_Error>";
    }
    out += "</s:Detail>";
}

// The reason of a fault: in the language asked for, and what the fault itself says, when that is something
// else.
struct Reason {
    LocalText first;
    std::string second;  // English, "" for none
};

void append_text(std::string& out, std::string_view language, std::string_view text) {
    out.append("<s:Text xml:lang=\"").append(language).append("\">");
    append_escaped(out, text);
    out += "</s:Text>";
}

// What a fault may leave out to fit (R13.4-6): reference parameters and details; where not even that helps,
// the MessageID that it relates to is longer than any URI need be.
enum class Parts { all, few, least };

std::string fault_envelope(const RequestHeaders* request, const Fault& f, const Reason& reason,
                           std::string_view machine, Parts parts) {
    const auto version = request ? request->addressing : Addressing::wsa04;
    AnswerHead head;
    head.addressing = version;
    head.language = reason.first.language;
    head.action = fault_action(f.subcode, version);
    head.extra = f.header_xml;
    if (request) {
        if (request->message_id && parts != Parts::least) head.relates_to = *request->message_id;
        const auto& target = request->fault_to ? request->fault_to : request->reply_to;
        if (target && parts == Parts::all) head.echo = target->echo;
    }
    std::string out;
    out.reserve(2048);
    begin_envelope(out, head);
    out.append("<s:Fault><s:Code><s:Value>").append(code_qname(f.subcode)).append("</s:Value>");
    if (const auto sub = subcode_qname(f.subcode, version); !sub.empty())
        out.append("<s:Subcode><s:Value>").append(sub).append("</s:Value></s:Subcode>");
    out += "</s:Code><s:Reason>";
    append_text(out, reason.first.language, reason.first.text);
    if (!reason.second.empty()) append_text(out, "en-US", reason.second);
    out += "</s:Reason>";
    const auto both = std::string(reason.first.text) + (reason.second.empty() ? "" : " ") + reason.second;
    if (parts == Parts::all) append_detail(out, f, both, machine);
    out += "</s:Fault>";
    end_envelope(out);
    return out;
}

}  // namespace

void append_escaped(std::string& out, std::string_view given, bool attribute) {
    const auto text = xml_printable(given);
    std::size_t from = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        std::string_view by;
        if (c == '<')
            by = "&lt;";
        else if (c == '>')
            by = "&gt;";
        else if (c == '&')
            by = "&amp;";
        else if (c == '\r')
            by = "&#13;";
        else if (attribute && c == '"')
            by = "&quot;";
        else if (attribute && (c == '\n' || c == '\t'))
            by = c == '\n' ? "&#10;" : "&#9;";
        else
            continue;
        out.append(text, from, i - from).append(by);
        from = i + 1;
    }
    out.append(text, from);
}

void begin_envelope(std::string& out, const AnswerHead& head) {
    const bool newer = head.addressing == Addressing::wsa05;
    out.append("<s:Envelope xml:lang=\"").append(head.language).append("\" xmlns:s=\"").append(ns::soap12);
    out.append("\" xmlns:a=\"").append(newer ? ns::wsa05 : ns::wsa04);
    out.append("\" xmlns:x=\"").append(ns::wxf);
    out.append("\" xmlns:n=\"").append(ns::wsen);
    out.append("\" xmlns:w=\"").append(ns::wsman);
    out.append("\" xmlns:p=\"").append(ns::wsmv);
    out.append("\" xmlns:b=\"").append(ns::wsmb);
    out.append("\" xmlns:cim=\"").append(ns::cim);
    out.append("\" xmlns:xsi=\"").append(ns::xsi).append("\"><s:Header><a:Action>");
    append_escaped(out, head.action);
    out += "</a:Action><a:To>";
    if (head.to.empty())
        out += newer ? uri::anonymous05 : uri::anonymous04;
    else
        append_escaped(out, head.to);
    out.append("</a:To><a:MessageID>uuid:").append(make_guid()).append("</a:MessageID>");
    if (!head.relates_to.empty()) element(out, "a:RelatesTo", head.relates_to);
    out.append(head.echo).append(head.extra).append("</s:Header><s:Body>");
}

void end_envelope(std::string& out) {
    out += "</s:Body></s:Envelope>";
}

std::string write_fault(const RequestHeaders* request, const Fault& fault, std::string_view machine,
                        std::size_t limit) {
    std::string_view asked;
    if (fault.language)
        asked = *fault.language;
    else if (request && request->locale)
        asked = request->locale->value;
    const auto local = local_text(fault.subcode, fault.detail, asked);
    Reason reason{local, fault.text};
    if (local.language == "en-US" && !fault.text.empty()) reason = {{local.language, fault.text}, {}};
    auto out = fault_envelope(request, fault, reason, machine, Parts::all);
    // No fault need be shorter than 4,096 octets, which may be half as many characters in UTF-16.
    const std::size_t most = std::max<std::size_t>(limit, 2047);
    if (out.size() <= most) return out;
    const auto cut = [&](std::size_t bytes, Parts parts) {
        const auto first = shortened(reason.first.text, bytes);
        const Reason less{{reason.first.language, first}, shortened(reason.second, bytes)};
        return fault_envelope(request, fault, less, machine, parts);
    };
    out = cut(512, Parts::all);
    if (out.size() > most) out = cut(256, Parts::few);
    return out.size() <= most ? out : cut(256, Parts::least);
}

}  // namespace wsvirt::soap
