// A host that tells of files which are not seen from here what they stand on. Thread safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "base/result.hpp"

namespace wsvirt::backend {

class OverlaySight {
  public:
    virtual ~OverlaySight() = default;
    // The other files that name one of these as what they stand on: in the folders of these, of `disks` (path
    // → format), and of what is stood on there. Errors: what the host says that cannot look.
    virtual Result<std::vector<std::string>> overlays_of(const Call&, const std::vector<std::string>& files,
                                                         const std::map<std::string, std::string>& disks) = 0;
};

}  // namespace wsvirt::backend
