// Who needs a disk that a migration copies and would remove: another machine or a planned system that has it
// in a drive, for whatever, or a file that stands on it, such as a differencing disk, whether a machine has
// that one or not. Looks at the inventories of all hosts and at the files of the disk's own. Blocking; any
// thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::migration_service {

struct Need {
    std::string file, by;  // by: "the virtual machine "x"", "the disk "/y" of the virtual machine "x""
};

// Of these files on a host, which the machine has or had, those that somebody else needs. Errors: what the
// host says that cannot look.
Result<std::vector<Need>> needed_by_others(const Services& services, const HostEntry& host,
                                           const std::string& machine, const std::vector<std::string>& files);

}  // namespace wsvirt::cim::migration_service
