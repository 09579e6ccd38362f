#include "cim/providers/virtual_system/devices.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_SyntheticMouse(Services& services) {
    return vs::make_device_provider(services);
}

}  // namespace wsvirt::cim
