// What can be set about the WS-Management operations. Every limit has a default; the configuration file names
// them in [wsman] and [wsman.limits]. Values only.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "wsman/soap/gate.hpp"

namespace wsvirt::wsman {

struct OpsSettings {
    soap::GateLimits gate;

    // Identify. The version goes into "OS: ... SP: ... Stack: ..." which clients parse.
    std::string vendor = "wsvirt";
    std::string version = "0.0.0";
    std::vector<std::string> security_profiles;  // URIs of those that the listeners offer
    std::string machine = "localhost";           // of WSManFault/@Machine

    // The namespace of a cim-schema URI without a __cimnamespace selector (DSP0227 6.3).
    std::string default_namespace = "root/virtualization/v2";
    // HTTP status of faults with code s:Sender: 500 as Windows and its clients have it, or 400 (RC.2-9).
    unsigned sender_fault_status = 500;
    // What a used up quota is called: QuotaLimit as DSP0226 has it, or InternalError as Windows has it.
    std::string quota_fault = "QuotaLimit";

    // Octets of an answer: the most that is ever sent, and what a multi-item answer is kept to when the
    // client sets no wsman:MaxEnvelopeSize (R13.1-3).
    std::size_t max_envelope_size = 16 * 1024 * 1024;
    std::size_t usual_envelope_size = 32'767;

    std::chrono::milliseconds default_timeout{60'000};  // without wsman:OperationTimeout
    std::chrono::milliseconds max_timeout{600'000};     // longer ones are cut to this

    std::size_t max_selectors = 64;
    std::size_t max_options = 256;
    std::size_t max_uri_characters = 2048;
    std::size_t max_filter_bytes = 16 * 1024;  // of an XPath filter
    unsigned max_filter_nesting = 4;           // of its predicates: each level multiplies what an item costs
    std::size_t max_filter_steps = 100'000'000;  // that it may go through one item, as reckoned beforehand

    std::size_t max_operations = 200;  // under way at once, in all
    std::size_t max_operations_per_user = 50;
    std::size_t max_contexts = 2000;  // open enumerations, in all
    std::size_t max_contexts_per_user = 500;
    std::size_t max_elements = 100'000;  // items in one answer; a client's larger number is cut to it
    std::chrono::milliseconds context_idle{60'000};         // an enumeration nobody pulls from ends
    std::chrono::milliseconds max_context_life{3'600'000};  // longest wsen:Expires that is granted
};

}  // namespace wsvirt::wsman
