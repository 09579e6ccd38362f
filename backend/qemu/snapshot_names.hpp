// The names of the snapshots inside a qcow2 file, which qemu-img can show but not change. A name is replaced
// by one of the same length, in place; the file must not be in use. Blocking; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wsvirt::backend::qemu {

// Errors: failed, malformed (no qcow2 file, or a damaged one).
Result<std::vector<std::string>> snapshot_names(const std::string& path);
// old → new. All or nothing: names that are not there are an error (not_found) before anything is written, a
// name of another length is invalid_parameter.
Result<void> rename_snapshots(const std::string& path, const std::map<std::string, std::string>& names);

}  // namespace wsvirt::backend::qemu
