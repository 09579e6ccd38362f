// How the process uses the system's allocator. Before other threads exist.
#pragma once

namespace wsvirt::wsman {

// A heap for each of the first threads that are made, which are those for I/O, and one that all others start
// with: the allocator's usual eight for each processor keep what long answers have taken, each for itself.
// What is larger than an answer usually is goes back to the system when it is freed.
void share_heaps(unsigned io_threads);
// Gives back what starting has used up and left.
void return_free_memory();

}  // namespace wsvirt::wsman
