#include "wsman/soap/fault.hpp"

#include <array>

#include "wsman/soap/names.hpp"
#include "wsman/soap/writer.hpp"

namespace wsvirt::soap {
namespace {

// The specification a subcode belongs to decides its prefix and the fault's action (R14.2-2).
enum class Spec { wsa, wsman, wxf, wsen, wsmb, soap };

struct SubcodeRow {
    Subcode subcode;
    bool sender;
    Spec spec;
    std::string_view name;
    std::string_view name05;  // in the 2005/08 addressing, where it differs
};

constexpr std::array subcodes{
    SubcodeRow{Subcode::access_denied, true, Spec::wsman, "AccessDenied", {}},
    SubcodeRow{Subcode::action_not_supported, true, Spec::wsa, "ActionNotSupported", {}},
    SubcodeRow{Subcode::already_exists, true, Spec::wsman, "AlreadyExists", {}},
    SubcodeRow{Subcode::enumeration_cannot_process_filter, true, Spec::wsen, "CannotProcessFilter", {}},
    SubcodeRow{Subcode::cannot_process_filter, true, Spec::wsman, "CannotProcessFilter", {}},
    SubcodeRow{Subcode::concurrency, true, Spec::wsman, "Concurrency", {}},
    SubcodeRow{Subcode::destination_unreachable, true, Spec::wsa, "DestinationUnreachable", {}},
    SubcodeRow{Subcode::encoding_limit, true, Spec::wsman, "EncodingLimit", {}},
    SubcodeRow{Subcode::endpoint_unavailable, false, Spec::wsa, "EndpointUnavailable", {}},
    SubcodeRow{
        Subcode::filter_dialect_unavailable, true, Spec::wsen, "FilterDialectRequestedUnavailable", {}},
    SubcodeRow{Subcode::filtering_not_supported, true, Spec::wsen, "FilteringNotSupported", {}},
    SubcodeRow{Subcode::fragment_dialect_not_supported, true, Spec::wsman, "FragmentDialectNotSupported", {}},
    SubcodeRow{Subcode::internal_error, false, Spec::wsman, "InternalError", {}},
    SubcodeRow{Subcode::invalid_enumeration_context, false, Spec::wsen, "InvalidEnumerationContext", {}},
    SubcodeRow{Subcode::invalid_expiration_time, true, Spec::wsen, "InvalidExpirationTime", {}},
    SubcodeRow{Subcode::invalid_header, true, Spec::wsa, "InvalidMessageInformationHeader",
               "InvalidAddressingHeader"},
    SubcodeRow{Subcode::invalid_options, true, Spec::wsman, "InvalidOptions", {}},
    SubcodeRow{Subcode::invalid_parameter, true, Spec::wsman, "InvalidParameter", {}},
    SubcodeRow{Subcode::invalid_representation, true, Spec::wxf, "InvalidRepresentation", {}},
    SubcodeRow{Subcode::invalid_selectors, true, Spec::wsman, "InvalidSelectors", {}},
    SubcodeRow{Subcode::header_required, true, Spec::wsa, "MessageInformationHeaderRequired",
               "MessageAddressingHeaderRequired"},
    SubcodeRow{Subcode::polymorphism_not_supported, true, Spec::wsmb, "PolymorphismModeNotSupported", {}},
    SubcodeRow{Subcode::quota_limit, true, Spec::wsman, "QuotaLimit", {}},
    SubcodeRow{Subcode::schema_validation, true, Spec::wsman, "SchemaValidationError", {}},
    SubcodeRow{Subcode::timed_out, false, Spec::wsman, "TimedOut", {}},
    SubcodeRow{Subcode::unsupported_feature, true, Spec::wsman, "UnsupportedFeature", {}},
    SubcodeRow{Subcode::must_understand, false, Spec::soap, "MustUnderstand", {}},
    SubcodeRow{Subcode::version_mismatch, false, Spec::soap, "VersionMismatch", {}},
};

const SubcodeRow& row_of(Subcode s) {
    return subcodes[static_cast<std::size_t>(s)];
}

// The first row that fits counts; an empty detail fits every detail of its subcode that has no row of its
// own.
struct TextRow {
    Subcode subcode;
    std::string_view detail;
    std::uint32_t windows_code;
    std::string_view text;
};

constexpr std::array texts{
    TextRow{Subcode::access_denied, {}, 5, "Access is denied. Sign in as a user whose role allows this."},
    TextRow{Subcode::action_not_supported, fd::action_mismatch, 2150858801,
            "The action exists but this resource does not support it."},
    TextRow{Subcode::action_not_supported, {}, 2150858771, "The action is not supported by this service."},
    TextRow{Subcode::already_exists, {}, 2150858803, "A resource with the same keys exists already."},
    TextRow{Subcode::enumeration_cannot_process_filter,
            {},
            2150858778,
            "The filter cannot be processed. Correct it and enumerate again."},
    TextRow{Subcode::cannot_process_filter, {}, 2150858882, "The fragment expression cannot be processed."},
    TextRow{Subcode::concurrency,
            {},
            2150858802,
            "Another operation is changing the same resource. Try again when it has ended."},
    TextRow{Subcode::destination_unreachable, fd::invalid_resource_uri, 2150858752,
            "The resource URI names nothing that this service knows."},
    TextRow{Subcode::destination_unreachable, {}, 2150858752, "The resource was not found."},
    TextRow{Subcode::encoding_limit, fd::character_set, 2150858796,
            "The character set is not supported. Send UTF-8 or UTF-16."},
    TextRow{Subcode::encoding_limit, fd::max_envelope_size, 2150858823,
            "The answer is larger than the wsman:MaxEnvelopeSize of the request."},
    TextRow{Subcode::encoding_limit, fd::minimum_envelope_limit, 2150858878,
            "The wsman:MaxEnvelopeSize must be 8192 or more."},
    TextRow{Subcode::encoding_limit, fd::option_limit, 2150858827, "The request has too many options."},
    TextRow{Subcode::encoding_limit, fd::selector_limit, 2150858826, "The request has too many selectors."},
    TextRow{Subcode::encoding_limit, fd::service_envelope_limit, 2150858825,
            "The answer is larger than this service sends."},
    TextRow{Subcode::encoding_limit, fd::unreportable_success, 2150858829,
            "The operation was carried out, but its answer does not fit into the wsman:MaxEnvelopeSize."},
    TextRow{Subcode::encoding_limit, fd::uri_limit, 2150858797, "A URI is too long."},
    TextRow{Subcode::encoding_limit, {}, 2150858805, "The request exceeds a limit of this service."},
    TextRow{Subcode::endpoint_unavailable, {}, 2150858772, "The resource is not available at present."},
    TextRow{Subcode::filter_dialect_unavailable, {}, 2150858777, "The filter dialect is not supported."},
    TextRow{Subcode::filtering_not_supported, {}, 2150858776, "This resource cannot be filtered."},
    TextRow{
        Subcode::fragment_dialect_not_supported, {}, 2150858896, "The fragment dialect is not supported."},
    TextRow{Subcode::internal_error, {}, 1359, "An internal error occurred."},
    TextRow{Subcode::invalid_enumeration_context,
            {},
            2150858779,
            "The enumeration context is not valid: it has ended, expired or never existed. Enumerate again."},
    TextRow{Subcode::invalid_expiration_time, {}, 2150858774, "The expiration time is not valid."},
    TextRow{Subcode::invalid_header, {}, 2150858767, "A header of the request is not valid."},
    TextRow{Subcode::invalid_options, fd::not_supported, 2150858833, "An option is not supported."},
    TextRow{Subcode::invalid_options, fd::invalid_name, 2150858834, "An option is not known."},
    TextRow{Subcode::invalid_options, fd::invalid_value, 2150858835, "The value of an option is not valid."},
    TextRow{Subcode::invalid_options, {}, 2150858809, "The options are not valid."},
    TextRow{Subcode::invalid_parameter, fd::type_mismatch, 2150858836, "A parameter has the wrong type."},
    TextRow{Subcode::invalid_parameter, fd::invalid_name, 2150858837, "A parameter is not known."},
    TextRow{Subcode::invalid_parameter, {}, 2150858810, "A parameter is not valid."},
    TextRow{Subcode::invalid_representation, fd::invalid_values, 2150858838,
            "The representation has values that are not valid."},
    TextRow{Subcode::invalid_representation, fd::missing_values, 2150858839,
            "The representation lacks required values."},
    TextRow{Subcode::invalid_representation, fd::invalid_namespace, 2150858840,
            "The representation is in a namespace that does not fit the resource."},
    TextRow{Subcode::invalid_representation, fd::invalid_fragment, 2150858841,
            "The fragment is not wrapped in wsman:XmlFragment or does not fit its expression."},
    TextRow{Subcode::invalid_representation, {}, 2150858773, "The representation is not valid."},
    TextRow{Subcode::invalid_selectors, fd::insufficient_selectors, 2150858842,
            "The selectors do not name one resource: keys are missing."},
    TextRow{Subcode::invalid_selectors, fd::unexpected_selectors, 2150858843,
            "A selector is not a key of the class."},
    TextRow{Subcode::invalid_selectors, fd::type_mismatch, 2150858844,
            "A selector's value has the wrong type."},
    TextRow{Subcode::invalid_selectors, fd::invalid_value, 2150858845, "A selector's value is not valid."},
    TextRow{Subcode::invalid_selectors, fd::ambiguous_selectors, 2150858846,
            "The selectors name more than one resource."},
    TextRow{Subcode::invalid_selectors, fd::duplicate_selectors, 2150858847, "A selector is given twice."},
    TextRow{Subcode::invalid_selectors, {}, 2150858813, "The selectors are not valid."},
    TextRow{Subcode::header_required, {}, 2150858769, "A required header is missing."},
    TextRow{Subcode::polymorphism_not_supported,
            {},
            2150859063,
            "The polymorphism mode is not supported for this enumeration."},
    TextRow{Subcode::quota_limit,
            {},
            2150858815,
            "The service is busy or a quota of this user is used up. Try again later."},
    TextRow{Subcode::schema_validation, {}, 2150858817, "The message does not follow its schema."},
    TextRow{
        Subcode::timed_out, {}, 2150858793, "The operation did not end within its wsman:OperationTimeout."},
    TextRow{
        Subcode::unsupported_feature, fd::addressing_mode, 2150858870,
        "Answers go back on the same connection only: ReplyTo and FaultTo must be the anonymous address."},
    TextRow{Subcode::unsupported_feature, fd::enumeration_mode, 2150858886,
            "The enumeration mode is not supported."},
    TextRow{Subcode::unsupported_feature, fd::locale, 2150858887,
            "A locale cannot be guaranteed. Send wsman:Locale without mustUnderstand."},
    TextRow{Subcode::unsupported_feature, {}, 2150858818, "The feature is not supported."},
    TextRow{Subcode::must_understand, {}, 2150858768, "A header with mustUnderstand is not understood."},
    TextRow{Subcode::version_mismatch, {}, 2150858765, "Only SOAP 1.2 is spoken here."},
};

const TextRow& text_of(Subcode s, std::string_view detail) {
    for (const auto& r : texts)
        if (r.subcode == s && (r.detail.empty() || r.detail == detail)) return r;
    return texts[0];
}

}  // namespace

bool is_sender_fault(Subcode s) {
    return row_of(s).sender;
}

std::string_view code_qname(Subcode s) {
    if (s == Subcode::must_understand) return "s:MustUnderstand";
    if (s == Subcode::version_mismatch) return "s:VersionMismatch";
    return row_of(s).sender ? "s:Sender" : "s:Receiver";
}

std::string subcode_qname(Subcode s, Addressing version) {
    const auto& r = row_of(s);
    const bool newer = version == Addressing::wsa05 && !r.name05.empty();
    const std::string name(newer ? r.name05 : r.name);
    switch (r.spec) {
        case Spec::wsa:
            return "a:" + name;
        case Spec::wsman:
            return "w:" + name;
        case Spec::wxf:
            return "x:" + name;
        case Spec::wsen:
            return "n:" + name;
        case Spec::wsmb:
            return "b:" + name;
        case Spec::soap:
            break;
    }
    return {};
}

std::string_view fault_action(Subcode s, Addressing version) {
    switch (row_of(s).spec) {
        case Spec::wsman:
            return "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault";
        case Spec::wxf:
            return "http://schemas.xmlsoap.org/ws/2004/09/transfer/fault";
        case Spec::wsen:
            return "http://schemas.xmlsoap.org/ws/2004/09/enumeration/fault";
        case Spec::wsmb:
            return "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/fault";
        case Spec::wsa:
        case Spec::soap:
            break;
    }
    return version == Addressing::wsa05 ? "http://www.w3.org/2005/08/addressing/fault"
                                        : "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault";
}

std::uint32_t windows_code(const Fault& f) {
    return text_of(f.subcode, f.detail).windows_code;
}
std::string_view default_text(Subcode s, std::string_view detail) {
    return text_of(s, detail).text;
}

Fault not_understood(std::string_view ns, std::string_view name) {
    Fault f(Subcode::must_understand);
    f.text = "The header " + std::string(name) + " is marked mustUnderstand and is not understood.";
    // A prefix cannot be bound to no namespace; a name without prefix is in none, as answers bind no default.
    f.header_xml = "<s:NotUnderstood ";
    if (!ns.empty()) {
        f.header_xml += "xmlns:q=\"";
        append_escaped(f.header_xml, ns, true);
        f.header_xml += "\" ";
    }
    f.header_xml += ns.empty() ? "qname=\"" : "qname=\"q:";
    append_escaped(f.header_xml, name, true);
    f.header_xml += "\"/>";
    return f;
}

}  // namespace wsvirt::soap
