// Envelopes going out. Text is appended to one buffer: the header, then the body as the operation made it.
// Clients match the prefixes s, a, w and p as letters, so they are fixed and bound on s:Envelope. Pure
// functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wsman/soap/fault.hpp"
#include "wsman/soap/headers.hpp"

namespace wsvirt::soap {

// Escapes for text or a double-quoted attribute value; control characters that XML forbids become '?'.
void append_escaped(std::string& out, std::string_view text, bool attribute = false);

struct AnswerHead {
    Addressing addressing = Addressing::wsa04;
    std::string_view language = "en-US";  // of readable text
    std::string_view action;
    std::string_view to;          // "" = anonymous
    std::string_view relates_to;  // "" = none
    std::string_view echo;        // reference parameters, raw
    std::string_view extra;       // further header blocks, raw
};

// Everything up to and including <s:Body>, and the end. The body is appended between by the caller.
void begin_envelope(std::string& out, const AnswerHead& head);
void end_envelope(std::string& out);

// A fault for a request whose headers are known as far as they could be read (null: not at all).
// Its reason is in the language that the request asks for, where there is one. What only English can say
// follows as a second text, and stands in WSManFault behind the first. `limit`: octets it may have; reference
// parameters and details are left out to get there (R13.4-6).
std::string write_fault(const RequestHeaders* request, const Fault& fault, std::string_view machine,
                        std::size_t limit);

}  // namespace wsvirt::soap
