// A host that tells by what a file of its own is known again, whatever is put in its place. Thread safe.
#pragma once

#include <string>

#include "backend/hypervisor.hpp"
#include "base/result.hpp"

namespace wsvirt::backend {

class FileSight {
  public:
    virtual ~FileSight() = default;
    // A mark for Hypervisor::is_made; "" where it cannot be told.
    virtual Result<std::string> file_mark(const Call&, const std::string& path) = 0;
};

}  // namespace wsvirt::backend
