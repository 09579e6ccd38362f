// What is answered in libvirt's place while a test wants it so, and counted (restored_links_test.cpp).
#pragma once

#include <atomic>

namespace wsvirt::testing {

extern bool starts_fail;                 // each of a machine that has no memory
extern bool saves_are_stopped;           // each save of a machine, as if somebody had broken it off
extern std::atomic<int> snapshots_read;  // descriptions of snapshots that libvirt has given so far

}  // namespace wsvirt::testing
