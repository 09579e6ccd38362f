#include "wsman/ops/header_checks.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"
#include "cim/model/datetime.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/writer.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;

Fault missing(std::string_view header) {
    Fault f(Subcode::header_required, {}, "The header " + std::string(header) + " is required.");
    f.detail_xml.append("<a:ProblemHeaderQName>").append(header).append("</a:ProblemHeaderQName>");
    return f;
}
Fault invalid(std::string_view header, std::string_view what) {
    return {Subcode::invalid_header,
            {},
            "The header " + std::string(header) + " is not valid: " + std::string(what) + "."};
}

// A URI or a relative one, such as the "/wsman" and the numbers of AMT's clients.
bool is_uri_reference(std::string_view s) {
    return !s.empty() && std::none_of(s.begin(), s.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == '<' || c == '>' || c == '"' || c == '\\' ||
               c == '^' || c == '`' || c == '{' || c == '|' || c == '}' || c == 0x7F;
    });
}

std::optional<Fault> check_reply(const std::optional<soap::Endpoint>& e, std::string_view name,
                                 soap::Addressing version) {
    if (!e) return std::nullopt;
    const auto anonymous =
        version == soap::Addressing::wsa05 ? soap::uri::anonymous05 : soap::uri::anonymous04;
    if (e->address == anonymous) return std::nullopt;
    if (!is_uri(e->address)) return invalid(name, "its address is not a URI");
    return Fault(Subcode::unsupported_feature, fd::addressing_mode);
}

// R5.3-3: wsa:To may name any host, but a path that is not ours is not found.
bool names_this_service(std::string_view to, std::string_view http_target) {
    std::size_t slash = 0;
    if (!to.starts_with('/')) {
        const auto authority = to.find("//");
        if (!istarts_with(to, "http") || authority == std::string_view::npos) return true;
        slash = to.find('/', authority + 2);
        if (slash == std::string_view::npos) return true;
    }
    const auto normal = [](std::string_view path) {
        path = path.substr(0, path.find('?'));
        while (path.ends_with('/')) path.remove_suffix(1);
        return path;
    };
    const auto path = normal(to.substr(slash));
    return path.empty() || iequals(path, normal(http_target));
}

std::optional<Fault> check_uri(std::string_view header, std::string_view value, const OpsSettings& settings,
                               bool may_be_relative = false) {
    if (value.size() > settings.max_uri_characters) {
        return Fault(Subcode::encoding_limit, fd::uri_limit,
                     "The header " + std::string(header) + " is too long.")
            .by("wsman.limits.max_uri_characters");
    }
    if (may_be_relative ? is_uri_reference(value) : is_uri(value)) return std::nullopt;
    return invalid(header, "it is not a URI");
}

std::optional<Fault> check_addressing(const soap::RequestHeaders& h, const OpsSettings& settings,
                                      std::string_view http_target) {
    const bool newer = h.addressing == soap::Addressing::wsa05;
    if (!h.message_id) return invalid("wsa:MessageID", "it is missing");
    if (auto f = check_uri("wsa:MessageID", *h.message_id, settings, true)) return f;
    if (!h.action) return missing("a:Action");
    if (auto f = check_uri("wsa:Action", *h.action, settings)) return f;
    // 2005/08: To and ReplyTo have the anonymous address when they are absent.
    if (!h.to && !newer) return missing("a:To");
    if (h.to) {
        if (auto f = check_uri("wsa:To", *h.to, settings, true)) return f;
        if (!names_this_service(*h.to, http_target))
            return Fault(Subcode::destination_unreachable, {},
                         "The address " + *h.to + " of wsa:To is no service of this host.");
    }
    if (!h.reply_to && !newer) return missing("a:ReplyTo");
    if (auto f = check_reply(h.reply_to, "wsa:ReplyTo", h.addressing)) return f;
    if (auto f = check_reply(h.fault_to, "wsa:FaultTo", h.addressing)) return f;
    if (h.activity_id.size() > settings.max_uri_characters) return invalid("p:ActivityId", "it is too long");
    return std::nullopt;
}

std::optional<Fault> check_envelope_size(const soap::RequestHeaders& h, const OpsSettings& settings,
                                         Control& control) {
    control.envelope_limit = settings.max_envelope_size;
    control.limit_is_clients = false;
    if (!h.max_envelope_size) return std::nullopt;
    const auto& text = h.max_envelope_size->value;
    const bool digits =
        !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || text.find_first_not_of('0') == std::string::npos)
        return invalid("wsman:MaxEnvelopeSize", "it is not a positive number");
    // More digits than fit are more octets than are ever sent.
    const auto n = parse_uint(text).value_or(settings.max_envelope_size);
    if (n < 8192) return Fault(Subcode::encoding_limit, fd::minimum_envelope_limit);
    if (n < control.envelope_limit) {
        control.envelope_limit = static_cast<std::size_t>(n);
        control.limit_is_clients = true;
    }
    return std::nullopt;
}

