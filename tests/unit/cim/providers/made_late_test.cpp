// Machines that a host makes after the call has failed: it had been asked, and was silent for too long.
#include "cim/providers/virtual_system/made_late.hpp"

#include <future>
#include <thread>

#include "cim/om/job_record.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

constexpr const char* guid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A01";

struct Late : TwoHosts {
    Value settings_data() const {
        return Value(make("Msvm_VirtualSystemSettingData",
                          {{"ElementName", "late"}, {"VirtualSystemIdentifier", guid}}));
    }
    std::uint32_t define_code() {
        return done(call(vsms(), "DefineSystem", {{"SystemSettings", settings_data()}}));
    }
    // Asked of the host, which does it when it is back; the call has failed by then.
    void define_late() {
        hypervisor.do_late("define");
        BOOST_TEST(define_code() == 32777U);
        BOOST_TEST(hypervisor.machines().empty());
    }
    template <class Condition>
    static bool eventually(Condition c) {
        for (int n = 0; n < 1000 && !c(); ++n) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return c();
    }
    // Whether the machine is still there when the service has started again.
    bool stays_after_restart() {
        recover(services);
        return hypervisor.machine(guid) != nullptr;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(made_late, Late)

BOOST_AUTO_TEST_CASE(what_a_host_makes_after_the_call_failed_goes_when_it_shows) {
    const auto watching = watch(services);
    define_late();
    hypervisor.set_connected(true);
    BOOST_TEST(eventually([&] { return hypervisor.calls("forget") == 1U && hypervisor.machines().empty(); }));
    BOOST_TEST_REQUIRE(eventually([&] { return jobs.unfinished() == 0U; }));
    // A machine of the same identifier that was made since is another one.
    BOOST_TEST(define_code() == 0U);
    BOOST_TEST(store->count("made_late").value_or(9) == 0U);
    hypervisor.set_connected(false);
    hypervisor.set_connected(true);
    BOOST_TEST_REQUIRE(eventually([&] { return jobs.unfinished() == 0U; }));
    BOOST_TEST(stays_after_restart());
}

BOOST_AUTO_TEST_CASE(a_restart_does_not_forget_what_a_host_may_make_yet) {
    define_late();
    hypervisor.set_connected(true);  // nobody watches
    BOOST_TEST_REQUIRE(hypervisor.machine(guid));
    BOOST_TEST(!stays_after_restart());
}

BOOST_AUTO_TEST_CASE(a_late_machine_that_somebody_uses_or_changed_stays) {
    const auto shows = [&] {
        hypervisor.remove_behind_back(guid);
        define_late();
        hypervisor.set_connected(true);
    };
    shows();
    BOOST_TEST_REQUIRE(hypervisor.start({}, guid).ok());
    BOOST_TEST(stays_after_restart());
    BOOST_TEST_REQUIRE(hypervisor.save({}, guid).ok());
    BOOST_TEST(stays_after_restart());
    BOOST_TEST_REQUIRE(hypervisor.discard_saved_state({}, guid).ok());

    shows();
    auto changed = hypervisor.machine(guid)->spec;
    changed.memory_mib *= 2;
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, changed).ok());
    BOOST_TEST(stays_after_restart());

    shows();
    backend::SnapshotRequest request;
    request.machine = guid;
    request.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, request).ok());
    BOOST_TEST(stays_after_restart());

    // Made by somebody else at another time.
    hypervisor.remove_behind_back(guid);
    define_late();
    backend::MachineSpec others;
    others.uuid = guid;
    others.name = "others";
    BOOST_TEST_REQUIRE(second.define({}, others).ok());
    recover(services);
    BOOST_TEST(second.machine(guid));
}

BOOST_AUTO_TEST_CASE(a_call_that_certainly_did_nothing_is_not_noted) {
    hypervisor.fail_next("define", Error(Status::invalid_parameter, "test", "No."));
    BOOST_TEST(define_code() == 32773U);
    BOOST_TEST(store->count("made_late").value_or(9) == 0U);
    hypervisor.fail_next("define", Error(Status::timed_out, "test", "Too late."));
    BOOST_TEST(define_code() == 32772U);
    BOOST_TEST(store->count("made_late").value_or(9) == 1U);
}

