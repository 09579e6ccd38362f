#include "base/error.hpp"

namespace wsvirt {

std::uint16_t cim_status_code(Status s) {
    const auto n = static_cast<std::uint16_t>(s);
    if (n < 100) return n;
    switch (s) {
        case Status::insufficient_keys:
        case Status::ambiguous_keys:
        case Status::unexpected_key:
        case Status::invalid_key_value:
        case Status::malformed:
        case Status::missing_value:
        case Status::read_only:
            return static_cast<std::uint16_t>(Status::invalid_parameter);
        case Status::invalid_state:
            return static_cast<std::uint16_t>(Status::method_not_available);
        default:
            return static_cast<std::uint16_t>(Status::failed);
    }
}

}  // namespace wsvirt
