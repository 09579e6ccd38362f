#include "cim/providers/virtual_system/resource_pool.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_ProcessorPool(Services& services) {
    return vs::make_pool_provider(services, true);
}

}  // namespace wsvirt::cim
