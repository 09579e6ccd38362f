#include "cim/providers/virtual_system/setting_provider.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_EmulatedEthernetPortSettingData(Services& services) {
    return vs::make_setting_provider(services);
}

}  // namespace wsvirt::cim
