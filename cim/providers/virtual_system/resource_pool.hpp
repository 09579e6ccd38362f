// The primordial pool of each kind of resource; Msvm_ProcessorPool for processors, Msvm_ResourcePool for the
// rest.
#pragma once

#include <memory>

#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

std::unique_ptr<Provider> make_pool_provider(Services& services, bool processors);

}  // namespace wsvirt::cim::vs
