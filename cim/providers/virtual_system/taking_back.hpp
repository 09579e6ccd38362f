// Jobs of the service's own that remove a machine which nobody was to have: one that is half made, or that a
// host made after the call had failed.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

// Runs the work when it is the machine's turn, which other operations may have for some minutes. One of a
// kind that still waits for its turn is enough.
void take_back_later(Services& services, const std::string& kind, const std::string& guid,
                     std::function<Result<void>()> work);

}  // namespace wsvirt::cim::vs
