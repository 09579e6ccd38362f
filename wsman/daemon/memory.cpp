#include "wsman/daemon/memory.hpp"

#include <malloc.h>

namespace wsvirt::wsman {

void share_heaps(unsigned io_threads) {
    constexpr int large = 4 * 1024 * 1024, kept_free = large;
    constexpr int others = 2;  // the first thread's, and one more
    ::mallopt(M_ARENA_MAX, static_cast<int>(io_threads) + others);
    ::mallopt(M_MMAP_THRESHOLD, large);
    ::mallopt(M_TRIM_THRESHOLD, kept_free);
}

void return_free_memory() {
    ::malloc_trim(0);
}

}  // namespace wsvirt::wsman
