// Errors of the object manager to faults (DSP0227 clause 5 and the table of CIM status codes): the same
// status becomes a different fault where it was about a selector, a representation, a parameter or a filter.
#pragma once

#include "base/error.hpp"
#include "wsman/ops/call.hpp"

namespace wsvirt::wsman {

// What an error was about.
enum class About { selectors, representation, fragment, fragment_removal, parameters, filter, context };

// Message id of an item on which an XPath filter would cost too much.
inline constexpr const char* filter_too_costly = "wsvirt.filter.steps";

soap::Fault fault_of(const Call& call, const Error& e, About about);
// The action exists, but not for this resource.
soap::Fault action_mismatch(const Call& call, std::string text = {});

}  // namespace wsvirt::wsman
