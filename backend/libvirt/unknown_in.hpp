// What a domain has that its settings have no word for. Pure function, any thread.
#pragma once

#include <pugixml.hpp>

#include "backend/machine.hpp"

namespace wsvirt::backend::libvirt {

// Of the XML of a definition as write_domain() writes it, or as libvirt has completed it.
UnknownDevices unknown_in(pugi::xml_node domain);

}  // namespace wsvirt::backend::libvirt
