// What a migration has left, when the machine has gone on by the time that it is cleared up: to a third host,
// into another state, or away altogether.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "backend/cluster.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/gone_on.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

BOOST_FIXTURE_TEST_SUITE(migration_gone_on, GoneOn)

// Its disk lies where hvC sees it as well. Of two that are off nobody knows which has been used since, unless
// it was certain that it had stayed.
BOOST_AUTO_TEST_CASE(to_a_third_host) {
    for (const auto* rest : {"0", "0 at_destination"})
        for (const bool defined : {false, true}) {
            const bool in_doubt = defined && rest == std::string("0");
            on(third, original);
            if (defined) on(second, copy);
            note(rest);
            clear_up();
            BOOST_TEST(left() == 0U);
            BOOST_TEST(third.machine(guid) != nullptr);
            BOOST_TEST((second.machine(guid) != nullptr) == in_doubt);
            BOOST_TEST(there(copy) == in_doubt);
            if (in_doubt) BOOST_TEST(is_named("Both \"hvC\" and \"hvB\" have the machine"));
            BOOST_TEST(there(original));
            third.remove_behind_back(guid);
            second.remove_behind_back(guid);
            std::ofstream(copy) << "disk";
        }
}

// Which sees the copy as well.
BOOST_AUTO_TEST_CASE(to_a_third_host_with_its_copy) {
    for (const auto* before : {"0", "1"})
        for (const bool at_source : {false, true}) {
            on(third, copy, MachineState::running);
            if (at_source) on(hypervisor, original);
            note(before);
            clear_up();
            BOOST_TEST(left() == 0U);
            BOOST_TEST((third.machine(guid)->state == MachineState::running));
            BOOST_TEST((there(copy) && there(original)));
            BOOST_TEST(is_named(copy));
            third.remove_behind_back(guid);
            hypervisor.remove_behind_back(guid);
        }
}

BOOST_AUTO_TEST_CASE(and_back_with_its_copy) {
    on(hypervisor, copy, MachineState::running);
    note("1");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
    BOOST_TEST(there(copy));
    BOOST_TEST(is_named(copy));
}

// Nobody at the destination stands on what its disk was copied to, and nothing shows who needs the original.
BOOST_AUTO_TEST_CASE(an_original_that_nobody_has_taken_the_place_of_is_named) {
    on(third, copy, MachineState::running);
    on(hypervisor, original);
    note("1 at_source");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(hypervisor.machine(guid) == nullptr);
    BOOST_TEST((there(copy) && there(original)));
    BOOST_TEST(is_named(original));
}

