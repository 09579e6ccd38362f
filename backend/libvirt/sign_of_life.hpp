// Whether something at the other end of a libvirt URI still reacts. Blocking, within a limit.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace wsvirt::backend::libvirt {

// Says something over TCP or TLS that libvirtd reacts to. Also true where nothing listens, which libvirt
// finds out by itself, and where nothing can be asked this way (SSH).
bool gives_sign_of_life(const std::string& uri, std::chrono::milliseconds limit,
                        const std::function<bool()>& gives_up);

}  // namespace wsvirt::backend::libvirt
