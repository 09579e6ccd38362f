// The provider of every class that describes resources of virtual systems: the class alone decides which
// kinds of element it shows. Settings are read here; they change through the management service only.
#pragma once

#include <memory>

#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

std::unique_ptr<Provider> make_setting_provider(Services& services);

}  // namespace wsvirt::cim::vs