// So that an end in between does not let them go.
BOOST_AUTO_TEST_CASE(that_originals_stay_is_written_down_first) {
    on(hypervisor, original);
    on(second, copy);
    note("3");
    hypervisor.hold("forget_rest");
    const auto watching = cim::watch(services);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (hypervisor.calls("forget_rest") == 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const auto row = store->get("migration_left", std::string(guid) + " hvB").value();
    BOOST_TEST(row->find("at_source") != std::string::npos, *row);
    BOOST_TEST(row->find(original) == std::string::npos, *row);
    hypervisor.release("forget_rest");
    wait_for_all();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((there(original) && is_named(original)));
}

// It would run twice.
BOOST_AUTO_TEST_CASE(what_stands_still_at_the_source_is_not_resumed_then) {
    for (const auto state : {MachineState::running, MachineState::off}) {
        on(hypervisor, original, MachineState::running);
        BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
        on(third, original, state);
        note("1");
        clear_up();
        const bool runs = state == MachineState::running;
        BOOST_TEST(left() == 0U);
        BOOST_TEST(hypervisor.calls("resume") == 0U);
        BOOST_TEST((third.machine(guid)->state == state));
        BOOST_TEST((hypervisor.machine(guid) == nullptr) == runs);
        BOOST_TEST(is_named("resume it when it is certain") == !runs);
        BOOST_TEST(there(original));
        third.remove_behind_back(guid);
    }
}

// It was off, and all of it had arrived; somebody has worked with it since.
BOOST_DATA_TEST_CASE_F(GoneOn, it_is_where_it_has_arrived_whatever_it_did_there,
                       boost::unit_test::data::xrange(4), n) {
    constexpr MachineState states[] = {MachineState::off, MachineState::paused, MachineState::saved,
                                       MachineState::running};
    on(hypervisor, original);
    on(second, copy, MachineState::running);
    if (states[n] == MachineState::off) BOOST_TEST_REQUIRE(second.power_off({}, guid).ok());
    if (states[n] == MachineState::paused) BOOST_TEST_REQUIRE(second.suspend({}, guid).ok());
    if (states[n] == MachineState::saved) BOOST_TEST_REQUIRE(second.save({}, guid).ok());
    note("3");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST((second.machine(guid)->state == states[n]));
    BOOST_TEST(there(copy));
    BOOST_TEST(hypervisor.machine(guid) == nullptr);
    // Where it was off on both nobody saw which was used last.
    BOOST_TEST(there(original) == (states[n] == MachineState::off));
    BOOST_TEST(is_named(original) == (states[n] == MachineState::off));
}

BOOST_DATA_TEST_CASE_F(GoneOn, what_was_used_on_both_hosts_stays_on_both, boost::unit_test::data::xrange(3),
                       n) {
    on(hypervisor, original, MachineState::running);
    on(second, copy, MachineState::running);
    if (n == 1) BOOST_TEST_REQUIRE(second.save({}, guid).ok());
    if (n == 2) BOOST_TEST_REQUIRE(hypervisor.save({}, guid).ok());
    note("3");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST_REQUIRE((hypervisor.machine(guid) && second.machine(guid)));
    BOOST_TEST((hypervisor.machine(guid)->state == (n == 2 ? MachineState::saved : MachineState::running)));
    BOOST_TEST((second.machine(guid)->state == (n == 1 ? MachineState::saved : MachineState::running)));
    BOOST_TEST((there(copy) && there(original)));
    BOOST_TEST(is_named("Both \"testhost\" and \"hvB\" have the machine"));
}

BOOST_AUTO_TEST_CASE(its_copy_stays_where_it_was_started_at_the_source_since) {
    on(hypervisor, original, MachineState::running);
    on(second, copy);
    note("3");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
    BOOST_TEST(second.machine(guid) == nullptr);
    BOOST_TEST((there(copy) && there(original)));
    BOOST_TEST(is_named(copy));
}

// libvirt says nothing of a machine that is off then; it is started over there, and turned off again.
BOOST_AUTO_TEST_CASE(it_is_used_while_its_source_is_silent) {
    const auto watching = cim::watch(services);
    const auto mine = machine();
    std::filesystem::remove(copy);
    auto arriving = second.subscribe([&](const backend::Event& e) {
        if (e.kind == backend::EventKind::machine_added) hypervisor.set_connected(false);
    });
    const auto r = to_host(mine, {{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                                  {"NewResourceSettingData", disk_at(copy)}});
    BOOST_TEST(done(r) == 32777U);
    arriving.reset();
    wait_for_all();
    BOOST_TEST(left() == 1U);
    BOOST_TEST_REQUIRE(second.start({}, mine).ok());
    BOOST_TEST_REQUIRE(second.power_off({}, mine).ok());
    hypervisor.set_connected(true);
    wait_for_all();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(second.machine(mine) != nullptr);
    BOOST_TEST(hypervisor.machine(mine) == nullptr);
    BOOST_TEST((there(copy) && there(disk_path)));
}

namespace {

// The namespace of all hosts.
struct OverAll : GoneOn {
    OverAll() { om.serve_apart(name_space, over_all, provider_registry()); }
    void the_source_is_silent() {
        on(second, original);
        note("1");
        hypervisor.set_connected(false);
    }
    void it_is_back() {
        hypervisor.set_connected(true);
        const auto watching = cim::watch(services);
        wait_for_all();
        BOOST_TEST(left() == 0U);
    }
    MethodResult call_there(ObjectPath target, const char* method, const Given& in) {
        target.set_name_space(name_space);
        Arguments arguments;
        for (const auto& [name, v] : in) arguments.set(name, v);
        const Request there{admin, *shipped_schema().find(name_space), Clock::time_point::max(), {}, "test",
                            ""};
        auto r = om.invoke(there, target, method, std::move(arguments));
        BOOST_TEST_REQUIRE(r.ok(), (r ? "" : r.error().full_text()));
        return std::move(*r);
    }
    static constexpr const char* name_space = "root/HyperVCluster/v2";
    std::unique_ptr<backend::Hypervisor> all =
        backend::make_cluster({{"testhost", &hypervisor}, {"hvB", &second}, {"hvC", &third}});
    Services over_all = cluster_services(services, *all);
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_machine_that_is_destroyed_over_there_does_not_run_again, OverAll) {
    on(hypervisor, original, MachineState::running);
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    the_source_is_silent();
    const auto management = vs::service_path("testhost", "Msvm_VirtualSystemManagementService", "vmms");
    BOOST_TEST(done(call_there(management, "DestroySystem", {{"AffectedSystem", system(guid)}})) == 0U,
               last_text);
    BOOST_TEST(second.machine(guid) == nullptr);
    it_is_back();
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::paused));
    BOOST_TEST(is_named("What \"testhost\" still has of the machine stays"));
    BOOST_TEST((there(copy) && there(original)));
}

// Its disk lies where every host sees it.
BOOST_FIXTURE_TEST_CASE(what_it_left_at_the_source_goes_when_it_is_off_on_the_third_host, OverAll) {
    on(hypervisor, original);
    the_source_is_silent();
    BOOST_TEST(done(call_there(service(), "MigrateVirtualSystemToHost",
                               {{"ComputerSystem", system(guid)}, {"DestinationHost", Value("hvC")}})) == 0U,
               last_text);
    it_is_back();
    BOOST_TEST(hypervisor.machine(guid) == nullptr);
    BOOST_TEST(third.machine(guid) != nullptr);
    BOOST_TEST((there(copy) && there(original)));
}

BOOST_AUTO_TEST_CASE(and_left_its_definition_at_the_source) {
    on(third, original, MachineState::running);
    on(hypervisor, original);
    note("1 at_source");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(hypervisor.machine(guid) == nullptr);
    BOOST_TEST(there(original));
}

// The original stays, as the definition on hvC names it.
BOOST_AUTO_TEST_CASE(it_is_where_it_runs_alone) {
    on(third, original);
    on(second, copy, MachineState::running);
    note("1");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST((second.machine(guid)->state == MachineState::running));
    BOOST_TEST((there(copy) && there(original)));
}

BOOST_AUTO_TEST_CASE(an_original_that_could_not_be_removed_has_gone_along) {
    on(third, original);
    const auto key = std::string(guid) + " testhost";
    BOOST_TEST_REQUIRE(
        store->put("migration_left", key, "hvB\ntesthost\n0 copies\n" + original + "\n\n\n* " + original)
            .ok());
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(there(original));
}

// What nobody has may have been moved and then removed by hand; what has stayed for certain was not.
BOOST_AUTO_TEST_CASE(away_altogether) {
    note("1");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((there(copy) && there(original)));
    BOOST_TEST(is_named(copy));
    note("1 at_destination");
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((!there(copy) && there(original)));
}

BOOST_AUTO_TEST_CASE(a_half_copy_of_a_machine_that_was_off_and_is_destroyed_goes) {
    const auto watching = cim::watch(services);
    const auto mine = machine();
    std::filesystem::remove(copy);
    hypervisor.hold("migrate");
    hypervisor.fail_next("migrate", Error(Status::unavailable, "wsvirt.migration.lost", "Silent."));
    const auto r = to_host(mine, {{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                                  {"NewResourceSettingData", disk_at(copy)}});
    half_copied(copy);
    second.set_connected(false);
    hypervisor.release("migrate");
    BOOST_TEST(done(r) == 32777U);
    BOOST_TEST_REQUIRE(hypervisor.undefine({}, mine).ok());
    second.set_connected(true);
    wait_for_all();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(!there(copy));
}

// Its snapshots were put aside when it began to move; the other host is gone for good.
BOOST_AUTO_TEST_CASE(the_destination_is_not_configured_any_more) {
    on(hypervisor, original);
    hypervisor.set_connected(false);
    hypervisor.fail_next("bring_back_snapshots", Error(Status::failed, "test.fault", "Not now."));
    BOOST_TEST_REQUIRE(store->put("migration_left", std::string(guid) + " gone", "testhost\ngone\n1").ok());
    const auto watching = cim::watch(services);
    for (const unsigned calls : {0U, 1U, 2U}) {
        wait_for_all();
        BOOST_TEST(hypervisor.calls("bring_back_snapshots") == calls);
        BOOST_TEST(left() == (calls < 2 ? 1U : 0U));
        hypervisor.set_connected(false);
        hypervisor.set_connected(true);
    }
}

// They are connected to at the same time, so one wait is enough for any number of moves that were cut off.
BOOST_AUTO_TEST_CASE(silent_hosts_are_waited_for_together) {
    constexpr std::size_t moves = 4;
    constexpr auto patience = std::chrono::seconds(2);
    std::promise<void> end;
    const auto ended = end.get_future().share();
    std::vector<std::string> ids;
    for (std::size_t n = 0; n < moves; ++n) {
        JobSpec spec;
        spec.job_type = n % 2 ? job_type::move_machine : job_type::move_storage;
        spec.extra = {{migration_service::source_extra, "hvB"}, {"DestinationHost", n % 2 ? "hvC" : "hvB"}};
        if (n % 2 == 0) spec.extra["MigrationType"] = "32769";
        spec.affected = {{vs::system_path_text("testhost", "Msvm_ComputerSystem", make_guid()), {0}}};
        const auto id = jobs.start(spec, [ended](JobContext&) -> Result<void> {
            ended.wait();
            return {};
        });
        BOOST_TEST_REQUIRE(id.ok());
        ids.push_back(*id);
    }
    auto rows = std::move(*Store::open(":memory:"));
    const auto written = store->list("job");
    for (const auto& row : *written) BOOST_TEST_REQUIRE(rows->put("job", row.key, row.text).ok());
    JobManager again(*rows, {});
    Services now{shipped_schema(), hypervisor, again, *rows, services.host, services.hosts, nullptr};
    for (auto* h : {&second, &third}) h->set_connected(false);
    const auto begun = std::chrono::steady_clock::now();
    migration_service::recover(now, patience);
    const auto took = std::chrono::steady_clock::now() - begun;
    BOOST_TEST((took >= patience && took < 2 * patience));
    for (const auto& id : ids)
        BOOST_TEST(again.find(id)->errors.at(0).message.find("does not answer") != std::string::npos);
    again.stop();
    end.set_value();
}

BOOST_AUTO_TEST_CASE(it_is_no_planned_system_any_more) {
    on(second, copy);
    auto spec = second.machine(guid)->spec;
    spec.uuid = make_guid();
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({spec, {}}).ok());
    note("0 at_destination planned " + spec.uuid);
    clear_up();
    BOOST_TEST(vs::PlannedSystems(services).all().size() == 1U);
    note("0 planned " + spec.uuid);
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(vs::PlannedSystems(services).all().empty());
}

// hvC has a definition that others have left there.
BOOST_AUTO_TEST_CASE(to_where_it_was_to_go_at_first) {
    on(hypervisor, original);
    on(third, original);
    note("0 at_destination");
    BOOST_TEST(done(to_host(guid)) == 0U, last_text);
    wait_for_all();
    BOOST_TEST(left() == 0U);
    BOOST_TEST(second.machine(guid) != nullptr);
}

// And is found under the name of its own host: what comes after would be mixed with it otherwise.
BOOST_AUTO_TEST_CASE(and_its_original_cannot_be_removed_yet) {
    on(second, copy, MachineState::running);
    on(hypervisor, original);
    hypervisor.fail_always("remove_file", Error(Status::failed, "test.fault", "It is in use."));
    note("1 at_source");
    clear_up();
    BOOST_TEST(left() == 1U);
    BOOST_TEST(store->list("migration_left").value().at(0).text.starts_with("hvB\ntesthost\n"));
    hypervisor.clear_failures();
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((there(copy) && !there(original)));
}

// A name that was kept is no proof, whether the move was just seen to be done or its originals were left.
BOOST_DATA_TEST_CASE_F(GoneOn, and_something_else_has_the_name_of_its_original,
                       boost::unit_test::data::make({false, true}), left_before) {
    const auto marked = testing::FakeHypervisor::mark_of(original) + ' ' + original;
    std::ofstream(original + ".other") << "somebody's";
    std::filesystem::rename(original + ".other", original);
    on(second, copy, MachineState::running);
    if (!left_before)
        note("1", marked);
    else
        BOOST_TEST_REQUIRE(store
                               ->put("migration_left", std::string(guid) + " testhost",
                                     "hvB\ntesthost\n0 copies\n" + original + "\n\n\n*" + marked)
                               .ok());
    clear_up();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((there(copy) && there(original)));
    BOOST_TEST(hypervisor.machine(guid) == nullptr);
    BOOST_TEST(is_named(original));
}

// Whatever it is that a host says instead of what it was asked.
BOOST_AUTO_TEST_CASE(what_cannot_be_asked_for_is_not_taken_away) {
    on(hypervisor, original, MachineState::running);
    on(second, copy);
    second.fail_always("abandon", Error(Status::failed, "test.fault", "It cannot be read."));
    note("1");
    clear_up();
    BOOST_TEST(left() == 1U);
    BOOST_TEST(second.machine(guid) != nullptr);
    BOOST_TEST(there(copy));
}

BOOST_AUTO_TEST_CASE(and_is_not_resumed_when_somebody_has_paused_it_since) {
    on(hypervisor, original, MachineState::running);
    second.fail_always("abandon", Error(Status::unavailable, "wsvirt.host.lost", "Silent."));
    note("1");
    const auto watching = cim::watch(services);
    wait_for_all();
    BOOST_TEST(left() == 1U);
    BOOST_TEST(hypervisor.calls("bring_back_snapshots") == 1U);  // they need not wait
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    second.clear_failures();
    second.set_connected(false);
    second.set_connected(true);
    wait_for_all();
    BOOST_TEST(left() == 0U);
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::paused));
    BOOST_TEST(!there(copy));
}

BOOST_AUTO_TEST_SUITE_END()
