// What a host on the network says of its memory; it runs on the kernel of this one.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::testing;

namespace {

std::uint64_t meminfo_mib(const std::string& wanted) {
    std::ifstream in("/proc/meminfo");
    std::uint64_t kib = 0;
    std::string key;
    for (std::string unit; in >> key >> kib; std::getline(in, unit))
        if (key == wanted) return kib / 1024;
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(free_memory)

// Else a host that has read many files never gets a new machine.
BOOST_AUTO_TEST_CASE(what_is_only_cached_is_free_on_other_hosts_too) {
    const auto b = open_host("WSVIRT_LAB_B");
    const auto at_least = meminfo_mib("MemFree:") + meminfo_mib("Cached:") / 2;
    BOOST_TEST(b->host().free_memory_mib >= at_least);
    BOOST_TEST(b->host().free_memory_mib <= b->host().memory_mib);
}

BOOST_AUTO_TEST_SUITE_END()
