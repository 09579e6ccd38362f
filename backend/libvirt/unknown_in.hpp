// What a domain has that its settings have no word for. Pure functions, any thread.
#pragma once

#include <pugixml.hpp>
#include <string>

#include "backend/machine.hpp"

namespace wsvirt::backend::libvirt {

// Of the XML of a definition as write_domain() writes it, or as libvirt has completed it.
UnknownDevices unknown_in(pugi::xml_node domain);

// Adds the devices that only the running machine, or its saved memory, has. Nothing where one of the two is
// no description of a machine.
void add_devices_beside(UnknownDevices& unknown, pugi::xml_node settings, pugi::xml_node running);
void add_devices_beside(UnknownDevices& unknown, const std::string& settings, const std::string& running);

}  // namespace wsvirt::backend::libvirt
