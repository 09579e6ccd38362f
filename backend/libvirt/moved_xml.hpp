// What a machine that moves to another host looks like over there, as libvirt's XML. Pure functions; any
// thread.
#pragma once

#include <string>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/domain_xml.hpp"

namespace wsvirt::backend::libvirt {

// New settings, or the same with other files.
Result<std::string> destination_xml(const std::string& xml, const MigrationRequest& r,
                                    const DomainOptions& options);

// A running machine keeps its devices; only what its ports are plugged into can differ over there.
Result<std::string> with_plugs(const std::string& xml, const MachineSpec& spec);

}  // namespace wsvirt::backend::libvirt
