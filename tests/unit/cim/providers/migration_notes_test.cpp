// What is kept of several migrations of one machine, and said of what is tried more than once.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "cim/providers/migration_service/settle.hpp"
#include "tests/unit/cim/providers/gone_on.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

// What is noted of a machine that ran and was on its way from one host to the other.
migration_service::CutOff left_of(const std::string& machine, const HostEntry& from, const HostEntry& to,
                                  migration_service::Rest rest) {
    migration_service::CutOff c;
    c.guid = machine;
    c.source = from;
    c.destination = to;
    c.was_running = c.was_active = true;
    c.rest = rest;
    return c;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(migration_notes, GoneOn)

// Whatever else has to be tried again.
BOOST_AUTO_TEST_CASE(what_somebody_has_to_look_at_is_named_once) {
    on(hypervisor, original, MachineState::running);
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    on(third, original);
    note("1");
    second.fail_always("remove_file", Error(Status::failed, "test.fault", "Not now."));
    const auto watching = cim::watch(services);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto tried = [&] {
        const auto rows = store->list("migration_left").value();
        return !rows.empty() && rows[0].text.find(" copies") != std::string::npos;
    };
    while (!tried() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    BOOST_TEST_REQUIRE(tried());
    second.clear_failures();
    wait_for_all();
    BOOST_TEST(left() == 0U);
    std::size_t named = 0;
    for (const auto& id : jobs.ids()) {
        const auto job = jobs.find(id);
        for (const auto& e : job->errors)
            named += e.message.find("resume it when it is certain") != std::string::npos;
    }
    BOOST_TEST(named == 1U);
}

// Its disks may be held for a moment yet, or its host says nothing just then.
BOOST_AUTO_TEST_CASE(and_stands_still_where_it_ran) {
    on(hypervisor, original, MachineState::running);
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    hypervisor.fail_always("resume", Error(Status::unavailable, "wsvirt.host.lost", "Silent."));
    note("1");
    const auto watching = cim::watch(services);
    wait_for_all();
    BOOST_TEST(left() == 1U);
    BOOST_TEST(there(copy));
    BOOST_TEST(is_named("The machine stands still on \"testhost\""));
    hypervisor.clear_failures();
    hypervisor.fail_next("resume", Error(Status::busy, "test.fault", "Not yet."));
    hypervisor.set_connected(false);
    hypervisor.set_connected(true);
    wait_for_all();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
    BOOST_TEST(!there(copy));
}

// Somebody resumes it, with this service or without, and lets it stand still later.
BOOST_DATA_TEST_CASE_F(GoneOn, and_is_resumed_once, boost::unit_test::data::make({false, true}), by_others) {
    on(hypervisor, original, MachineState::running);
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    hypervisor.fail_always("resume", Error(Status::unavailable, "wsvirt.host.lost", "Silent."));
    note("1");
    {
        const auto watching = cim::watch(services);
        wait_for_all();
        BOOST_TEST(left() == 1U);
        hypervisor.clear_failures();
        if (by_others) BOOST_TEST(hypervisor.resume({}, guid).ok());
    }
    if (!by_others) BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
    BOOST_TEST(left() == 1U);
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::paused));
    BOOST_TEST(!there(copy));
}

// It was on hvB when its way back from hvC failed half-way, or was not seen to its end.
BOOST_DATA_TEST_CASE_F(GoneOn, and_back_from_a_third_host, boost::unit_test::data::make({false, true}),
                       moved) {
    on(hypervisor, original);
    note("1 at_source");
    on(moved ? second : third, copy, MachineState::running);
    auto other = left_of(guid, {"hvC", &third}, {"hvB", &second},
                         moved ? migration_service::Rest::at_source : migration_service::Rest::everything);
    BOOST_TEST_REQUIRE(migration_service::leave_for_later(services, other).ok());
    BOOST_TEST(left() == 2U);
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(hypervisor.machine(guid) == nullptr);
    BOOST_TEST(there(original) == !moved);
}

// A copy that was made in vain could not be removed yet when it moved there with its disk as it is.
BOOST_AUTO_TEST_CASE(and_what_was_copied_in_vain_before_it_moved) {
    on(hypervisor, original);
    on(second, original, MachineState::running);
    auto c = left_of(guid, {"testhost", &hypervisor}, {"hvB", &second}, migration_service::Rest::copies);
    c.copies = {copy};
    c.made[copy] = testing::FakeHypervisor::mark_of(copy);
    BOOST_TEST_REQUIRE(migration_service::leave_for_later(services, c).ok());
    c.rest = migration_service::Rest::at_source;
    c.copies.clear();
    c.made.clear();
    BOOST_TEST_REQUIRE(migration_service::leave_for_later(services, c).ok());
    BOOST_TEST(left() == 2U);
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(hypervisor.machine(guid) == nullptr);
    BOOST_TEST((there(original) && !there(copy)));
}

// What it came from at first could not be removed yet when it went back there with a copy.
BOOST_AUTO_TEST_CASE(and_back_to_its_source_with_another_copy) {
    const auto anew = (folder / "disks" / "anew.qcow2").string();
    std::ofstream(anew) << "disk";
    BOOST_TEST_REQUIRE(store
                           ->put("migration_left", std::string(guid) + " testhost",
                                 "hvB\ntesthost\n0 copies\n" + original + "\n\n\n*" +
                                     testing::FakeHypervisor::mark_of(original) + ' ' + original)
                           .ok());
    on(second, copy);
    on(hypervisor, anew, MachineState::running);
    auto back =
        left_of(guid, {"hvB", &second}, {"testhost", &hypervisor}, migration_service::Rest::at_source);
    back.copies = {anew};
    back.originals = {copy};
    BOOST_TEST_REQUIRE(migration_service::leave_for_later(services, back).ok());
    BOOST_TEST(left() == 2U);
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(second.machine(guid) == nullptr);
    BOOST_TEST((there(anew) && !there(copy) && !there(original)));
}

BOOST_AUTO_TEST_SUITE_END()
