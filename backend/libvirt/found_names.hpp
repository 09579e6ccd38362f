// Names of what a definition has, told apart by those that are known.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>

namespace wsvirt::backend::libvirt {

using Found = std::set<std::string>;
using Known = std::initializer_list<std::string_view>;

inline bool is_one_of(Known known, std::string_view what) {
    return std::find(known.begin(), known.end(), what) != known.end();
}

}  // namespace wsvirt::backend::libvirt
