// What a start finds out about jobs that were cut off where two hosts have the machine, and what is not
// through by then.
#include <boost/test/unit_test.hpp>

#include "cim/providers/methods.hpp"
#include "tests/unit/cim/providers/cut_off.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

namespace {

// Others have moved it to hvB, and its definition stayed on this host.
struct TwoPlaces : CutOff {
    TwoPlaces() {
        auto spec = second.machine(guid)->spec;
        BOOST_TEST_REQUIRE(hypervisor.define({}, spec).ok());
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(recovery_places, TwoPlaces)

BOOST_AUTO_TEST_CASE(what_was_asked_of_a_machine_is_looked_at_where_it_is) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    BOOST_TEST(completed(job_type::start));
    BOOST_TEST(!completed(job_type::power_off));
    BOOST_TEST(!completed(job_type::shut_down));
    BOOST_TEST_REQUIRE(second.suspend({}, guid).ok());
    BOOST_TEST(completed(job_type::pause));
    BOOST_TEST_REQUIRE(second.save({}, guid).ok());
    BOOST_TEST(completed(job_type::save));
}

BOOST_AUTO_TEST_CASE(snapshots_are_looked_for_where_the_machine_is) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    take_snapshot({{vs::snapshot_type, "2"}});
    BOOST_TEST(completed(job_type::take_snapshot));
    BOOST_TEST(!completed(job_type::delete_snapshot));
    BOOST_TEST_REQUIRE(second.save({}, guid).ok());
    BOOST_TEST(completed(job_type::apply_snapshot));
    BOOST_TEST_REQUIRE(second.delete_snapshot({}, guid, snapshot, false).ok());
    BOOST_TEST(completed(job_type::delete_snapshot));
    BOOST_TEST(!completed(job_type::take_snapshot));
}

// What the hosts that answer have of it says nothing.
BOOST_AUTO_TEST_CASE(nor_is_it_looked_at_elsewhere_while_its_place_is_silent) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    BOOST_TEST(watch(services).size() > 0U);  // it has seen it there
    second.set_connected(false);
    BOOST_TEST(!completed(job_type::power_off));
    BOOST_TEST(after_restart(job_type::delete_snapshot).errors.at(0).message.find("did not answer") !=
               std::string::npos);
    second.set_connected(true);
}

// libvirt's snapshot is there before it is ours.
BOOST_AUTO_TEST_CASE(a_snapshot_that_is_being_taken_back_is_not_one_that_was_taken) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    take_snapshot();
    const auto job = after_restart(job_type::take_snapshot);
    BOOST_TEST((job.state == JobState::exception));
    BOOST_TEST(job.errors.at(0).message_id == "wsvirt.snapshot.interrupted");
}

// Why it runs cannot be seen by then; the machine layer, which is late with it, knows.
BOOST_AUTO_TEST_CASE(an_apply_that_the_machine_layer_is_not_through_with_is_waited_for) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    take_snapshot();
    BOOST_TEST_REQUIRE(second.suspend({}, guid).ok());
    BOOST_TEST_REQUIRE(second.resume({}, guid).ok());
    second.hold("check_whole");
    std::jthread machine_layer([this] {
        eventually([&] { return second.calls("check_whole") > 0; });
        const auto later = std::to_string(DateTime::now().microseconds() + 3'600'000'000);
        (void)second.power_off({}, guid);
        (void)second.revert({}, guid, snapshot,
                            {backend::AfterRevert::Memory::saved, vs::snapshot_applied, later});
        second.release("check_whole");
    });
    BOOST_TEST(completed(71));
    BOOST_TEST((second.machine(guid)->state == MachineState::saved));
}

BOOST_AUTO_TEST_SUITE_END()
