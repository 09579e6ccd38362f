#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/devices.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_SyntheticDisplayController(Services& services) {
    return vs::make_device_provider(services, {}, [](const backend::Machine& m, Instance& i) {
        set_if(i, "ProtocolSupported", 1);
        set_if(i, "ProtocolDescription", "Video");
        set_if(i, "MaxNumberControlled", 1);
        set_if(i, "VideoMemoryType", 2);
        set_if(i, "VideoProcessor", "QEMU Standard VGA");
        set_if(i, "MaxMemorySupported", m.spec.displays.front().video_ram_kib * 1024U);
    });
}

}  // namespace wsvirt::cim
