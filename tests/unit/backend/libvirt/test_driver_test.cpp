// The same code against libvirt's test driver, which has machines but no QEMU.
#include "tests/unit/backend/libvirt/test_driver.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <thread>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "base/text.hpp"
#include "support/ok.hpp"
#include "support/random_spec.hpp"
#include "tests/unit/backend/libvirt/libvirt_calls.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using wsvirt::testing::open_test;
using enum MachineState;

BOOST_AUTO_TEST_SUITE(test_driver)

BOOST_AUTO_TEST_CASE(machines_made_by_others_are_there) {
    const auto h = open_test();
    BOOST_TEST(h->connected());
    BOOST_REQUIRE(h->machines().size() == 1u);
    const auto m = h->machines()[0];
    BOOST_TEST(m->spec.name == "test");
    BOOST_TEST((m->state == running));
    BOOST_TEST(h->host().cpus > 0u);
    BOOST_TEST(!h->switches().empty());
}

// Of several hosts that have it off, it is where it was off last.
BOOST_AUTO_TEST_CASE(a_start_that_fails_is_no_change_of_state) {
    const auto h = open_test();
    MachineSpec s;
    s.uuid = make_guid();
    s.name = "does not start";
    OK(h->define({}, s));
    const auto since = h->machine(s.uuid)->state_since_us;
    testing::starts_fail = true;
    BOOST_TEST(!h->start({}, s.uuid).ok());
    testing::starts_fail = false;
    BOOST_TEST(h->machine(s.uuid)->state_since_us == since);
    OK(h->start({}, s.uuid));
    OK(h->power_off({}, s.uuid));
    BOOST_TEST(h->machine(s.uuid)->state_since_us > since);
    OK(h->undefine({}, s.uuid));
}

BOOST_AUTO_TEST_CASE(settings_survive_libvirt) {
    const auto h = open_test();
    std::mt19937 random(3);
    for (int i = 0; i < 40; ++i) {
        MachineSpec s = testing::random_spec(random);
        for (auto& d : s.disks)
            if (d.format == "vhdx") d.format = "raw";
        OK(h->define({}, s));
        BOOST_TEST(testing::dump(h->machine(s.uuid)->spec) == testing::dump(s));
        MachineSpec other = testing::random_spec(random);
        other.uuid = s.uuid;
        OK(h->redefine({}, other));
        BOOST_TEST(testing::dump(h->machine(s.uuid)->spec) == testing::dump(other));
        OK(h->undefine({}, s.uuid));
        BOOST_TEST(!h->machine(s.uuid));
    }
}

// Memory that a snapshot had, on a host that does not remove it now. Whoever holds the note of the removal
// removes that.
BOOST_AUTO_TEST_CASE(memory_that_outlives_its_machine_stays_noted) {
    namespace fs = std::filesystem;
    const fs::path state = fs::temp_directory_path() / ("wsvirt-outlives-" + std::to_string(::getpid()));
    const auto folder = state / "unfinished-snapshots";
    const auto h = open_test(state.string());
    MachineSpec spec;
    spec.uuid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A02";
    spec.name = "outlived";
    OK(h->define({}, spec));
    SnapshotRequest r;
    r.machine = spec.uuid;
    r.id = make_guid();
    OK(h->snapshot({}, r));
    const libvirt::ConnectHandle c(virConnectOpen("test:///default"));
    const libvirt::DomainHandle d(virDomainLookupByUUIDString(c.get(), spec.uuid.c_str()));
    const libvirt::SnapshotHandle s(virDomainSnapshotLookupByName(d.get(), r.id.c_str(), 0));
    libvirt::SnapshotNote note;
    note.created_us = 1;
    note.saved_file = "in no folder";  // so that it cannot be looked for
    const auto xml = libvirt::with_note(libvirt::take(virDomainSnapshotGetXMLDesc(s.get(), 0)), note);
    OK(xml);
    constexpr unsigned again = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT;
    BOOST_REQUIRE(libvirt::SnapshotHandle(virDomainSnapshotCreateXML(d.get(), xml->c_str(), again)));
    OK(h->undefine({}, spec.uuid));
    BOOST_TEST(!h->machine(spec.uuid));
    std::vector<libvirt::Unfinished> left;
    for (const auto& file : fs::directory_iterator(folder)) left.push_back(libvirt::read_unfinished(file));
    BOOST_TEST_REQUIRE(left.size() == 1U);
    BOOST_TEST(left[0].host == "here");
    BOOST_TEST(left[0].machine == spec.uuid);
    BOOST_TEST_REQUIRE(left[0].files.size() == 1U);
    BOOST_TEST(left[0].files[0] == note.saved_file);
    BOOST_TEST(!left[0].removed);
    fs::remove_all(state);
}

BOOST_AUTO_TEST_CASE(two_callers_cannot_make_the_same_machine) {
    const auto h = open_test();
    std::mt19937 random(5);
    const MachineSpec s = testing::random_spec(random);
    std::atomic<int> made{0}, refused{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&] {
                auto r = h->define({}, s);
                if (r)
                    ++made;
                else if (r.error().status == Status::already_exists)
                    ++refused;
            });
    }
    BOOST_TEST(made == 1);
    BOOST_TEST(refused == 7);
    OK(h->undefine({}, s.uuid));
}

BOOST_AUTO_TEST_CASE(a_host_that_is_not_there_is_reported) {
    libvirt::Settings s;
    s.uri = "qemu+tcp://127.0.0.1:1/system";
    s.open_limit = std::chrono::seconds(1);
    const auto began = std::chrono::steady_clock::now();
    auto h = libvirt::open_libvirt(s);
    BOOST_REQUIRE(!h);
    BOOST_TEST((h.error().status == Status::unavailable));
    BOOST_TEST((h.error().detail.find("unable to connect") != std::string::npos));
    BOOST_TEST((std::chrono::steady_clock::now() - began >= s.open_limit));  // it may come yet
    s.start_disconnected = true;
    s.open_limit = std::chrono::seconds(30);
    auto later = libvirt::open_libvirt(s);
    BOOST_REQUIRE(later);
    BOOST_TEST(!(*later)->connected());
    Call c;
    c.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    auto r = (*later)->start(c, make_guid());
    BOOST_REQUIRE(!r);
    BOOST_TEST((r.error().status == Status::unavailable));
}

BOOST_AUTO_TEST_CASE(a_call_that_is_cancelled_or_late_does_nothing) {
    const auto h = open_test();
    std::mt19937 random(6);
    const MachineSpec s = testing::random_spec(random);
    std::stop_source stop;
    stop.request_stop();
    Call c;
    c.stop = stop.get_token();
    auto r = h->define(c, s);
    BOOST_REQUIRE(!r);
    BOOST_TEST((r.error().status == Status::cancelled));
    Call late;
    late.deadline = std::chrono::steady_clock::now();
    r = h->define(late, s);
    BOOST_REQUIRE(!r);
    BOOST_TEST((r.error().status == Status::timed_out));
    BOOST_TEST(!h->machine(s.uuid));
}

BOOST_AUTO_TEST_SUITE_END()
