// Whose turn it is to change a machine.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "backend/libvirt/core.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using libvirt::Gates;

BOOST_AUTO_TEST_SUITE(gates)

BOOST_AUTO_TEST_CASE(what_gives_way_is_asked_to_where_another_waits_for_the_same_machine) {
    Gates gates;
    const std::stop_source way;
    auto held = gates.enter({}, "m", way);
    BOOST_REQUIRE(held);
    BOOST_TEST(gates.enter({}, "another").ok());
    BOOST_TEST(!way.stop_requested());
    std::jthread holder([&] {
        while (!way.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        held->reset();
    });
    const auto next = gates.enter({}, "M");
    BOOST_TEST(next.ok());
    Call late;
    late.deadline = std::chrono::steady_clock::now();
    BOOST_TEST(!gates.enter(late, "m"));
}

BOOST_AUTO_TEST_SUITE_END()
