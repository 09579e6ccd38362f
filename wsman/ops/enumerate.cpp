// Enumerate, Pull and Release (DSP0226 clause 8, DSP0227 clauses 8 and 9.3).
#include <algorithm>

#include "base/text.hpp"
#include "wsman/ops/contexts.hpp"
#include "wsman/ops/errors.hpp"
#include "wsman/ops/filters.hpp"
#include "wsman/ops/header_checks.hpp"
#include "wsman/ops/instance_items.hpp"
#include "wsman/ops/operations.hpp"
#include "wsman/soap/names.hpp"
#include "wsman/soap/xml.hpp"

namespace wsvirt::wsman {
namespace {

using soap::Fault;
using soap::Subcode;
namespace fd = soap::fd;
namespace xml = soap::xml;

Fault schema_error(std::string text) {
    return {Subcode::schema_validation, {}, std::move(text)};
}

// xs:positiveInteger; more than fits is the largest.
std::optional<std::size_t> positive_number(std::string_view s) {
    if (s.empty() || s.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    if (s.find_first_not_of('0') == std::string_view::npos) return std::nullopt;
    return static_cast<std::size_t>(parse_uint(s).value_or(SIZE_MAX));
}

struct Expiry {
    cim::Clock::time_point at;
    std::string granted;  // in the form that was asked
};

struct EnumerateArguments {
    std::optional<Expiry> expires;
    bool optimize = false;
    std::size_t max_elements = 1;
    ItemMode mode = ItemMode::object;
    cim::Polymorphism polymorphism = cim::Polymorphism::include_subclass_properties;
    bool polymorphism_given = false;
    pugi::xml_node filter;
};

std::optional<Fault> read_expires(const OpsSettings& settings, std::string_view text,
                                  EnumerateArguments& out) {
    const Fault wrong(Subcode::invalid_expiration_time, {},
                      "wsen:Expires must be a duration or a time in the future.");
    const auto asked = cim::DateTime::from_xsd(text);
    if (!asked) return wrong;
    const auto now = cim::DateTime::now().microseconds();
    const auto left = asked->is_interval() ? asked->microseconds() : asked->microseconds() - now;
    if (left <= 0) return wrong;
    const auto granted = std::min<std::int64_t>(left, settings.max_context_life.count() * 1000);
    const auto shown =
        asked->is_interval() ? cim::DateTime::interval(granted) : cim::DateTime::timestamp(now + granted);
    out.expires = Expiry{cim::Clock::now() + std::chrono::microseconds(granted), shown.to_xsd().value_or("")};
    return std::nullopt;
}

std::optional<Fault> read_mode(std::string_view text, EnumerateArguments& out) {
    if (text == "EnumerateEPR")
        out.mode = ItemMode::epr;
    else if (text == "EnumerateObjectAndEPR")
        out.mode = ItemMode::object_and_epr;
    else if (text != "EnumerateObject")
        return Fault(Subcode::unsupported_feature, fd::enumeration_mode,
                     "The enumeration mode " + std::string(text) + " is not supported.");
    return std::nullopt;
}

std::optional<Fault> read_polymorphism(std::string_view text, EnumerateArguments& out) {
    out.polymorphism_given = true;
    if (text == "IncludeSubClassProperties")
        out.polymorphism = cim::Polymorphism::include_subclass_properties;
    else if (text == "ExcludeSubClassProperties")
        out.polymorphism = cim::Polymorphism::exclude_subclass_properties;
    else if (text == "None")
        out.polymorphism = cim::Polymorphism::none;
    else
        return Fault(Subcode::polymorphism_not_supported, {},
                     "The polymorphism mode " + std::string(text) + " is not supported.");
    return std::nullopt;
}

std::optional<Fault> read_child(const Call& call, const pugi::xml_node& n, EnumerateArguments& out) {
    const auto uri = xml::namespace_of(n);
    const auto name = xml::local_name(n);
    if (name == "Filter" && (uri == soap::ns::wsman || uri == soap::ns::wsen)) {
        if (out.filter)
            return Fault(Subcode::enumeration_cannot_process_filter, {},
                         "The request has two filters. Send one.");
        out.filter = n;
        return std::nullopt;
    }
    if (uri == soap::ns::wsen && name == "Expires") return read_expires(call.settings, xml::text(n), out);
    if (uri == soap::ns::wsen && name == "EndTo")
        return Fault(Subcode::unsupported_feature, fd::addressing_mode, "wsen:EndTo is not supported.");
    if (uri == soap::ns::wsman && name == "OptimizeEnumeration") {
        out.optimize = true;
        return std::nullopt;
    }
    if (uri == soap::ns::wsman && name == "MaxElements") {
        const auto n_elements = positive_number(xml::text(n));
        if (!n_elements) return schema_error("wsman:MaxElements must be a positive number.");
        out.max_elements = *n_elements;
        return std::nullopt;
    }
    if (uri == soap::ns::wsman && name == "EnumerationMode") return read_mode(xml::text(n), out);
    if (uri == soap::ns::wsmb && name == "PolymorphismMode") return read_polymorphism(xml::text(n), out);
    return schema_error("wsen:Enumerate has an unknown element " + std::string(name) + ".");
}

std::variant<EnumerateArguments, Fault> read_enumerate(const Call& call) {
    const auto root = xml::first_element(call.message.body);
    if (!xml::is(root, soap::ns::wsen, "Enumerate") || xml::next_element(root))
        return schema_error("The body must be one wsen:Enumerate.");
    EnumerateArguments a;
    for (auto n = xml::first_element(root); n; n = xml::next_element(n))
        if (auto fault = read_child(call, n, a)) return *fault;
    return a;
}

std::string total_header(const Call& call, const std::optional<std::uint64_t>& estimate) {
    if (!call.headers().request_total) return {};
    if (!estimate) return "<w:TotalItemsCountEstimate xsi:nil=\"true\"/>";
    return "<w:TotalItemsCountEstimate>" + std::to_string(*estimate) + "</w:TotalItemsCountEstimate>";
}

// What an answer may hold of items, given what its frame takes.
PackLimits limits_for(const Call& call, std::size_t max_elements, std::size_t frame) {
    PackLimits l;
    l.elements = std::min(max_elements, call.settings.max_elements);
    const auto room = [&](std::size_t of) { return of > frame ? of - frame : 0; };
    l.hard_bytes = room(call.envelope_limit);
    l.soft_bytes = call.headers().max_envelope_size
                       ? l.hard_bytes
                       : room(std::min(call.in_utf8(call.settings.usual_envelope_size), call.envelope_limit));
    l.allowance = {call.answer_by, call.stop};
    return l;
}

Fault item_too_large(const Call& call) {
    const bool clients = call.limit_is_clients;
    return Fault(Subcode::encoding_limit, clients ? fd::max_envelope_size : fd::service_envelope_limit,
                 "The next item alone does not fit into the answer. Pull again with a larger "
                 "wsman:MaxEnvelopeSize.")
        .by(clients ? "" : "wsman.limits.max_envelope_size");
}

// Items are written into the answer's body itself, which may be many megabytes, behind room for what goes
// before them: the envelope's head, and probably `lead`.
PackedItems items_in(Answer& answer, std::size_t overhead, std::string_view lead) {
    std::string end;
    soap::end_envelope(end);
    answer.room = overhead - end.size() + lead.size();
    PackedItems items;
    items.text.assign(answer.room, ' ');
    return items;
}

// Enough for the tags of EnumerateResponse or PullResponse with a context and an expiry.
constexpr std::size_t response_tags = 400;

std::variant<std::unique_ptr<Enumeration>, Fault> open(const Call& call, const EnumerateArguments& a) {
    auto t = target_of(call);
    if (auto* fault = std::get_if<Fault>(&t)) return *fault;
    const auto& target = std::get<Target>(t);
    if (!target.path.keys().empty())
        return Fault(Subcode::invalid_selectors, fd::unexpected_selectors,
                     "Enumerate takes no selector but __cimnamespace. Use a filter.");
    auto e = std::make_unique<Enumeration>();
    e->owner = call.who.name();
    e->resource_uri = *call.headers().resource_uri;
    if (call.headers().locale) e->locale = call.headers().locale->value;
    e->family = target.family;
    e->ns = target.ns;
    if (target.kind == TargetKind::metadata_class || target.kind == TargetKind::metadata_all) {
        if (a.filter) return Fault(Subcode::filtering_not_supported);
        e->items.source = class_items(call, target, a.mode);
    } else {
        auto selection = select_instances(call, target, a.filter, a.polymorphism, a.polymorphism_given);
        if (auto* fault = std::get_if<Fault>(&selection)) return *fault;
        auto& s = std::get<Selection>(selection);
        if (!s.projected.empty() && a.mode != ItemMode::object)
            return Fault(Subcode::unsupported_feature, fd::enumeration_mode,
                         "A query that selects properties gives objects only.");
        const bool as_base = a.polymorphism == cim::Polymorphism::exclude_subclass_properties;
        auto style = target.style(call);
        if (s.ns) style.name_space = s.ns->name();
        e->items.source =
            instance_items(std::move(style), a.mode, std::move(s), as_base ? target.cls : nullptr);
    }
    e->estimate = e->items.source->estimate();
    if (a.expires) e->expires = a.expires->at;
    return e;
}

}  // namespace

void put_before(Answer& answer, std::string_view text) {
    const auto in_room = std::min(text.size(), answer.room);
    answer.body.replace(answer.room - in_room, in_room, text);
    answer.room -= in_room;
}

Outcome enumerate(const Call& call) {
    auto args = read_enumerate(call);
    if (auto* fault = std::get_if<Fault>(&args)) return *fault;
    const auto& a = std::get<EnumerateArguments>(args);
    auto opened = open(call, a);
    if (auto* fault = std::get_if<Fault>(&opened)) return *fault;
    auto& e = std::get<std::unique_ptr<Enumeration>>(opened);
    Answer answer;
    answer.action = std::string(soap::uri::enumerate) + "Response";
    answer.headers = total_header(call, e->estimate);
    std::string lead = "<n:EnumerateResponse>";
    const std::string no_context = "<n:EnumerationContext/>", begin_items = "<w:Items>";
    PackedItems items;
    if (a.optimize) {
        const auto overhead = call.overhead(answer.action, answer.headers);
        items = items_in(answer, overhead, lead + no_context + begin_items);
        auto packed = pack(e->items, limits_for(call, a.max_elements, overhead + response_tags), items);
        if (!packed) return fault_of(call, packed.error(), About::filter);
        if (*packed == Packed::too_large) return item_too_large(call);
        if (*packed == Packed::too_late) return Fault(Subcode::timed_out);
    }
    const bool ended = e->items.ended;
    if (!call.claim()) return Fault(Subcode::timed_out);
    std::string id;
    if (!ended) {
        auto added = call.contexts.add(std::move(e));
        if (!added) {
            const bool mine = added.error().subject.ends_with("_per_user");
            return fault_of(call, added.error(), About::context)
                .by(mine ? "wsman.limits.max_contexts_per_user" : "wsman.limits.max_contexts");
        }
        id = std::move(*added);
    }
    answer.body = std::move(items.text);
    if (a.expires && !ended) lead += "<n:Expires>" + a.expires->granted + "</n:Expires>";
    lead += ended ? no_context : "<n:EnumerationContext>" + id + "</n:EnumerationContext>";
    if (a.optimize) lead += begin_items;
    put_before(answer, lead);
    if (a.optimize) answer.body += "</w:Items>";
    if (ended) answer.body += "<w:EndOfSequence/>";
    answer.body += "</n:EnumerateResponse>";
    return answer;
}

namespace {

struct PullArguments {
    std::string context;
    std::size_t max_elements = 1;
    std::size_t max_characters = SIZE_MAX;
    std::optional<std::chrono::microseconds> max_time;
};

std::variant<PullArguments, Fault> read_pull(const Call& call, std::string_view root_name) {
    const auto root = xml::first_element(call.message.body);
    if (!xml::is(root, soap::ns::wsen, root_name) || xml::next_element(root))
        return schema_error("The body must be one wsen:" + std::string(root_name) + ".");
    PullArguments a;
    bool has_context = false;
    for (auto n = xml::first_element(root); n; n = xml::next_element(n)) {
        const auto name = xml::namespace_of(n) == soap::ns::wsen ? xml::local_name(n) : std::string_view{};
        const auto value = xml::text(n);
        if (name == "EnumerationContext" && !has_context) {
            has_context = true;
            a.context = value;
            continue;
        }
        const bool pull = root_name == "Pull";
        if (pull && (name == "MaxElements" || name == "MaxCharacters")) {
            const auto number = positive_number(value);
            if (!number) return schema_error("wsen:" + std::string(name) + " must be a positive number.");
            (name == "MaxElements" ? a.max_elements : a.max_characters) = *number;
        } else if (pull && name == "MaxTime") {
            a.max_time = positive_duration(value);
            if (!a.max_time) return schema_error("wsen:MaxTime must be a positive duration.");
        } else {
            return schema_error("wsen:" + std::string(root_name) + " has an unexpected element " +
                                std::string(xml::local_name(n)) + ".");
        }
    }
    if (!has_context) return schema_error("wsen:EnumerationContext is missing.");
    return a;
}

// A Pull or Release carries the endpoint reference of its Enumerate (R8.4-5, R8.5-3). Clients of the WMI
// family enumerate "*" and pull with the URI of a class, so there the namespace is compared.
std::optional<Fault> same_resource(const Call& call, const std::string& context) {
    const Fault wrong(
        Subcode::header_required, {},
        "The resource URI and selectors must be those of the Enumerate that opened this context.");
    if (!call.headers().resource_uri) return wrong;
    auto opened_with = call.contexts.resource_of(context, call.who.name());
    if (!opened_with) return fault_of(call, opened_with.error(), About::context);
    if (iequals(*opened_with, *call.headers().resource_uri)) return std::nullopt;
    ClassUri first, now;
    const bool known =
        parse_class_uri(*opened_with, first) && parse_class_uri(*call.headers().resource_uri, now);
    const bool same_space = known && first.family == cim::wscim::Family::wmi && now.family == first.family &&
                            iequals(first.name_space, now.name_space);
    if (!same_space) return wrong;
    return std::nullopt;
}

Outcome pull_from(const Call& call, const PullArguments& a, Enumeration& e) {
    Answer answer;
    answer.action = std::string(soap::uri::pull) + "Response";
    answer.headers = total_header(call, e.estimate);
    const auto overhead = call.overhead(answer.action, answer.headers);
    auto limits = limits_for(call, a.max_elements, overhead + response_tags);
    limits.characters = a.max_characters;
    const bool own_time = a.max_time && !call.headers().operation_timeout;
    auto& until = limits.allowance.deadline;
    if (own_time) {
        const std::chrono::microseconds longest =
            call.settings.max_timeout;  // any number of years may be asked for
        until = std::min(until, cim::Clock::now() + std::min(*a.max_time, longest));
    }
    std::string lead = "<n:PullResponse>";
    const std::string context = "<n:EnumerationContext>" + e.id + "</n:EnumerationContext>",
                      begin_items = "<n:Items>";
    auto items = items_in(answer, overhead, lead + context + begin_items);
    auto packed = pack(e.items, limits, items);
    if (!packed) return fault_of(call, packed.error(), About::context);
    if (*packed == Packed::too_large) return item_too_large(call);
    if (*packed == Packed::too_late && !own_time) return Fault(Subcode::timed_out);
    if (!call.claim()) {
        take_back(e.items, items);
        return Fault(Subcode::timed_out);
    }
    answer.body = std::move(items.text);
    if (!e.items.ended) lead += context;
    put_before(answer, lead += begin_items);
    answer.body += "</n:Items>";
    if (e.items.ended) answer.body += "<n:EndOfSequence/>";
    answer.body += "</n:PullResponse>";
    return answer;
}

}  // namespace

Outcome pull(const Call& call) {
    auto args = read_pull(call, "Pull");
    if (auto* fault = std::get_if<Fault>(&args)) return *fault;
    const auto& a = std::get<PullArguments>(args);
    if (auto fault = same_resource(call, a.context)) return *fault;
    auto lent = call.contexts.lend(a.context, call.who.name());
    if (!lent) return fault_of(call, lent.error(), About::context);
    const struct Borrowed {
        ~Borrowed() { contexts.give_back(context); }
        ContextTable& contexts;
        decltype(*lent) context;
    } borrowed{call.contexts, *lent};
    auto outcome = pull_from(call, a, **lent);
    if (auto* fault = std::get_if<Fault>(&outcome)) fault->language = (*lent)->locale;
    return outcome;
}

Outcome release(const Call& call) {
    auto args = read_pull(call, "Release");
    if (auto* fault = std::get_if<Fault>(&args)) return *fault;
    const auto& a = std::get<PullArguments>(args);
    if (auto fault = same_resource(call, a.context)) return *fault;
    if (auto done = call.contexts.release(a.context, call.who.name()); !done)
        return fault_of(call, done.error(), About::context);
    Answer answer;
    answer.action = std::string(soap::uri::release) + "Response";
    return answer;
}

}  // namespace wsvirt::wsman
