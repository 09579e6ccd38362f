#include "wsman/ops/errors.hpp"

#include <array>
#include <optional>

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;

// `about` absent: whatever it was about. The first row that fits counts.
struct Row {
    Status status;
    std::optional<About> about;
    Subcode subcode;
    std::string_view detail;
};

constexpr std::array rows{
    Row{Status::access_denied, {}, Subcode::access_denied, {}},
    Row{Status::invalid_namespace, {}, Subcode::destination_unreachable, {}},
    Row{Status::invalid_parameter, About::selectors, Subcode::invalid_selectors, fd::invalid_value},
    Row{Status::invalid_parameter, About::representation, Subcode::invalid_representation,
        fd::invalid_values},
    Row{Status::invalid_parameter, About::fragment, Subcode::invalid_representation, fd::invalid_values},
    Row{Status::invalid_parameter, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::invalid_parameter, {}, Subcode::invalid_parameter, fd::invalid_name},
    Row{Status::invalid_class, About::representation, Subcode::invalid_representation, fd::invalid_namespace},
    Row{Status::invalid_class, About::fragment, Subcode::invalid_representation, fd::invalid_namespace},
    Row{Status::invalid_class, About::parameters, Subcode::invalid_parameter, fd::type_mismatch},
    Row{Status::invalid_class, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::invalid_class, {}, Subcode::destination_unreachable, fd::invalid_resource_uri},
    Row{Status::not_found, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::not_found, {}, Subcode::destination_unreachable, {}},
    Row{Status::not_supported, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::not_supported, {}, Subcode::action_not_supported, fd::action_mismatch},
    Row{Status::already_exists, {}, Subcode::already_exists, {}},
    Row{Status::no_such_property, About::selectors, Subcode::invalid_selectors, fd::unexpected_selectors},
    Row{Status::no_such_property, About::representation, Subcode::invalid_representation, fd::invalid_values},
    Row{Status::no_such_property, About::fragment, Subcode::cannot_process_filter, {}},
    Row{Status::no_such_property, About::parameters, Subcode::invalid_parameter, fd::invalid_name},
    Row{Status::no_such_property, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::type_mismatch, About::selectors, Subcode::invalid_selectors, fd::type_mismatch},
    Row{Status::type_mismatch, About::representation, Subcode::invalid_representation, fd::invalid_values},
    Row{Status::type_mismatch, About::fragment, Subcode::invalid_representation, fd::invalid_values},
    Row{Status::type_mismatch, About::parameters, Subcode::invalid_parameter, fd::type_mismatch},
    Row{Status::type_mismatch, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::query_language_not_supported, {}, Subcode::filter_dialect_unavailable, {}},
    Row{Status::invalid_query, {}, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::method_not_available, {}, Subcode::action_not_supported, fd::action_mismatch},
    Row{Status::method_not_found, {}, Subcode::action_not_supported, fd::action_mismatch},
    Row{Status::invalid_enumeration_context, {}, Subcode::invalid_enumeration_context, {}},
    Row{Status::invalid_operation_timeout, {}, Subcode::invalid_header, {}},
    Row{Status::filtered_enumeration_not_supported, {}, Subcode::filtering_not_supported, {}},
    Row{Status::server_limits_exceeded, {}, Subcode::quota_limit, {}},
    Row{Status::server_is_shutting_down, {}, Subcode::endpoint_unavailable, {}},
    // Locks of a fragment that is to go (R7.10-1).
    Row{Status::busy, About::fragment_removal, Subcode::access_denied, {}},
    Row{Status::busy, {}, Subcode::concurrency, {}},
    Row{Status::invalid_state, {}, Subcode::concurrency, {}},
    Row{Status::timed_out, {}, Subcode::timed_out, {}},
    Row{Status::cancelled, {}, Subcode::timed_out, {}},
    Row{Status::unavailable, {}, Subcode::endpoint_unavailable, fd::resource_offline},
    Row{Status::insufficient_keys, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::insufficient_keys, {}, Subcode::invalid_selectors, fd::insufficient_selectors},
    Row{Status::ambiguous_keys, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::ambiguous_keys, {}, Subcode::invalid_selectors, fd::ambiguous_selectors},
    Row{Status::unexpected_key, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::unexpected_key, {}, Subcode::invalid_selectors, fd::unexpected_selectors},
    Row{Status::invalid_key_value, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::invalid_key_value, {}, Subcode::invalid_selectors, fd::invalid_value},
    Row{Status::malformed, About::selectors, Subcode::invalid_selectors, fd::invalid_value},
    Row{Status::malformed, About::representation, Subcode::invalid_representation, fd::invalid_values},
    Row{Status::malformed, About::fragment, Subcode::invalid_representation, fd::invalid_fragment},
    Row{Status::malformed, About::parameters, Subcode::invalid_parameter, fd::type_mismatch},
    Row{Status::malformed, About::filter, Subcode::enumeration_cannot_process_filter, {}},
    Row{Status::missing_value, About::parameters, Subcode::invalid_parameter, {}},
    Row{Status::missing_value, {}, Subcode::invalid_representation, fd::missing_values},
    Row{Status::read_only, About::fragment, Subcode::action_not_supported, fd::action_mismatch},
    Row{Status::read_only, {}, Subcode::invalid_representation, fd::invalid_values},
};

std::string refused_action(const Call& call) {
    std::string out = "<a:Action>";
    soap::append_escaped(out, call.headers().action.value_or(""));
    return out + "</a:Action>";
}

}  // namespace

Fault fault_of(const Call& call, const Error& e, About about) {
    Fault f(Subcode::internal_error);
    const auto fits = [&](const Row& r) {
        if (!r.about || *r.about == about) return true;
        return about == About::fragment_removal && *r.about == About::fragment;
    };
    for (const auto& r : rows)
        if (r.status == e.status && fits(r)) {
            f = Fault(r.subcode, r.detail);
            break;
        }
    if (e.message_id == filter_too_costly) f.limit = "wsman.limits.max_filter_steps";
    f.text = e.full_text();
    if (f.subcode == Subcode::action_not_supported) f.detail_xml = refused_action(call);
    f.cim = soap::CimError{cim_status_code(e.status), f.text, e.message_id};
    return f;
}

Fault action_mismatch(const Call& call, std::string text) {
    Fault f(Subcode::action_not_supported, fd::action_mismatch, std::move(text));
    f.detail_xml = refused_action(call);
    return f;
}

}  // namespace wsvirt::wsman
