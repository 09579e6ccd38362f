// Every fault that the service sends, from one table (DSP0226 clause 14, Tables 2 to 40; DSP0227 9.3): code,
// subcode, action URI, detail, the text for the person and the Windows error number that clients of WinRM
// look at. Values only; no thread rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wsman/soap/headers.hpp"

namespace wsvirt::soap {

enum class Subcode : std::uint8_t {
    access_denied,
    action_not_supported,
    already_exists,
    enumeration_cannot_process_filter,  // wsen:CannotProcessFilter, for Enumerate
    cannot_process_filter,              // wsman:CannotProcessFilter, for fragments
    concurrency,
    destination_unreachable,
    encoding_limit,
    endpoint_unavailable,
    filter_dialect_unavailable,
    filtering_not_supported,
    fragment_dialect_not_supported,
    internal_error,
    invalid_enumeration_context,
    invalid_expiration_time,
    invalid_header,  // wsa:InvalidMessageInformationHeader
    invalid_options,
    invalid_parameter,
    invalid_representation,
    invalid_selectors,
    header_required,  // wsa:MessageInformationHeaderRequired
    polymorphism_not_supported,
    quota_limit,
    schema_validation,
    timed_out,
    unsupported_feature,
    must_understand,   // no subcode: s:MustUnderstand
    version_mismatch,  // no subcode: s:VersionMismatch
};

// Values of wsman:FaultDetail; none is "". The URI prefix is added when the fault is written.
namespace fd {
inline constexpr std::string_view action_mismatch = "ActionMismatch";
inline constexpr std::string_view addressing_mode = "AddressingMode";
inline constexpr std::string_view ambiguous_selectors = "AmbiguousSelectors";
inline constexpr std::string_view character_set = "CharacterSet";
inline constexpr std::string_view data_locale = "DataLocale";
inline constexpr std::string_view duplicate_selectors = "DuplicateSelectors";
inline constexpr std::string_view enumeration_mode = "EnumerationMode";
inline constexpr std::string_view insufficient_selectors = "InsufficientSelectors";
inline constexpr std::string_view invalid_fragment = "InvalidFragment";
inline constexpr std::string_view invalid_name = "InvalidName";
inline constexpr std::string_view invalid_namespace = "InvalidNamespace";
inline constexpr std::string_view invalid_resource_uri = "InvalidResourceURI";
inline constexpr std::string_view invalid_value = "InvalidValue";
inline constexpr std::string_view invalid_values = "InvalidValues";
inline constexpr std::string_view locale = "Locale";
inline constexpr std::string_view max_envelope_size = "MaxEnvelopeSize";
inline constexpr std::string_view minimum_envelope_limit = "MinimumEnvelopeLimit";
inline constexpr std::string_view missing_values = "MissingValues";
inline constexpr std::string_view not_supported = "NotSupported";
inline constexpr std::string_view option_limit = "OptionLimit";
inline constexpr std::string_view resource_offline = "ResourceOffline";
inline constexpr std::string_view selector_limit = "SelectorLimit";
inline constexpr std::string_view service_envelope_limit = "ServiceEnvelopeLimit";
inline constexpr std::string_view type_mismatch = "TypeMismatch";
inline constexpr std::string_view unexpected_selectors = "UnexpectedSelectors";
inline constexpr std::string_view unreportable_success = "UnreportableSuccess";
inline constexpr std::string_view uri_limit = "URILimitExceeded";
}  // namespace fd

// The CIM side of a fault, shown as a CIM_Error element.
struct CimError {
    std::uint16_t status = 1;
    std::string message, message_id;
};

struct Fault {
    Subcode subcode = Subcode::internal_error;
    std::string_view detail;  // one of fd::, or ""
    std::string text;         // for the person; "" = the table's sentence
    std::string detail_xml;   // further elements of s:Detail, before FaultDetail (prefixes of the envelope)
    std::string header_xml;   // further header blocks: s:NotUnderstood, s:Upgrade
    std::optional<CimError> cim;
    std::string_view limit;  // the limit that refuses, as the configuration names it; "" for none
    std::optional<std::string> language;  // asked for, when that was earlier than in this request

    Fault() = default;
    Fault(Subcode s, std::string_view d = {}, std::string t = {})
        : subcode(s), detail(d), text(std::move(t)) {}
    Fault by(std::string_view limit_name) && {
        limit = limit_name;
        return std::move(*this);
    }
};

bool is_sender_fault(Subcode s);
// What stands in s:Subcode/s:Value ("w:AccessDenied"), "" where the code says it all; and the Action URI.
std::string subcode_qname(Subcode s, Addressing version);
std::string_view fault_action(Subcode s, Addressing version);
std::string_view code_qname(Subcode s);  // "s:Sender"
std::uint32_t windows_code(const Fault& f);
std::string_view default_text(Subcode s, std::string_view detail);

// s:NotUnderstood for a header nobody knows.
Fault not_understood(std::string_view ns, std::string_view name);

}  // namespace wsvirt::soap
