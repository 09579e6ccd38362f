// Where exceptions of the machine layer's threads stop: they become errors like others, and the log has them.
#pragma once

#include <exception>

#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// Writes it to the log; doing: what was tried, in a person's words.
Error caught(const char* doing, const std::exception& e);

// What `work`, which returns a Result, comes to.
template <class Work>
auto guarded(const char* doing, Work&& work) -> decltype(work()) {
    try {
        return work();
    } catch (const std::exception& e) {
        return caught(doing, e);
    }
}

}  // namespace wsvirt::backend::libvirt
