// A machine that others have moved with its definition left behind: two hosts have it, and it is where it is
// not off. Its disks have one user, so nothing starts it on the other host or touches its disks there.
#include <atomic>
#include <boost/test/unit_test.hpp>

#include "backend/cluster.hpp"
#include "backend/place_sight.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/recovery.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

namespace {

// Its machines go while somebody looks: they are there for so many questions yet.
struct Fleeting : testing::FakeHypervisor {
    using FakeHypervisor::FakeHypervisor;
    mutable std::atomic<unsigned> answers = ~0U;
    std::shared_ptr<const backend::Machine> machine(std::string_view uuid) const override {
        unsigned left = answers;
        while (left != 0 && left != ~0U && !answers.compare_exchange_weak(left, left - 1)) continue;
        return left == 0 ? nullptr : FakeHypervisor::machine(uuid);
    }
};

constexpr const char* cluster_v2 = "root/HyperVCluster/v2";

struct Fixture : TwoHosts {
    std::unique_ptr<backend::Hypervisor> all =
        backend::make_cluster({{"testhost", &hypervisor}, {"hvB", &second}});
    Services over_all = cluster_services(services, *all);
    std::string guid = machine("twice");
    std::vector<std::shared_ptr<void>> watched;

    Fixture() {
        om.serve_apart(cluster_v2, over_all, provider_registry());
        BOOST_TEST_REQUIRE(second.define({}, hypervisor.machine(guid)->spec).ok());
    }
    MethodResult call_there(ObjectPath target, const char* method, const Given& in) {
        target.set_name_space(cluster_v2);
        Arguments arguments;
        for (const auto& [name, v] : in) arguments.set(name, v);
        const Request there{admin, *shipped_schema().find(cluster_v2), Clock::time_point::max(), {}, "test",
                            ""};
        auto r = om.invoke(there, target, method, std::move(arguments));
        BOOST_TEST_REQUIRE(r.ok(), (r ? "" : r.error().full_text()));
        return std::move(*r);
    }
    MethodResult state_there(unsigned state) {
        return call_there(vs::system_path("Msvm_ComputerSystem", guid), "RequestStateChange",
                          {{"RequestedState", state}});
    }
    MethodResult move_disk_there() {
        return call_there(service(), "MigrateVirtualSystemToHost",
                          {{"ComputerSystem", system(guid)},
                           {"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                           {"NewResourceSettingData", disk_at((folder / "disks" / "new.qcow2").string())}});
    }
    // This host's definition shows a later change than the other's, as first looks after a start may.
    void seems_later_here() {
        auto m = *hypervisor.machine(guid);
        m.state_since_us = second.machine(guid)->state_since_us + 1'000'000;
        hypervisor.remove_behind_back(guid);
        hypervisor.show(m);
    }
    // Of what an earlier service was told only what it has written down is known.
    void restart() {
        watched.clear();
        for (auto* h : {&hypervisor, &second}) {
            h->set_last_here(guid, false);
            h->knows_no_past(true);
        }
        if (second.machine(guid)) seems_later_here();
        recover(services);
        watched = watch(services);
    }
    // In the other host: running, paused, saved.
    void there(MachineState s) {
        BOOST_TEST_REQUIRE(second.start({}, guid).ok());
        if (s == MachineState::paused) BOOST_TEST_REQUIRE(second.suspend({}, guid).ok());
        if (s == MachineState::saved) BOOST_TEST_REQUIRE(second.save({}, guid).ok());
    }
    // Together with the end of the service: the next one has not heard of that host.
    void falls_silent() {
        watched.clear();
        second.set_connected(false);
        second.remove_behind_back(guid);
    }
    void runs_there_and_falls_silent() {
        watched = watch(services);
        there(MachineState::running);
        falls_silent();
    }
    void is_seen_there_as(MachineState s) {
        BOOST_TEST(all->machine(guid)->host == "hvB");
        BOOST_TEST((all->machine(guid)->state == s));
        BOOST_TEST_REQUIRE(all->machines().size() == 1U);
        BOOST_TEST(all->machines()[0]->host == "hvB");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(two_places, Fixture)

BOOST_AUTO_TEST_CASE(it_is_where_it_is_not_off) {
    BOOST_TEST(all->machine(guid)->host == "hvB");  // both off: where it changed last
    for (const auto state : {MachineState::running, MachineState::paused, MachineState::saved}) {
        there(state);
        is_seen_there_as(state);
        BOOST_TEST(done(state_there(3)) == 0U, last_text);
    }
}

BOOST_AUTO_TEST_CASE(it_goes_on_where_it_is) {
    for (const auto state : {MachineState::paused, MachineState::saved}) {
        there(state);
        BOOST_TEST(done(state_there(2)) == 0U, last_text);
        is_seen_there_as(MachineState::running);
        BOOST_TEST((hypervisor.machine(guid)->state == MachineState::off));
        BOOST_TEST(second.power_off({}, guid).ok());
    }
    BOOST_TEST(hypervisor.calls("start") == 0U);
}

// Also for the service of the one host, which shows the definition that was left.
BOOST_AUTO_TEST_CASE(a_definition_that_was_left_behind_is_not_started) {
    for (const auto state : {MachineState::running, MachineState::paused, MachineState::saved}) {
        there(state);
        const auto r = request_state(guid, 2);
        BOOST_TEST(code(r) == 32775U);
        BOOST_TEST(text_of(r).find("hvB") != std::string::npos, text_of(r));
        BOOST_TEST(second.power_off({}, guid).ok() == (state != MachineState::saved));
    }
    BOOST_TEST(hypervisor.calls("start") == 0U);
    BOOST_TEST(second.discard_saved_state({}, guid).ok());
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(nor_is_it_resumed_while_it_runs_elsewhere) {
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
    BOOST_TEST(done(request_state(guid, 9)) == 0U, last_text);
    there(MachineState::running);
    BOOST_TEST(code(request_state(guid, 2)) == 32775U);
    BOOST_TEST(second.suspend({}, guid).ok());  // as a half one that a migration has begun
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(its_disks_move_only_where_it_is) {
    for (const auto state : {MachineState::running, MachineState::paused, MachineState::saved}) {
        there(state);
        const auto r = to_host(guid,
                               {{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                                {"NewResourceSettingData", disk_at((folder / "disks" / "n.qcow2").string())}},
                               nullptr);
        BOOST_TEST(code(r) == 32775U);
        BOOST_TEST(text_of(r).find("hvB") != std::string::npos, text_of(r));
        BOOST_TEST(code(move_disk_there()) == 32770U);  // it is over there, whose files are not ours
        BOOST_TEST(second.power_off({}, guid).ok() == (state != MachineState::saved));
    }
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

// Which is not the same as this host's of that name.
BOOST_AUTO_TEST_CASE(it_is_given_no_disk_that_a_machine_beside_it_has) {
    const auto drive = drive_of(guid);
    const auto path = image("beside.qcow2");
    BOOST_TEST_REQUIRE(second.redefine({}, hypervisor.machine(guid)->spec).ok());
    backend::MachineSpec beside;
    beside.uuid = make_guid();
    beside.name = "beside";
    beside.disks = {backend::Disk{}};
    beside.disks[0].path = path;
    BOOST_TEST_REQUIRE(second.define({}, beside).ok());
    second.has_own_files(true);
    there(MachineState::saved);
    BOOST_TEST(second.discard_saved_state({}, guid).ok());
    const auto added = [&] {
        return done(call_there(vsms(), "AddResourceSettings",
                               {{"AffectedConfiguration", Value(settings_of(guid))},
                                {"ResourceSettings", list({disk_in(drive, path)})}}));
    };
    BOOST_TEST(added() == 32774U, last_text);
    BOOST_TEST(second.undefine({}, beside.uuid).ok());
    BOOST_TEST(added() == 0U, last_text);
}

// Its disks are being written over there.
BOOST_AUTO_TEST_CASE(nor_is_it_exported_or_given_snapshots) {
    const auto snapshot = hypervisor.snapshot({}, {guid, make_guid(), false, false, "before", {}});
    BOOST_TEST_REQUIRE(snapshot.ok());
    const Value kept(vs::setting_path("Msvm_VirtualSystemSettingData",
                                      vs::setting_id(hypervisor.machine(guid)->snapshots.at(0).id)));
    const auto snapshots = vs::service_path("testhost", "Msvm_VirtualSystemSnapshotService", "vssnapsvc");
    const auto refused = [&](const ObjectPath& target, const char* method, const Given& in) {
        const auto r = call(target, method, in);
        BOOST_TEST(code(r) == 32775U, method);
        BOOST_TEST(text_of(r).find("hvB") != std::string::npos, text_of(r));
    };
    for (const auto state : {MachineState::running, MachineState::paused, MachineState::saved}) {
        there(state);
        refused(snapshots, "CreateSnapshot", {{"AffectedSystem", system(guid)}, {"SnapshotType", 2U}});
        refused(snapshots, "ApplySnapshot", {{"Snapshot", kept}});
        refused(snapshots, "DestroySnapshot", {{"AffectedSnapshot", kept}});
        refused(vsms(), "ExportSystemDefinition",
                {{"ComputerSystem", system(guid)}, {"ExportDirectory", (folder / "exports").string()}});
        BOOST_TEST(second.power_off({}, guid).ok() == (state != MachineState::saved));
    }
    BOOST_TEST(hypervisor.machine(guid)->snapshots.size() == 1U);
    BOOST_TEST(second.discard_saved_state({}, guid).ok());
    BOOST_TEST(done(call(snapshots, "DestroySnapshot", {{"AffectedSnapshot", kept}})) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(nor_does_what_was_left_go_to_a_third_host) {
    testing::FakeHypervisor third{"hvC"};
    add_host(third);
    there(MachineState::saved);
    for (const unsigned type : {32768U, 32771U})
        BOOST_TEST(code(to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", type}})}},
                                "hvC")) == 32775U);
    BOOST_TEST(third.machines().empty());
}

// What it was when it last answered is all that is known.
BOOST_AUTO_TEST_CASE(a_silent_host_may_run_it_yet) {
    there(MachineState::running);
    second.set_connected(false);
    BOOST_TEST(all->machine(guid)->host == "testhost");
    const auto r = state_there(2);
    BOOST_TEST(code(r) == 32775U);
    BOOST_TEST(text_of(r).find("last answered") != std::string::npos, text_of(r));
}

// The machine has stayed here; what the migration had begun there goes when that host answers.
BOOST_AUTO_TEST_CASE(what_a_migration_has_left_does_not_hold_it_up) {
    there(MachineState::paused);
    second.set_connected(false);
    BOOST_TEST(code(request_state(guid, 2)) == 32775U);
    BOOST_TEST_REQUIRE(store->put("migration_left", guid + " hvB", "testhost\nhvB\n1 at_destination").ok());
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(where_it_was_last_holds_over_a_restart) {
    watched = watch(services);
    for (const auto state : {MachineState::running, MachineState::saved}) {
        there(state);
        BOOST_TEST(
            (state == MachineState::saved ? second.discard_saved_state({}, guid) : second.power_off({}, guid))
                .ok());
        restart();
        is_seen_there_as(MachineState::off);
    }
    BOOST_TEST(done(state_there(2)) == 0U, last_text);
    BOOST_TEST(hypervisor.calls("start") == 0U);
    BOOST_TEST(second.power_off({}, guid).ok());
    // Somebody brings it back: what was left over there is the older one from then on.
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
    BOOST_TEST(hypervisor.power_off({}, guid).ok());
    restart();
    BOOST_TEST(all->machine(guid)->host == "testhost");
    BOOST_TEST(store->count("last_place").value_or(9) == 1U);
    BOOST_TEST(second.undefine({}, guid).ok());
    BOOST_TEST(store->count("last_place").value_or(9) == 0U);
}

// Of what was left behind, by whoever asks for it.
BOOST_AUTO_TEST_CASE(a_start_that_fails_does_not_make_a_host_the_one_that_it_was_on_last) {
    watched = watch(services);
    there(MachineState::running);
    BOOST_TEST(second.power_off({}, guid).ok());
    for (int times = 0; times < 2; ++times) {
        hypervisor.fail_to_start(guid);
        is_seen_there_as(MachineState::off);
        restart();
        is_seen_there_as(MachineState::off);
    }
    BOOST_TEST(hypervisor.start({}, guid).ok());
    BOOST_TEST(hypervisor.power_off({}, guid).ok());
    restart();
    BOOST_TEST(all->machine(guid)->host == "testhost");
}

BOOST_AUTO_TEST_CASE(what_goes_between_two_looks_was_there_at_one_of_them) {
    Fleeting third{"hvC"};
    add_host(third);
    BOOST_TEST_REQUIRE(third.define({}, hypervisor.machine(guid)->spec).ok());
    watched = watch(services);
    for (unsigned answers = 0; answers < 8; ++answers) {
        third.answers = ~0U;
        BOOST_TEST(third.start({}, guid).ok());
        BOOST_TEST(third.power_off({}, guid).ok());
        BOOST_TEST(backend::was_last_on(third, guid));
        third.answers = answers;
        there(MachineState::running);  // whoever hears of it looks at all
        BOOST_TEST(backend::was_last_on(second, guid));
        BOOST_TEST(!backend::was_last_on(third, guid));
        BOOST_TEST(second.power_off({}, guid).ok());
        third.answers = answers;
        BOOST_TEST(
            migration_service::check_only_here(services, guid, migration_service::Elsewhere::off).ok());
    }
}

// The host may fall silent in it, and do it all the same.
BOOST_AUTO_TEST_CASE(a_start_counts_from_its_beginning_until_it_has_failed_for_certain) {
    watched = watch(services);
    there(MachineState::running);
    BOOST_TEST(second.power_off({}, guid).ok());
    const auto noted_place = [&] {
        const auto row = store->get("last_place", to_upper(guid));
        return row && *row ? **row : std::string();
    };
    BOOST_TEST(noted_place() == "hvB");
    const auto off = *hypervisor.machine(guid);
    auto starting = off;
    starting.state = MachineState::starting;
    hypervisor.change_behind_back(starting);
    BOOST_TEST(noted_place() == "testhost");
    hypervisor.set_connected(false);
    hypervisor.change_behind_back(off);
    BOOST_TEST(noted_place() == "testhost");
    hypervisor.set_connected(true);
    BOOST_TEST(noted_place() == "hvB");
}

// It was moved while it was off, and is seen to come.
BOOST_AUTO_TEST_CASE(what_comes_while_the_service_looks_came_last) {
    watched = watch(services);
    BOOST_TEST(second.undefine({}, guid).ok());
    BOOST_TEST(second.define({}, hypervisor.machine(guid)->spec).ok());
    restart();
    is_seen_there_as(MachineState::off);
}

// Either could be the older one.
BOOST_AUTO_TEST_CASE(it_is_not_started_where_nobody_knows_where_it_was) {
    restart();
    BOOST_TEST(code(state_there(2)) == 32775U);
    for (const char* name : {"testhost", "hvB"})
        BOOST_TEST(text_of(state_there(2)).find(name) != std::string::npos, text_of(state_there(2)));
    BOOST_TEST(hypervisor.calls("start") + second.calls("start") == 0U);
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);  // who asks this host's service says which
    BOOST_TEST(hypervisor.power_off({}, guid).ok());
    restart();
    BOOST_TEST(done(state_there(2)) == 0U, last_text);
}

// It may run there, and this service has not heard of that host yet.
BOOST_AUTO_TEST_CASE(it_is_not_started_while_the_host_that_it_was_on_is_silent) {
    runs_there_and_falls_silent();
    restart();
    for (const auto& r : {state_there(2), request_state(guid, 2)}) {
        BOOST_TEST(code(r) == 32775U);
        BOOST_TEST(text_of(r).find("hvB") != std::string::npos, text_of(r));
    }
    BOOST_TEST(hypervisor.calls("start") == 0U);
    services.hosts.pop_back();  // it is gone for good
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
}

// It may be written there.
BOOST_AUTO_TEST_CASE(nor_do_its_disks_move_while_that_host_is_silent) {
    runs_there_and_falls_silent();
    restart();
    const auto r = to_host(guid,
                           {{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                            {"NewResourceSettingData", disk_at((folder / "disks" / "n.qcow2").string())}},
                           nullptr);
    BOOST_TEST(code(r) == 32775U);
    BOOST_TEST(text_of(r).find("hvB") != std::string::npos, text_of(r));
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

// Whatever a silent host has, it is older.
BOOST_AUTO_TEST_CASE(where_it_is_seen_to_run_it_was_last) {
    watched = watch(services);
    there(MachineState::running);
    BOOST_TEST(second.power_off({}, guid).ok());
    auto old = *second.machine(guid);
    falls_silent();
    restart();
    BOOST_TEST(hypervisor.start({}, guid).ok());  // by others
    BOOST_TEST(hypervisor.power_off({}, guid).ok());
    BOOST_TEST(done(request_state(guid, 2)) == 0U, last_text);
    BOOST_TEST(hypervisor.power_off({}, guid).ok());
    old.state_since_us = hypervisor.machine(guid)->state_since_us + 1'000'000;  // first seen now
    second.show(old);
    second.set_connected(true);
    BOOST_TEST(all->machine(guid)->host == "testhost");
}

// A migration to here, say, that was cut off together with the service.
BOOST_AUTO_TEST_CASE(what_stands_still_here_may_run_on_the_silent_host) {
    runs_there_and_falls_silent();
    BOOST_TEST(hypervisor.start({}, guid).ok());
    BOOST_TEST(hypervisor.suspend({}, guid).ok());
    restart();
    BOOST_TEST(hypervisor.power_off({}, guid).ok());
    const auto r = request_state(guid, 2);
    BOOST_TEST(code(r) == 32775U);
    BOOST_TEST(text_of(r).find("hvB") != std::string::npos, text_of(r));
}

BOOST_AUTO_TEST_SUITE_END()
