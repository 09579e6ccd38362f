#include "backend/machine.hpp"

#include "base/text.hpp"

namespace wsvirt::backend {

std::string snapshot_id(std::string_view machine, std::string_view name) {
    return is_guid(name) ? to_upper(name) : derived_guid(machine, "snapshot " + std::string(name));
}

}  // namespace wsvirt::backend
