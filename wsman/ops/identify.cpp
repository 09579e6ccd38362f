#include "wsman/ops/operations.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {

bool is_identify(const soap::Message& message) {
    return soap::xml::is(soap::xml::first_element(message.body), soap::ns::wsmid, "Identify");
}

std::string identify(const soap::Message& message, const OpsSettings& settings, bool full) {
    std::string out;
    const auto& h = message.headers;
    // Identify needs no headers at all; one with an id gets it back (clients built on WS-Addressing look for
    // it).
    out.append("<s:Envelope xml:lang=\"en-US\" xmlns:s=\"").append(soap::ns::soap12);
    out.append("\" xmlns:wsmid=\"").append(soap::ns::wsmid).append("\"><s:Header>");
    if (h.message_id && !h.message_id->empty()) {
        const auto wsa = h.addressing == soap::Addressing::wsa05 ? soap::ns::wsa05 : soap::ns::wsa04;
        out.append("<a:RelatesTo xmlns:a=\"").append(wsa).append("\">");
        soap::append_escaped(out, *h.message_id);
        out += "</a:RelatesTo>";
    }
    out.append("</s:Header><s:Body><wsmid:IdentifyResponse><wsmid:ProtocolVersion>").append(soap::ns::wsman);
    out += "</wsmid:ProtocolVersion><wsmid:ProductVendor>";
    soap::append_escaped(out, settings.vendor);
    out += "</wsmid:ProductVendor><wsmid:ProductVersion>";
    soap::append_escaped(
        out, full ? "OS: " + settings.version + " SP: 0.0 Stack: 3.0" : "OS: 0.0.0 SP: 0.0 Stack: 3.0");
    out += "</wsmid:ProductVersion>";
    if (full && !settings.security_profiles.empty()) {
        out += "<wsmid:SecurityProfiles>";
        for (const auto& p : settings.security_profiles) {
            out += "<wsmid:SecurityProfileName>";
            soap::append_escaped(out, p);
            out += "</wsmid:SecurityProfileName>";
        }
        out += "</wsmid:SecurityProfiles>";
    }
    out += "</wsmid:IdentifyResponse></s:Body></s:Envelope>";
    return out;
}

}  // namespace wsvirt::wsman
