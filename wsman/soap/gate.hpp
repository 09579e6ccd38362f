// The gate: one fast pass over the text of a request before any parser sees it. It checks that the text is
// well-formed XML with namespaces as far as safety needs it (characters, entities, nesting, tag pairs,
// attribute syntax, duplicate attributes, bound prefixes), refuses DOCTYPE and processing instructions, holds
// the limits, and finds the parts of the SOAP envelope with the qualified name of every header block.
// SOAP 1.2 part 1 clause 5; XML 1.0 and Namespaces 1.0. Pure function; the views in a Frame point into the
// text given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wsvirt::soap {

struct GateLimits {
    std::size_t max_bytes = 512 * 1024;        // of the text in UTF-8
    std::size_t max_header_bytes = 32 * 1024;  // everything up to s:Body
    unsigned max_depth = 64;
    unsigned max_elements = 100'000;
    unsigned max_attributes = 64;                 // of one element
    std::size_t max_attribute_bytes = 16 * 1024;  // one value
    std::size_t max_name_bytes = 1024;            // one element or attribute name
    unsigned max_prefixes = 1024;                 // bound at one place
};

struct HeaderBlock {
    std::string_view ns, name;  // of the element
    std::string_view text;      // the element with its tags
    bool must_understand = false;
};

// The parts of an envelope. The start tags are kept because they bind prefixes that the parts use.
struct Frame {
    std::string_view ns;            // of the Envelope: SOAP 1.2, SOAP 1.1 or something else
    std::string_view prefix;        // of the Envelope, "" for none
    std::string_view envelope_tag;  // "<s:Envelope ...>"
    std::string_view header_tag;    // "<s:Header ...>", "" when there is no header
    std::string_view header_name;   // "s:Header"
    std::string_view body;          // the Body element with its tags
    std::vector<HeaderBlock> headers;
    bool body_empty = true;  // no element in the body
};

enum class Refused {
    too_large,        // HTTP 413
    limit,            // depth, elements, attributes, header size: wsman:EncodingLimit
    not_well_formed,  // wsman:SchemaValidationError
    not_an_envelope,  // well-formed, but no SOAP envelope: wsman:SchemaValidationError
};

struct Refusal {
    Refused why = Refused::not_well_formed;
    std::string text;             // for the person: what is wrong and where (byte offset)
    std::string_view limit = {};  // its key in the configuration, when one refuses
};

std::variant<Frame, Refusal> inspect(std::string_view text, const GateLimits& limits);

}  // namespace wsvirt::soap
