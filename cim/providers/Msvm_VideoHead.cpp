// The picture of a running machine: how large it is now comes from QEMU.
#include "backend/hypervisor.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/thumbnail.hpp"
#include "cim/providers/virtual_system/devices.hpp"

namespace wsvirt::cim {

std::unique_ptr<Provider> make_Msvm_VideoHead(Services& services) {
    return vs::make_device_provider(services, {}, [&services](const backend::Machine& m, Instance& i) {
        if (!vs::is_running(m)) return;
        backend::Call c;
        c.deadline = Clock::now() + std::chrono::seconds(5);
        const auto ppm = services.hypervisor.screenshot(c, m.spec.uuid);
        const auto size = ppm ? size_of_ppm(*ppm) : std::nullopt;
        if (!size) return;
        set_if(i, "CurrentHorizontalResolution", size->width);
        set_if(i, "CurrentVerticalResolution", size->height);
        set_if(i, "CurrentBitsPerPixel", 32);
    });
}

}  // namespace wsvirt::cim
