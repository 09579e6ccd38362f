#include "backend/libvirt/inventory.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

using namespace wsvirt::backend;
using libvirt::Inventory;
using libvirt::TakingSnapshot;
using namespace std::chrono_literals;

namespace {

template <class Condition>
bool eventually(Condition c) {
    for (int n = 0; n < 2000 && !c(); ++n) std::this_thread::sleep_for(5ms);
    return c();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(inventory)

// Whoever has unsubscribed may take away what the callback works with.
BOOST_AUTO_TEST_CASE(no_callback_runs_when_its_subscription_is_gone) {
    std::atomic<bool> inside = false, go_on = false, gone = false;
    std::atomic<int> second_told = 0;
    Inventory all;
    auto first = all.subscribe([&](const Event&) {
        inside = true;
        while (!go_on) std::this_thread::sleep_for(1ms);
    });
    auto second = all.subscribe([&](const Event&) { ++second_told; });
    all.set_connected(true);
    BOOST_TEST_REQUIRE(eventually([&] { return inside.load(); }));
    second.reset();  // its turn has not come yet, and does not come any more
    std::jthread leaves([&] {
        first.reset();
        gone = true;
    });
    std::this_thread::sleep_for(50ms);
    BOOST_TEST(!gone);
    go_on = true;
    leaves.join();
    BOOST_TEST(gone);
    std::atomic<bool> third_told = false;
    const auto third = all.subscribe([&](const Event&) { third_told = true; });
    all.set_connected(false);
    BOOST_TEST(eventually([&] { return third_told.load(); }));
    BOOST_TEST(second_told == 0);
}

BOOST_AUTO_TEST_CASE(a_callback_may_end_its_own_subscription) {
    std::atomic<int> told = 0, others = 0;
    std::shared_ptr<void> own;
    Inventory all;
    own = all.subscribe([&](const Event&) {
        ++told;
        own.reset();
    });
    const auto other = all.subscribe([&](const Event&) { ++others; });
    all.set_connected(true);
    all.set_connected(false);
    BOOST_TEST(eventually([&] { return others == 2; }));
    BOOST_TEST(told == 1);
}

// What is seen first when a host is connected to has been so for as long as may be.
BOOST_AUTO_TEST_CASE(since_when_a_machine_is_as_it_is_is_known_of_what_was_seen_to_change) {
    Inventory all;
    const auto seen = [&](const char* uuid, MachineState state, std::int64_t since = 0) {
        Machine m;
        m.spec.uuid = uuid;
        m.state = state;
        m.state_since_us = since;
        all.seen(all.draw(), std::move(m));
        return all.knows_since_when(uuid);
    };
    BOOST_TEST(!seen("A", MachineState::off));
    BOOST_TEST(seen("B", MachineState::off, 1'000'000));  // libvirt's files told
    all.set_connected(true);
    BOOST_TEST(!seen("A", MachineState::off));
    BOOST_TEST(seen("A", MachineState::running));
    BOOST_TEST(seen("C", MachineState::off));
    all.set_connected(false);
    BOOST_TEST(!seen("A", MachineState::off));  // some time while nobody looked
    BOOST_TEST(!all.knows_since_when("D"));
}

BOOST_AUTO_TEST_CASE(another_place_of_the_firmwares_variables_is_a_change) {
    Inventory all;
    Machine m;
    m.spec.uuid = "A";
    m.nvram_file = "/here.fd";
    all.seen(all.draw(), m);
    m.nvram_file = "/there.fd";
    all.seen(all.draw(), m);
    BOOST_TEST(all.machine("A")->nvram_file == "/there.fd");
}

BOOST_AUTO_TEST_CASE(a_machine_is_said_to_take_a_snapshot_for_as_long_as_it_does) {
    const auto all = std::make_shared<Inventory>();
    Machine m;
    m.spec.uuid = "A";
    all->seen(all->draw(), m);
    BOOST_TEST(!all->takes_snapshot("A"));
    {
        const TakingSnapshot taking(all, "A");
        BOOST_TEST(all->takes_snapshot("A"));
        BOOST_TEST(!all->takes_snapshot("B"));
    }
    BOOST_TEST(!all->takes_snapshot("A"));
    {
        const TakingSnapshot taking(all, "A");
        all->gone(all->draw(), "A");
    }
    all->seen(all->draw(), m);  // another one of its identifier
    BOOST_TEST(!all->takes_snapshot("A"));
}

BOOST_AUTO_TEST_CASE(what_was_seen_before_something_began_is_told_apart) {
    Inventory all;
    const auto seen = [&](Inventory::Ticket ticket) {
        Machine m;
        m.spec.uuid = "A";
        all.seen(ticket, std::move(m));
    };
    seen(all.draw());
    const auto late = all.draw(), begun = all.draw();
    BOOST_TEST(!all.seen_since(begun, "A"));
    seen(late);  // that look had begun before
    BOOST_TEST(!all.seen_since(begun, "A"));
    seen(all.draw());
    BOOST_TEST(all.seen_since(begun, "A"));
    all.gone(all.draw(), "A");
    BOOST_TEST(!all.seen_since(begun, "A"));
    BOOST_TEST(!all.seen_since(begun, "B"));
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_does_not_change_since_when_a_machine_is_off) {
    Inventory all;
    const auto seen = [&](MachineState state) {
        Machine m;
        m.spec.uuid = "A";
        m.state = state;
        m.state_since_us = 1'000'000;
        all.seen(all.draw(), std::move(m));
    };
    seen(MachineState::off);
    all.set_connected(true);
    all.set_transition("A", MachineState::starting);
    BOOST_TEST((all.machine("A")->state == MachineState::starting));
    BOOST_TEST(all.machine("A")->state_since_us != 1'000'000);
    seen(MachineState::paused);  // libvirt's first half of it
    seen(MachineState::off);
    all.end_transition("A", true);
    BOOST_TEST((all.machine("A")->state == MachineState::off));
    BOOST_TEST(all.machine("A")->state_since_us == 1'000'000);
    // One that has ended just after.
    all.set_transition("A", MachineState::starting);
    all.end_transition("A", false);
    BOOST_TEST(all.machine("A")->state_since_us != 1'000'000);
    // What runs all the same.
    all.set_transition("A", MachineState::starting);
    seen(MachineState::running);
    all.end_transition("A", true);
    BOOST_TEST((all.machine("A")->state == MachineState::running));
    BOOST_TEST(all.machine("A")->state_since_us != 1'000'000);
}

BOOST_AUTO_TEST_SUITE_END()
