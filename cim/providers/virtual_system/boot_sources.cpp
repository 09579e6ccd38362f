#include "cim/providers/virtual_system/boot_sources.hpp"

namespace wsvirt::cim::vs {

std::vector<BootSource> boot_sources(const Configuration& c) {
    std::vector<BootSource> out;
    const auto& s = c.spec();
    if (!generation_2(s)) return out;
    std::vector<Element> found;
    for (auto k : {Kind::disk_drive, Kind::dvd_drive, Kind::synthetic_nic}) append_elements(s, k, found);
    for (const auto& e : found) out.push_back({e, device_data(s, e) + "\\B"});
    return out;
}

}  // namespace wsvirt::cim::vs
