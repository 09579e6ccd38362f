// How the process uses the system's allocator. Before other threads exist.
#pragma once

namespace wsvirt::wsman {

// Threads share a few heaps: the allocator's usual eight for each processor keep what long answers have
// taken, each for itself.
void share_heaps();
// Gives back what starting has used up and left.
void return_free_memory();

}  // namespace wsvirt::wsman
