// The links of network adapters that come back with saved memory. The state of a link is part of the memory:
// QEMU takes it from there, whatever the description says that libvirt starts it with. Where that may not be
// what the machine's settings say, the machine comes back paused and gets its links before its guest goes on.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// Devices for virDomainUpdateDeviceFlags, in this order. back: the description of the memory, or of the
// machine that has come back with it. An adapter that the definition does not have is left alone, unless it
// is one that leads nowhere: then its link is down. Nothing when all links are as they shall be;
// stands_still: and QEMU cannot have other ones than libvirt knows of, for which a link comes up for a
// moment. Pure, any thread.
std::vector<std::string> link_updates(const std::string& back, const std::string& definition,
                                      bool stands_still = true);

// The description of memory that libvirt starts by itself, with each link down that the definition does not
// have up: QEMU is told of those before the guest goes on. What memory has down comes up when it is started
// again, by the above. Pure, any thread.
std::string with_links_down(const std::string& memory, const std::string& definition);

// Starts a machine that has saved memory. May leave it paused, which `about_to_pause` is told of before; when
// its links cannot be set, it is saved again; where not even that can be done it stays paused, and the error
// says so.
Result<void> start_with_memory(virDomainPtr domain, const std::string& definition,
                               const std::function<void()>& about_to_pause = {});
// What is left of that where the service has ended on the way; of one that is off or saved nothing is.
// resume: it shall run, unless somebody has paused it since; alone: nobody else has a libvirt that could.
Result<void> finish_start(virDomainPtr domain, const std::string& definition, bool resume, bool alone);

}  // namespace wsvirt::backend::libvirt
