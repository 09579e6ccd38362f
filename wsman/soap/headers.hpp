// The header blocks of a request as plain values: what the typed reading by gSOAP and the gate found, with no
// judgement yet about what is missing. Text values have their white space trimmed (R13.1-10). DSP0226 clauses
// 5 and 6, MS-WSMV 2.2.4. Values only; no thread rules.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wsvirt::soap {

struct Epr;

// Either text or a nested endpoint reference.
struct Selector {
    std::string name;
    std::string value;
    std::shared_ptr<const Epr> epr;
};

struct Epr {
    std::string address;
    std::string resource_uri;
    std::vector<Selector> selectors;
};

struct Option {
    std::string name, value, type;
    bool must_comply = false;
};

// ReplyTo and FaultTo: the address, and the reference parameters as header blocks ready to be copied into the
// answer (each binds the prefixes it needs by itself).
struct Endpoint {
    std::string address;
    std::string echo;
};

struct FragmentTransfer {
    std::string dialect;  // "" = the default
    std::string expression;
    std::string block;  // the header as it came, self-contained: copied into the answer
    bool must_understand = false;
};

// A value that has its own fault when mustUnderstand is set and the service cannot obey.
struct Demand {
    std::string value;
    bool must_understand = false;
};

enum class Addressing { wsa04, wsa05 };

struct RequestHeaders {
    Addressing addressing = Addressing::wsa04;
    bool mixed_addressing = false;  // blocks of both versions
    std::optional<std::string> to, action, message_id, relates_to;
    std::optional<Endpoint> reply_to, fault_to;
    std::optional<std::string> resource_uri;
    bool selector_set = false;  // present, maybe empty
    std::vector<Selector> selectors;
    std::optional<Demand> operation_timeout, max_envelope_size, locale, data_locale;
    bool option_set = false;
    std::vector<Option> options;
    std::optional<FragmentTransfer> fragment;
    bool request_epr = false;
    bool request_total = false;
    std::string activity_id, session_id, operation_id;
};

}  // namespace wsvirt::soap
