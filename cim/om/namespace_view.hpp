// A provider whose answers point into root/virtualization/v2, shown in another namespace: references and
// object path texts that it gives out are those of the namespace that was asked, and the other way round for
// what comes in. Thread safe as the provider inside.
#pragma once

#include <memory>

#include "cim/om/provider.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> in_namespace(std::unique_ptr<Provider> inner);

}  // namespace wsvirt::cim
