// What is answered in libvirt's place while a test wants it so (restored_links_test.cpp).
#pragma once

namespace wsvirt::testing {

extern bool saves_are_stopped;  // each save of a machine, as if somebody had broken it off

}  // namespace wsvirt::testing
