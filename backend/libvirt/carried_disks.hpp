// The disks of a machine that is off, on their way to another host: each file is read here and written there,
// byte for byte and without its holes. Of a host that is not this one, through libvirt's volumes. A disk that
// stands on another file arrives whole, as one that a running machine has does: a copy of that kind is made
// beside it first, which needs the room for as long as it takes. Blocking; one thread, with the machine's
// gate held.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/core.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

struct CarriedDisk {
    std::string from, to, format;
};
struct Carriage {
    std::vector<CarriedDisk> disks;
    std::uint64_t bandwidth_mib_s = 0;  // 0: as fast as it goes
    // Makes each new file, of so many bytes and nothing in it; an error ends it.
    std::function<Result<void>(const std::string& file, std::uint64_t size)> make;
};

// The new files and their folders must have been prepared (TargetStorage). What was made is the caller's to
// remove after an error; one that is there by then is not touched. Errors: not_supported (a disk that stands
// on another file, of a host that is not this one), cancelled, no_space, failed, with libvirt's message.
Result<void> carry_disks(const Core& source, virConnectPtr connection, virConnectPtr there,
                         const Carriage& what, const Call& call);
// Whether a disk can be carried from there. Errors: not_supported; failed, unavailable (it cannot be known).
Result<void> check_carried(const Core& source, virConnectPtr connection, const std::string& path);

}  // namespace wsvirt::backend::libvirt
