// What an export has noted of a machine that it holds counts for no longer than it is true.
#include <sqlite3.h>

#include <functional>
#include <thread>

#include "base/text.hpp"
#include "cim/providers/recovery.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;
namespace fs = std::filesystem;

namespace {

struct Notes : TwoHosts {
    std::size_t noted() const {
        return store->count("export_held").value_or(9) + store->count("export_left").value_or(9);
    }
    template <class Condition>
    static bool eventually(Condition c) {
        for (int n = 0; n < 1000 && !c(); ++n) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return c();
    }
    MachineState state(const std::string& guid) const { return hypervisor.machine(guid)->state; }
    void come_back() {
        hypervisor.set_connected(false);
        hypervisor.set_connected(true);
    }
    // That an export has left so, and whose restoring somebody has cancelled.
    std::string left(const std::string& note, const std::string& name) {
        const auto guid = machine(name);
        start(guid);
        const bool saved = note.ends_with("saved");
        BOOST_TEST_REQUIRE((saved ? hypervisor.save({}, guid) : hypervisor.suspend({}, guid)).ok());
        BOOST_TEST_REQUIRE(store->put("export_left", guid, note).ok());
        const auto held = jobs.lock(guid);
        BOOST_TEST_REQUIRE(held.ok());
        come_back();
        for (const auto& j : jobs.all())
            if (j.caption == "Restoring Virtual Machine" && !job_ended(j.state)) {
                BOOST_TEST_REQUIRE(jobs.request_stop(j.instance_id, false).ok());
                BOOST_TEST_REQUIRE(jobs.wait(j.instance_id, std::chrono::seconds(10)).has_value());
            }
        BOOST_TEST(noted() == 1U);
        return guid;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(export_notes, Notes)

// As on a full disk, which has room again when the half export is gone.
BOOST_AUTO_TEST_CASE(a_note_that_could_not_be_removed_is_when_the_export_has_failed) {
    const auto guid = machine();
    start(guid);
    const auto file = folder / "full.db";
    auto full = std::move(*Store::open(file));
    sqlite3* db = nullptr;
    BOOST_TEST_REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    const auto* const fails_once =
        "CREATE TABLE failed(n);"
        "CREATE TRIGGER no_room BEFORE DELETE ON documents WHEN OLD.kind = 'export_held' AND "
        "NOT EXISTS(SELECT n FROM failed) "
        "BEGIN INSERT INTO failed VALUES(1); SELECT RAISE(FAIL, 'It is full.'); END";
    BOOST_TEST_REQUIRE(sqlite3_exec(db, fails_once, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    Services now{shipped_schema(), hypervisor, jobs, *full, services.host, services.hosts, nullptr};
    ObjectManager manager(shipped_schema(), now, provider_registry());
    fs::create_directories(folder / "export");
    Arguments in;
    in.set("ComputerSystem", system(guid));
    in.set("ExportDirectory", Value((folder / "export").string()));
    in.set("ExportSettingData",
           Value(make("Msvm_VirtualSystemExportSettingData", {{"CaptureLiveState", 0U}})));
    const auto r = manager.invoke(request(), vsms(), "ExportSystemDefinition", std::move(in));
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(done(*r) == 32768U);
    BOOST_TEST(last_text.find("state database") != std::string::npos, last_text);
    BOOST_CHECK(state(guid) == MachineState::running);
    BOOST_TEST(hypervisor.calls("resume") == 1U);
    BOOST_TEST(fs::is_empty(folder / "export"));
    BOOST_TEST(full->count("export_held").value_or(9) == 0U);
}

BOOST_AUTO_TEST_CASE(what_somebody_has_changed_since_is_not_undone) {
    using enum MachineState;
    const auto watched = watch(services);
    const auto asked = [this](unsigned state) {
        return [this, state](const std::string& guid) { return done(request_state(guid, state)) == 0; };
    };
    const auto by_others = [this](auto act) {
        return [this, act](const std::string& guid) { return (hypervisor.*act)({}, guid).ok(); };
    };
    using Fake = testing::FakeHypervisor;
    const auto resumed = by_others(&Fake::resume), started = by_others(&Fake::start),
               paused_again = by_others(&Fake::suspend), saved_again = by_others(&Fake::save),
               ended = by_others(&Fake::power_off);
    struct Case {
        std::string note;
        std::vector<std::function<bool(const std::string&)>> acts;
        MachineState then;
    };
    unsigned n = 0;
    for (const auto& c :
         {Case{"running, paused", {asked(2), paused_again}, paused},
          Case{"running, paused", {resumed, asked(9)}, paused},
          Case{"running, paused", {resumed, paused_again}, paused}, Case{"running, paused", {asked(3)}, off},
          Case{"running, saved", {asked(2), saved_again}, saved},
          Case{"running, saved", {started, saved_again}, saved},
          Case{"running, saved", {asked(3), started, ended, started, saved_again}, saved},
          Case{"running, paused", {asked(6)}, saved}, Case{"paused, saved", {started, saved_again}, saved}}) {
        const auto guid = left(c.note, "m" + std::to_string(n++));
        for (const auto& act : c.acts) BOOST_TEST_REQUIRE(act(guid));
        BOOST_TEST(noted() == 0U, c.note << ", case " << n);
        come_back();
        BOOST_TEST_REQUIRE(eventually([&] { return jobs.unfinished() == 0U; }));
        BOOST_CHECK(state(guid) == c.then);
        BOOST_TEST_REQUIRE(store->erase("export_left", guid).ok());
    }
}

// Its guest waits for that.
BOOST_AUTO_TEST_CASE(a_frozen_machine_that_somebody_resumes_is_thawed) {
    const auto watched = watch(services);
    unsigned n = 0;
    for (const bool by_others : {true, false}) {
        const auto guid = left("running, frozen", "m" + std::to_string(n++));
        const bool resumed = by_others ? hypervisor.resume({}, guid).ok() : done(request_state(guid, 2)) == 0;
        BOOST_TEST_REQUIRE(resumed);
        BOOST_TEST(eventually([&] { return noted() == 0U; }));
        BOOST_TEST(hypervisor.calls("thaw") == n);
    }
}

// It stays as somebody has left it, but its guest waits all the same.
BOOST_AUTO_TEST_CASE(a_frozen_machine_that_somebody_saves_is_thawed_when_it_runs_again) {
    const auto watched = watch(services);
    const auto guid = left("running, frozen", "saved");
    BOOST_TEST(done(request_state(guid, 6)) == 0U);
    BOOST_TEST(noted() == 1U);
    come_back();
    recover(services);
    BOOST_TEST_REQUIRE(eventually([&] { return jobs.unfinished() == 0U; }));
    BOOST_CHECK(state(guid) == MachineState::saved);
    BOOST_TEST(hypervisor.calls("thaw") == 0U);
    BOOST_TEST(done(request_state(guid, 2)) == 0U);
    BOOST_TEST(eventually([&] { return noted() == 0U; }));
    BOOST_TEST(hypervisor.calls("thaw") == 1U);
    BOOST_CHECK(state(guid) == MachineState::running);
}

BOOST_AUTO_TEST_CASE(a_frozen_machine_that_is_off_or_goes_back_needs_no_thaw) {
    const auto watched = watch(services);
    const auto off = left("running, frozen", "off");
    BOOST_TEST(done(request_state(off, 6)) == 0U);
    BOOST_TEST(noted() == 1U);
    BOOST_TEST(hypervisor.discard_saved_state({}, off).ok());  // as virsh does
    BOOST_TEST(eventually([&] { return noted() == 0U; }));
    const auto back = left("running, frozen", "back");
    backend::SnapshotRequest taken;
    taken.machine = back;
    taken.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, taken).ok());
    BOOST_TEST(done(request_state(back, 6)) == 0U);
    const auto snapshots = vs::service_path("testhost", "Msvm_VirtualSystemSnapshotService", "vssnapsvc");
    BOOST_TEST(done(call(snapshots, "ApplySnapshot",
                         {{"Snapshot", Value(vs::setting_path("Msvm_VirtualSystemSettingData",
                                                              vs::setting_id(taken.id)))}})) == 0U,
               last_text);
    if (state(back) == MachineState::off) BOOST_TEST(noted() == 0U);
}

// Whose guest waits is noted of the export itself where there was no room to write down that it has ended.
BOOST_AUTO_TEST_CASE(a_frozen_machine_is_thawed_also_when_only_its_export_is_noted) {
    const auto watched = watch(services);
    const auto guid = machine("noted");
    start(guid);
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    BOOST_TEST_REQUIRE(store->put("export_held", guid, "running, frozen").ok());
    BOOST_TEST(done(request_state(guid, 2)) == 0U);
    BOOST_TEST(eventually([&] { return noted() == 0U; }));
    BOOST_TEST(hypervisor.calls("thaw") == 1U);
}

BOOST_AUTO_TEST_CASE(what_has_failed_or_changes_nothing_forgets_nothing) {
    const auto watched = watch(services);
    const auto guid = left("running, paused", "paused");
    hypervisor.fail_next("save", Error(Status::no_space, "test", "No room."));
    BOOST_TEST(done(request_state(guid, 6)) != 0U);
    BOOST_CHECK(state(guid) == MachineState::paused);
    BOOST_TEST(noted() == 1U);
    come_back();
    BOOST_TEST(eventually([&] { return state(guid) == MachineState::running; }));
    BOOST_TEST(eventually([&] { return noted() == 0U; }));
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_is_applied_stays_as_it_is) {
    const auto watched = watch(services);
    const auto guid = machine("applied");
    start(guid);
    backend::SnapshotRequest taken;
    taken.machine = guid;
    taken.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, taken).ok());
    BOOST_TEST_REQUIRE(hypervisor.save({}, guid).ok());
    BOOST_TEST_REQUIRE(store->put("export_left", guid, "running, saved").ok());
    const auto snapshots = vs::service_path("testhost", "Msvm_VirtualSystemSnapshotService", "vssnapsvc");
    const auto apply = [&] {
        return done(call(snapshots, "ApplySnapshot",
                         {{"Snapshot", Value(vs::setting_path("Msvm_VirtualSystemSettingData",
                                                              vs::setting_id(taken.id)))}}));
    };
    hypervisor.fail_next("revert", Error(Status::invalid_state, "test", "A disk is missing."));
    BOOST_TEST(apply() != 0U);
    BOOST_TEST(noted() == 1U);
    BOOST_TEST(apply() == 0U, last_text);
    BOOST_TEST(noted() == 0U);
    come_back();
    BOOST_TEST_REQUIRE(eventually([&] { return jobs.unfinished() == 0U; }));
    BOOST_CHECK(state(guid) == MachineState::saved);
}

BOOST_AUTO_TEST_CASE(a_machine_that_is_gone_leaves_no_note) {
    const auto watched = watch(services);
    const auto guid = left("running, saved", "gone");
    BOOST_TEST(done(call(vsms(), "DestroySystem", {{"AffectedSystem", system(guid)}})) == 0U, last_text);
    BOOST_TEST(noted() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
