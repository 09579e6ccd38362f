// Where the program's own files are.
#pragma once

#include <filesystem>

namespace wsvirt::wsman {

// `configured` if it is not empty; else share/wsvirt/schemas beside the program's bin folder, where it was
// installed, or the source tree it was built from: the first that exists.
std::filesystem::path schema_folder(const std::filesystem::path& configured);

}  // namespace wsvirt::wsman
