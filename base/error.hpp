// The one error type of wsvirt. Errors are values from the machine layer up to the operation boundary,
// where they become a SOAP fault, a CIM status, a method's ReturnValue or a job's error.
// The numbers below 100 are the CIM status codes of DSP0200; the others say more than those can and are
// mapped to them where only a CIM status fits (see cim_status_code()).
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace wsvirt {

enum class Status : std::uint16_t {
    failed = 1,
    access_denied = 2,
    invalid_namespace = 3,
    invalid_parameter = 4,
    invalid_class = 5,
    not_found = 6,
    not_supported = 7,
    class_has_children = 8,
    class_has_instances = 9,
    invalid_superclass = 10,
    already_exists = 11,
    no_such_property = 12,
    type_mismatch = 13,
    query_language_not_supported = 14,
    invalid_query = 15,
    method_not_available = 16,
    method_not_found = 17,
    namespace_not_empty = 20,
    invalid_enumeration_context = 21,
    invalid_operation_timeout = 22,
    filtered_enumeration_not_supported = 25,
    server_limits_exceeded = 27,
    server_is_shutting_down = 28,

    busy = 100,               // somebody else is changing the same thing
    invalid_state = 101,      // the machine is not in a state that allows it
    timed_out = 102,          // the deadline passed
    cancelled = 103,          // the caller's stop token asked for it
    unavailable = 104,        // the host or a service behind us does not answer
    no_space = 105,           // disk full
    out_of_memory = 106,      // the host cannot give the memory
    insufficient_keys = 110,  // the key values given name no single instance: some are missing
    ambiguous_keys = 111,     // the key values given name more than one instance
    unexpected_key = 112,     // a key name that the class does not have
    invalid_key_value = 113,  // right type, impossible value
    malformed = 114,          // text that does not follow its grammar (XML, MOF, WQL, datetime ...)
    missing_value = 115,      // a required property or parameter is absent
    read_only = 116,          // a property that a client cannot write
};

// message_id: stable, for logs and tests ("wsvirt.disk.missing"); text: one sentence for the person at the
// client that says what to do; detail: the message of libvirt, qemu-img or the system, verbatim;
// subject: the property, parameter, selector, class or file that the error is about.
struct Error {
    Status status = Status::failed;
    std::string message_id;
    std::string text;
    std::string detail;
    std::string subject;

    Error() = default;
    Error(Status s, std::string id, std::string t, std::string about = {}, std::string more = {})
        : status(s),
          message_id(std::move(id)),
          text(std::move(t)),
          detail(std::move(more)),
          subject(std::move(about)) {}

    // text, then the underlying message in parentheses when there is one
    std::string full_text() const { return detail.empty() ? text : text + " (" + detail + ")"; }
};

// The CIM status code (DSP0200 table of status codes) nearest to an error.
std::uint16_t cim_status_code(Status s);

}  // namespace wsvirt
