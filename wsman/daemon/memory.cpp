#include "wsman/daemon/memory.hpp"

#include <malloc.h>

namespace wsvirt::wsman {

void share_heaps() {
    constexpr int heaps = 2;
    ::mallopt(M_ARENA_MAX, heaps);
}

void return_free_memory() {
    ::malloc_trim(0);
}

}  // namespace wsvirt::wsman
