// The boot sources of a configuration: of generation 2 its drives and network ports, of generation 1 none.
// Each is named after its device, one level deeper.
#pragma once

#include <string>
#include <vector>

#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/elements.hpp"

namespace wsvirt::cim::vs {

struct BootSource {
    Element element;
    std::string device;  // device data of its InstanceID
};
std::vector<BootSource> boot_sources(const Configuration& c);

}  // namespace wsvirt::cim::vs