std::optional<Fault> check_timeout(const soap::RequestHeaders& h, const OpsSettings& settings,
                                   Control& control) {
    control.timeout = settings.default_timeout;
    if (!h.operation_timeout) return std::nullopt;
    const auto asked = positive_duration(h.operation_timeout->value);
    if (!asked) return invalid("wsman:OperationTimeout", "it is not a positive duration such as PT60S");
    control.timeout = std::min<std::chrono::microseconds>(*asked, settings.max_timeout);
    control.timeout_cut = *asked > settings.max_timeout;
    return std::nullopt;
}

bool is_boolean(std::string_view v) {
    return v.empty() || iequals(v, "true") || iequals(v, "false") || v == "1" || v == "0";
}

// Options this service acts on; all of them are booleans (DSP0227 13.1 and 15.8).
constexpr std::array known_options{
    "IncludeClassOrigin",         "IncludeQualifiers", "IncludeSubClasses",
    "IncludeInheritedElements",   "IncludePath",       "ExcludeClassSpecification",
    "IncludeInheritanceHierarchy"};

bool is_known_option(std::string_view name) {
    if (istarts_with(name, "wmi:")) name.remove_prefix(4);
    return std::any_of(known_options.begin(), known_options.end(),
                       [&](const char* k) { return iequals(k, name); });
}
// What Windows clients send along for the provider; never a reason for a fault there.
bool is_tolerated_option(std::string_view name) {
    for (const std::string_view prefix : {"wmi:", "wmiarray:", "__MI_", "msftwinrm:"})
        if (istarts_with(name, prefix)) return true;
    return false;
}

}  // namespace

bool is_uri(std::string_view s) {
    const auto colon = s.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == s.size()) return false;
    if (!std::isalpha(static_cast<unsigned char>(s[0]))) return false;
    for (std::size_t i = 0; i < colon; ++i) {
        const auto c = static_cast<unsigned char>(s[i]);
        if (!std::isalnum(c) && c != '+' && c != '-' && c != '.') return false;
    }
    return is_uri_reference(s);
}

std::optional<std::chrono::microseconds> positive_duration(std::string_view s) {
    if (s.empty() || s[0] != 'P') return std::nullopt;
    const auto d = cim::DateTime::from_xsd(s);
    if (!d || !d->is_interval() || d->microseconds() <= 0) return std::nullopt;
    return std::chrono::microseconds(d->microseconds());
}

bool option(const soap::RequestHeaders& h, std::string_view name, bool fallback) {
    for (auto o = h.options.rbegin(); o != h.options.rend(); ++o) {
        std::string_view have = o->name;
        if (istarts_with(have, "wmi:")) have.remove_prefix(4);
        if (iequals(have, name)) return o->value.empty() || iequals(o->value, "true") || o->value == "1";
    }
    return fallback;
}

std::optional<Fault> check_options(const soap::RequestHeaders& h, const OpsSettings& settings) {
    if (h.options.size() > settings.max_options)
        return Fault(Subcode::encoding_limit, fd::option_limit).by("wsman.limits.max_options");
    for (const auto& o : h.options) {
        if (o.name.empty())
            return Fault(Subcode::invalid_options, fd::invalid_name, "An option has no name.");
        const bool extensions = iequals(o.name, "ShowExtensions");
        if ((extensions || is_known_option(o.name)) && !is_boolean(o.value))
            return Fault(Subcode::invalid_options, fd::invalid_value,
                         "The option " + o.name + " must be true or false.");
        if (extensions && o.must_comply && option(h, o.name, false))
            return Fault(Subcode::invalid_options, fd::not_supported,
                         "The option ShowExtensions is not supported. Send it without MustComply.");
        if (o.must_comply && !extensions && !is_known_option(o.name) && !is_tolerated_option(o.name))
            return Fault(Subcode::invalid_options, fd::invalid_name,
                         "The option " + o.name + " is not known. Send it without MustComply.");
    }
    return std::nullopt;
}

std::optional<Fault> check_headers(const soap::RequestHeaders& h, const OpsSettings& settings,
                                   std::string_view http_target, Control& control) {
    // First, as the faults of the other headers are kept to it, too.
    const auto size_fault = check_envelope_size(h, settings, control);
    if (auto f = check_addressing(h, settings, http_target)) return f;
    if (auto f = check_timeout(h, settings, control)) return f;
    if (size_fault) return size_fault;
    if (h.locale && h.locale->must_understand) return Fault(Subcode::unsupported_feature, fd::locale);
    if (h.data_locale && h.data_locale->must_understand)
        return Fault(Subcode::unsupported_feature, fd::data_locale,
                     "A data locale cannot be guaranteed. Send p:DataLocale without mustUnderstand.");
    return std::nullopt;
}

}  // namespace wsvirt::wsman
