// What a domain has beside its devices that its settings have no word for. Pure function, any thread.
#pragma once

#include <pugixml.hpp>
#include <set>
#include <string>

namespace wsvirt::backend::libvirt {

// Names that a person would look for. needed: of what memory cannot do without; others: of the rest that
// changes what the guest sees, or how it is run. What libvirt adds when it defines a machine is no loss.
void find_unknown_settings(pugi::xml_node domain, std::set<std::string>& needed,
                           std::set<std::string>& others);

}  // namespace wsvirt::backend::libvirt
