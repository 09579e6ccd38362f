// The snapshots of a machine that moves. libvirt moves none of which it knows snapshots: it forgets them
// before (what they are made of stays as it is) and is told of them again where the machine is in the end.
// Until then they are noted in the folder of the state, one file for a machine, so that the end of the
// program loses nothing. Blocking; call with the machine's gate held.
#pragma once

#include <string>

#include "backend/libvirt/core.hpp"

namespace wsvirt::backend::libvirt {

// What libvirt said of the snapshots, to be given to bring_back(); "" = there are none. They are known as
// before after an error. Errors: failed (cannot be noted), libvirt's.
Result<std::string> put_aside(const Settings& settings, virDomainPtr domain, const DomainOptions& here);

// On whichever host the machine is, with its disks as that one has them. Once they are known all, they are
// noted no more.
Result<void> bring_back(const Settings& settings, virDomainPtr domain, const std::string& aside,
                        const DomainOptions& there);

// Of a machine that is not any more.
void forget_aside(const Settings& settings, std::string_view machine);

// As they were noted; "" = nothing was put aside.
std::string noted_aside(const Settings& settings, std::string_view machine);

}  // namespace wsvirt::backend::libvirt
