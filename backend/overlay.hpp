// The names of files that hold what was written to a disk since a snapshot: "/vms/disk.<GUID>.qcow2".
#pragma once

#include <string_view>

#include "base/text.hpp"

namespace wsvirt::backend {

inline constexpr std::size_t overlay_ending = 1 + 36 + 6;

inline bool is_overlay(std::string_view path) {
    if (path.size() < overlay_ending || !path.ends_with(".qcow2")) return false;
    const auto ending = path.substr(path.size() - overlay_ending);
    return ending.front() == '.' && is_guid(ending.substr(1, 36));
}

}  // namespace wsvirt::backend
