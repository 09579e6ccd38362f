// Which files stand on a disk. Nothing in the disk says so: the files are searched that may be such.
// Blocking; any thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wsvirt::backend::qemu {

// Of a folder's files, what each names as the one below it. A folder that is not there has none.
using Below = std::map<std::string, std::string>;
using LookInto = std::function<Result<Below>(const std::string& folder)>;

// The other files that name one of these: in the folders of these, of `disks` (path → format), and of what is
// stood on there.
Result<std::vector<std::string>> search_overlays(const LookInto& look, const std::set<std::string>& files,
                                                 const std::map<std::string, std::string>& disks);
// The same by the headers of the files. Errors: failed (a folder cannot be read).
Result<std::vector<std::string>> overlays_of(const std::vector<std::string>& files,
                                             const std::map<std::string, std::string>& disks);

}  // namespace wsvirt::backend::qemu
