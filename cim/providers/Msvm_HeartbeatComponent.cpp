// Whether the guest's agent answers.
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/devices.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_HeartbeatComponent(Services& services) {
    return vs::make_device_provider(services, {}, [](const backend::Machine& m, Instance& i) {
        set_if(i, "OperationalStatus", array_with(m.agent_connected ? 2 : 12));
        set_if(i, "StatusDescriptions", array_with(m.agent_connected ? "OK" : "No Contact"));
    });
}

}  // namespace wsvirt::cim
