#include "cim/providers/virtual_system/boot_order.hpp"

#include <algorithm>

namespace wsvirt::cim::vs {

using backend::BootDevice;

std::vector<BootDevice> boot_devices_of(const Value& boot_order) {
    std::vector<BootDevice> out;
    const auto* all = boot_order.as_array();
    if (!all) return out;
    for (const auto& v : *all) {
        BootDevice d = BootDevice::disk;
        switch (v.uint_or(99)) {
            case 0:
                d = BootDevice::floppy;
                break;
            case 1:
                d = BootDevice::cdrom;
                break;
            case 2:
            case 4:
                d = BootDevice::disk;
                break;
            case 3:
                d = BootDevice::network;
                break;
            default:
                continue;
        }
        if (std::find(out.begin(), out.end(), d) == out.end()) out.push_back(d);
    }
    return out;
}

Value boot_order_value(const std::vector<BootDevice>& devices) {
    Value::Array out;
    for (auto d : devices) {
        switch (d) {
            case BootDevice::floppy:
                out.emplace_back(0);
                break;
            case BootDevice::cdrom:
                out.emplace_back(1);
                break;
            case BootDevice::disk:
                out.emplace_back(2);
                break;
            case BootDevice::network:
                out.emplace_back(3);
                break;
        }
    }
    return Value(std::move(out));
}

std::vector<BootDevice> default_boot_order() {
    return {BootDevice::cdrom, BootDevice::disk, BootDevice::network, BootDevice::floppy};
}

}  // namespace wsvirt::cim::vs
