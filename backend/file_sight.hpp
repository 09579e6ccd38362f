// A host that tells by what a file of its own is known again, whatever is put in its place. Thread safe.
#pragma once

#include <string>
#include <string_view>

#include "backend/hypervisor.hpp"
#include "base/result.hpp"

namespace wsvirt::backend {

// The id of the error of Hypervisor::has_file() where files are being made in the folder: until that has
// ended the host does not tell what else is there.
inline constexpr std::string_view folder_busy = "wsvirt.folder.busy";

class FileSight {
  public:
    virtual ~FileSight() = default;
    // A mark for Hypervisor::is_made; "" where it cannot be told.
    virtual Result<std::string> file_mark(const Call&, const std::string& path) = 0;
};

}  // namespace wsvirt::backend