// The last step of realizing a planned system is what makes the machine whole; the planned system stays.
BOOST_AUTO_TEST_CASE(a_realized_system_that_a_host_finishes_late_goes) {
    const auto watching = watch(services);
    BOOST_TEST_REQUIRE(done(call(vsms(), "DefinePlannedSystem", {{"SystemSettings", settings_data()}})) ==
                       0U);
    const Given planned{{"PlannedSystem", Value(vs::system_path("Msvm_PlannedComputerSystem", guid))}};
    hypervisor.do_late("redefine");
    BOOST_TEST(done(call(vsms(), "RealizePlannedSystem", planned)) == 32777U);
    hypervisor.set_connected(true);
    BOOST_TEST(eventually([&] { return hypervisor.calls("forget") >= 2U && jobs.unfinished() == 0U; }));
    BOOST_TEST(hypervisor.machines().empty());
    BOOST_TEST(vs::PlannedSystems(services).all().size() == 1U);
    BOOST_TEST(done(call(vsms(), "RealizePlannedSystem", planned)) == 0U);
    BOOST_TEST(hypervisor.machines().size() == 1U);
}

// The service was ended while the host was silent, and so the job is one that failed.
BOOST_AUTO_TEST_CASE(what_a_service_that_was_ended_asked_for_goes_when_it_shows) {
    hypervisor.hold("define");
    const auto r = call(vsms(), "DefineSystem", {{"SystemSettings", settings_data()}});
    BOOST_TEST(World::code(r) == 4096U);
    BOOST_TEST_REQUIRE(eventually([&] { return hypervisor.calls("define") == 1U; }));
    const auto rows = store->list("job");
    hypervisor.set_connected(false);
    hypervisor.release("define");
    BOOST_TEST(done(r) == 32777U);

    hypervisor.set_connected(true);
    backend::MachineSpec spec;
    spec.uuid = guid;
    spec.name = "late";
    BOOST_TEST_REQUIRE(hypervisor.define({}, spec).ok());
    const auto created = hypervisor.machine(guid);
    // Long after it was asked for it may have been in use.
    for (const bool long_ago : {true, false}) {
        auto copy = std::move(*Store::open(":memory:"));
        for (const auto& row : *rows) {
            auto job = job_from_text(row.text);
            if (long_ago) job->submitted = DateTime::timestamp(job->submitted.microseconds() - 3'600'000'000);
            BOOST_TEST_REQUIRE(copy->put("job", row.key, job_to_text(*job)).ok());
        }
        JobManager again(*copy, {});
        Services now{shipped_schema(), hypervisor, again, *copy, services.host, services.hosts, nullptr};
        hypervisor.remove_behind_back(guid);
        recover(now);
        {
            const auto watching = watch(now);
            hypervisor.show(*created);
            BOOST_TEST(eventually([&] { return again.unfinished() == 0U; }));
            BOOST_TEST((hypervisor.machine(guid) != nullptr) == long_ago);
        }
        again.stop();
    }
}

// Not only at a start: a service may run for long.
BOOST_AUTO_TEST_CASE(what_no_host_makes_any_more_is_forgotten_while_the_service_runs) {
    const auto days_ago = std::to_string(vs::now_us() - 2 * 24 * 3600 * std::int64_t{1'000'000});
    const auto old = [&] { return store->get("made_late", "OLD")->has_value(); };
    const auto note_old = [&] {
        BOOST_TEST_REQUIRE(store->put("made_late", "OLD", days_ago + ' ' + days_ago + " 0 0").ok());
    };
    note_old();
    second.set_connected(false);  // it may have made it, and has not been heard of
    hypervisor.fail_next("define", Error(Status::failed, "test", "Not now."));
    BOOST_TEST(define_code() != 0U);
    BOOST_TEST(old());
    second.set_connected(true);
    hypervisor.fail_next("define", Error(Status::failed, "test", "Not now."));
    BOOST_TEST(define_code() != 0U);
    BOOST_TEST(!old());
    note_old();
    const auto watching = watch(services);
    BOOST_TEST(!old());
}

BOOST_AUTO_TEST_CASE(what_was_made_goes_before_it_is_forgotten) {
    const auto then = vs::now_us() - 2 * 24 * 3600 * std::int64_t{1'000'000};
    backend::Machine made;
    made.spec.uuid = make_guid();
    made.spec.name = "made";
    made.created_us = made.config_changed_us = then;
    const auto row = std::to_string(then - 1) + ' ' + std::to_string(then + 1) + " 0 0";
    BOOST_TEST_REQUIRE(store->put("made_late", made.spec.uuid, row).ok());
    second.set_connected(false);
    second.show(made);
    const auto watching = watch(services);
    second.set_connected(true);
    BOOST_TEST(eventually([&] { return !second.machine(made.spec.uuid); }));
}

BOOST_AUTO_TEST_SUITE_END()
