#include "wsman/client/exit_code.hpp"

#include "base/text.hpp"

namespace wsvirt::client {

int exit_code_of(const Error& e) {
    const bool ours = istarts_with(e.message_id, "client.");
    switch (e.status) {
        case Status::access_denied:
            return exit_signin;
        case Status::not_found:
        case Status::invalid_class:
        case Status::invalid_namespace:
            return exit_not_found;
        case Status::timed_out:
            return exit_timed_out;
        case Status::unavailable:
            return exit_unreachable;
        case Status::malformed:
            return ours ? exit_unreachable : exit_usage;
        case Status::invalid_parameter:
            return ours ? exit_usage : exit_refused;
        default:
            return exit_refused;
    }
}

}  // namespace wsvirt::client
