#include "cim/providers/virtual_system/resource_pool.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_ResourcePool(Services& services) {
    return vs::make_pool_provider(services, false);
}

}  // namespace wsvirt::cim
