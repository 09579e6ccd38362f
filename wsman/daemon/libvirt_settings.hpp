// What the configuration says of a libvirt: of this service's own host, and of another one.
#pragma once

#include "backend/libvirt/settings.hpp"
#include "wsman/daemon/config.hpp"

namespace wsvirt::wsman {

backend::libvirt::Settings libvirt_settings(const Config& config);
// What programs and files are on this service's own host says nothing of another one. A host that does not
// answer at the moment is no reason not to serve the others.
backend::libvirt::Settings libvirt_settings(const Config& config, const HostConfig& host);

}  // namespace wsvirt::wsman
