// What a start finds out about jobs that were cut off, where the machine may be on another host.
#include "cim/providers/recovery.hpp"

#include <unistd.h>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cim/providers/export_import/half_made.hpp"
#include "tests/unit/cim/providers/cut_off.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

BOOST_FIXTURE_TEST_SUITE(recovery, CutOff)

BOOST_AUTO_TEST_CASE(a_machine_of_another_host_that_runs_was_started) {
    BOOST_TEST(!completed(12));
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    BOOST_TEST(completed(12));
}

BOOST_AUTO_TEST_CASE(a_machine_that_another_host_still_has_was_not_destroyed) {
    BOOST_TEST(!completed(3));
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    BOOST_TEST(completed(3));
}

BOOST_AUTO_TEST_CASE(a_machine_that_another_host_has_half_made_is_taken_back) {
    auto spec = second.machine(guid)->spec;
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({spec, {}}).ok());
    spec.attributes["Planned.Unfinished"] = *export_import::own_mark(services);
    BOOST_TEST_REQUIRE(second.define({}, spec).ok());
    second.fail_next("forget", Error(Status::unavailable, "test", "Not now."));
    BOOST_TEST(!completed(job_type::realize_planned));
    recover(services);
    BOOST_TEST(second.machines().empty());
    BOOST_TEST(vs::PlannedSystems(services).all().size() == 1U);
    // There it is whole, and only the planned system was left.
    spec.attributes.clear();
    BOOST_TEST_REQUIRE(second.define({}, spec).ok());
    BOOST_TEST(completed(job_type::realize_planned));
    BOOST_TEST(planned_left == 0U);
    BOOST_TEST(second.machines().size() == 1U);
}

// Its planned system has gone, which is what comes last; where it is, is not heard of.
BOOST_AUTO_TEST_CASE(a_realized_machine_of_a_silent_host_is_not_taken_back) {
    const auto machine = *second.machine(guid);
    second.remove_behind_back(guid);
    second.set_connected(false);
    BOOST_TEST(completed(job_type::realize_planned));
    BOOST_TEST(late_left == 0U);
    auto spec = machine.spec;
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({spec, {}}).ok());
    BOOST_TEST(!completed(job_type::realize_planned));
    BOOST_TEST(late_left == 1U);
}

BOOST_AUTO_TEST_CASE(a_machine_of_another_host_that_an_export_held_goes_on) {
    const auto held = [&] {
        return store->count("export_held").value_or(9) + store->count("export_left").value_or(9);
    };
    for (const bool away : {false, true}) {
        if (!away) BOOST_TEST_REQUIRE(second.start({}, guid).ok());
        BOOST_TEST_REQUIRE(second.suspend({}, guid).ok());
        BOOST_TEST_REQUIRE(store->put("export_held", guid, "running, paused").ok());
        second.set_connected(!away);
        recover(services);
        const auto watched = watch(services);
        if (away) {
            BOOST_TEST((second.machine(guid)->state == MachineState::paused));
            BOOST_TEST(held() == 1U);
            second.set_connected(true);
        }
        BOOST_TEST(eventually([&] { return held() == 0U; }));
        BOOST_TEST((second.machine(guid)->state == MachineState::running));
    }
}

// Which came by virsh, or with a host that had been silent.
BOOST_AUTO_TEST_CASE(a_planned_system_stays_beside_a_machine_that_was_not_made_of_it) {
    const auto spec = second.machine(guid)->spec;
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({spec, {}}).ok());
    BOOST_TEST_REQUIRE(second.define({}, spec).ok());
    recover(services);
    BOOST_TEST(vs::PlannedSystems(services).all().size() == 1U);
    // What was destroyed is the one that the job names.
    BOOST_TEST(!completed(job_type::destroy_system));
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).remove(guid).ok());
    BOOST_TEST(!completed(job_type::destroy_system));
    BOOST_TEST((after_restart(job_type::destroy_system, {}, "Msvm_PlannedComputerSystem").state ==
                JobState::completed));
}

BOOST_AUTO_TEST_CASE(an_import_whose_planned_system_is_there_was_done) {
    const auto imported = [&](std::uint16_t type) {
        return after_restart(type, {}, "Msvm_PlannedComputerSystem").state == JobState::completed;
    };
    auto spec = second.machine(guid)->spec;
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    for (const auto type : {job_type::import_system, job_type::create_remote}) {
        BOOST_TEST(!imported(type));
        BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({spec, {}}).ok());
        BOOST_TEST(imported(type));
        BOOST_TEST(!completed(type));  // another one
        BOOST_TEST_REQUIRE(vs::PlannedSystems(services).remove(guid).ok());
    }
}

BOOST_AUTO_TEST_CASE(one_job_waits_for_a_held_machine_however_often_its_host_comes_back) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    BOOST_TEST_REQUIRE(second.suspend({}, guid).ok());
    BOOST_TEST_REQUIRE(store->put("export_left", guid, "running, paused").ok());
    auto held = jobs.lock(guid);
    BOOST_TEST_REQUIRE(held.ok());
    const auto watched = watch(services);
    for (int n = 0; n < 5; ++n) {
        second.set_connected(false);
        second.set_connected(true);
    }
    const auto restoring = [&] {
        std::size_t n = 0;
        for (const auto& j : jobs.all())
            if (j.caption == "Restoring Virtual Machine") ++n;
        return n;
    };
    BOOST_TEST(restoring() == 1U);
    held = Error(Status::failed, "test", "Let go.");
    BOOST_TEST(eventually([&] { return second.machine(guid)->state == MachineState::running; }));
    BOOST_TEST(restoring() == 1U);
}

BOOST_AUTO_TEST_CASE(an_export_whose_folder_is_there_was_done) {
    namespace fs = std::filesystem;
    const fs::path place = fs::temp_directory_path() / ("wsvirt-recovery-" + std::to_string(::getpid()));
    fs::create_directories(place);  // given by the client, empty
    const std::map<std::string, std::string> extra{{"Export.Folder", place.string()}};
    BOOST_TEST((after_restart(job_type::export_system, extra).state == JobState::exception));
    fs::create_directories(place / "Virtual Machines");
    std::ofstream(place / "Virtual Machines" / (std::string(snapshot) + ".xml")) << "another machine's";
    BOOST_TEST((after_restart(job_type::export_system, extra).state == JobState::exception));
    std::ofstream(place / "Virtual Machines" / (std::string(guid) + ".xml")) << "its own";
    BOOST_TEST((after_restart(job_type::export_system, extra).state == JobState::completed));
    fs::remove_all(place);
}

BOOST_AUTO_TEST_CASE(what_a_silent_host_has_is_not_known) {
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    second.set_connected(false);
    BOOST_TEST(!completed(3));
    BOOST_TEST(after_restart(71).errors.at(0).message_id == "wsvirt.snapshot.interrupted");
}

BOOST_AUTO_TEST_CASE(applying_a_snapshot_of_another_host_is_finished) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    take_snapshot();
    BOOST_TEST_REQUIRE(second.power_off({}, guid).ok());
    BOOST_TEST_REQUIRE(second.revert({}, guid, snapshot).ok());  // it runs, and shall be saved
    BOOST_TEST(completed(71));
    BOOST_TEST((second.machine(guid)->state == MachineState::saved));
}

BOOST_AUTO_TEST_CASE(a_start_does_not_wait_for_an_apply_that_takes_long) {
    take_snapshot();
    second.hold("revert");
    const auto job = after_restart(71);
    BOOST_TEST((job.state == JobState::exception));
    BOOST_TEST(job.errors.at(0).message.find("goes on with that as another job") != std::string::npos);
    second.release("revert");
}

BOOST_AUTO_TEST_CASE(memory_that_was_given_up_is_not_what_applying_ends_with) {
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    take_snapshot();
    auto cleared = second.machine(guid)->snapshots.at(0);
    cleared.spec.attributes[vs::snapshot_memory_cleared] = "1";
    BOOST_TEST_REQUIRE(second.modify_snapshot({}, guid, cleared).ok());
    BOOST_TEST_REQUIRE(second.power_off({}, guid).ok());
    BOOST_TEST(completed(71));
    BOOST_TEST((second.machine(guid)->state == MachineState::off));
    BOOST_TEST(vs::last_applied(*second.machine(guid)) == &second.machine(guid)->snapshots.at(0));
}

BOOST_AUTO_TEST_CASE(what_the_machine_layer_has_applied_is_done_whatever_came_after) {
    take_snapshot();
    const auto later = std::to_string(DateTime::now().microseconds() + 3'600'000'000);
    const backend::AfterRevert then{backend::AfterRevert::Memory::dropped, vs::snapshot_applied, later};
    BOOST_TEST_REQUIRE(second.revert({}, guid, snapshot, then).ok());
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    BOOST_TEST(completed(71));
    BOOST_TEST((second.machine(guid)->state == MachineState::running));
}

BOOST_AUTO_TEST_CASE(a_machine_that_was_started_since_is_not_taken_back) {
    for (const bool with_memory : {false, true}) {
        if (with_memory) BOOST_TEST_REQUIRE(second.start({}, guid).ok());
        take_snapshot();
        if (with_memory) BOOST_TEST_REQUIRE(second.power_off({}, guid).ok());
        auto changed = second.machine(guid)->spec;
        changed.memory_mib += 64;
        BOOST_TEST_REQUIRE(second.redefine({}, changed).ok());
        BOOST_TEST_REQUIRE(second.start({}, guid).ok());
        const auto job = after_restart(71);
        BOOST_TEST((job.state == JobState::exception));
        BOOST_TEST(job.errors.at(0).message_id == "wsvirt.snapshot.started_since");
        BOOST_TEST((second.machine(guid)->state == MachineState::running));
        BOOST_TEST(second.machine(guid)->spec.memory_mib == changed.memory_mib);
        BOOST_TEST_REQUIRE(second.power_off({}, guid).ok());
        BOOST_TEST_REQUIRE(second.delete_snapshot({}, guid, snapshot, false).ok());
    }
}

BOOST_AUTO_TEST_CASE(an_apply_that_had_not_begun_is_not_taken_for_an_earlier_one) {
    take_snapshot();
    BOOST_TEST(completed(71));
    auto changed = second.machine(guid)->spec;  // since then
    changed.memory_mib += 64;
    BOOST_TEST_REQUIRE(second.redefine({}, changed).ok());
    BOOST_TEST(completed(71));
    BOOST_TEST(second.machine(guid)->spec.memory_mib == changed.memory_mib - 64);
}

BOOST_AUTO_TEST_CASE(what_a_disk_was_copied_from_goes_when_the_machine_stands_on_the_copy) {
    std::filesystem::create_directories(folder / "disks");
    const auto before = (folder / "disks" / "before.qcow2").string();
    const auto after = (folder / "disks" / "after.qcow2").string();
    std::map<std::string, std::string> move{{"Source.Host", "hvB"},
                                            {"DestinationHost", "hvB"},
                                            {"MigrationType", "32769"},
                                            {"Destination.Copies", after + "\n"},
                                            {"Source.Originals", before + "\n"}};
    for (const bool stands_on_it : {false, true}) {
        std::ofstream(before) << "disk";
        std::ofstream(after) << "disk";
        move["Destination.Made"] = second.mark_of(after) + ' ' + after + "\n";
        auto spec = second.machine(guid)->spec;
        spec.disks = {backend::Disk{}};
        spec.disks[0].path = stands_on_it ? after : before;
        BOOST_TEST_REQUIRE(second.redefine({}, spec).ok());
        const auto job = after_restart(job_type::move_storage, move);
        BOOST_TEST((job.state == (stands_on_it ? JobState::completed : JobState::exception)));
        BOOST_TEST(std::filesystem::exists(before) == !stands_on_it);
        BOOST_TEST(std::filesystem::exists(after) == stands_on_it);
    }
    // Beside its disks' places it was to have other settings.
    move["Source.Settings"] = "1";
    const auto job = after_restart(job_type::move_storage, move);
    BOOST_TEST((job.state == JobState::exception));
    BOOST_TEST_REQUIRE(!job.errors.empty());
    BOOST_TEST(job.errors[0].message.find("other settings") != std::string::npos, job.errors[0].message);
}

namespace {

struct Place {
    const char* before;
    bool runs_here, paused_here, runs_there, moved;
};
// It is in both places. libvirt keeps what ran over there for good only when it has arrived; of what was off
// it is noted ("3").
constexpr Place places[] = {{"0", false, false, false, false}, {"1", false, false, false, true},
                            {"2", false, false, false, true},  {"1", true, false, false, false},
                            {"1", true, true, true, true},     {"1", false, false, true, true},
                            {"0", false, false, true, true},   {"3", false, false, false, true},
                            {"3", false, false, true, true},   {"3", true, false, false, false}};

}  // namespace

// The start does not wait for what nobody will clear up.
BOOST_DATA_TEST_CASE_F(CutOff, where_a_machine_is_that_both_hosts_have_is_seen_at_once,
                       boost::unit_test::data::xrange(std::size(places)), n) {
    const auto& what = places[n];
    backend::MachineSpec spec;
    spec.uuid = guid;
    BOOST_TEST_REQUIRE(hypervisor.define({}, spec).ok());
    if (what.runs_here) BOOST_TEST_REQUIRE(hypervisor.start({}, guid).ok());
    if (what.paused_here) BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
    if (what.runs_there) BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    const auto begun = std::chrono::steady_clock::now();
    const auto job = after_restart(job_type::move_machine, {{"Source.Host", "testhost"},
                                                            {"Source.Running", what.before},
                                                            {"DestinationHost", "hvB"},
                                                            {"MigrationType", "32768"}});
    BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(10)));
    BOOST_TEST((job.state == (what.moved ? JobState::completed : JobState::exception)));
    BOOST_TEST((hypervisor.machine(guid) == nullptr) == what.moved);
    BOOST_TEST((second.machine(guid) == nullptr) == !what.moved);
}

// It has arrived, and nobody saw what it did then.
BOOST_DATA_TEST_CASE_F(CutOff, no_disk_goes_of_a_machine_that_may_have_run_on_both_hosts,
                       boost::unit_test::data::make({false, true}), runs_here) {
    const auto original = disk("original"), copy = disk("copy");
    auto spec = second.machine(guid)->spec;
    spec.disks = {backend::Disk{}};
    spec.disks[0].path = original;
    BOOST_TEST_REQUIRE(hypervisor.define({}, spec).ok());
    if (runs_here) BOOST_TEST_REQUIRE(hypervisor.start({}, guid).ok());
    spec.disks[0].path = copy;
    BOOST_TEST_REQUIRE(second.redefine({}, spec).ok());
    const auto job =
        after_restart(job_type::move_both, {{"Source.Host", "testhost"},
                                            {"DestinationHost", "hvB"},
                                            {"Source.Running", "1"},
                                            {"MigrationType", "32771"},
                                            {"Destination.Copies", copy + "\n"},
                                            {"Source.Originals", original + "\n"},
                                            {"Destination.Made", second.mark_of(copy) + ' ' + copy + "\n"}});
    BOOST_TEST((job.state == (runs_here ? JobState::exception : JobState::completed_with_warnings)));
    BOOST_TEST(job.status_text == (runs_here ? "Job failed" : "Job is completed with warnings"));
    if (!runs_here) BOOST_TEST(job.percent == 100U);
    const auto& text = job.errors.at(0).message;
    BOOST_TEST(text.find(runs_here ? copy : original) != text.npos, text);
    BOOST_TEST((hypervisor.machine(guid) != nullptr) == runs_here);
    BOOST_TEST((second.machine(guid) != nullptr) == !runs_here);
    BOOST_TEST((std::filesystem::exists(original) && std::filesystem::exists(copy)));
}

// A start before this one has seen it, and was ended when the source had forgotten the machine.
BOOST_DATA_TEST_CASE_F(CutOff, originals_that_stay_do_so_after_one_more_end,
                       boost::unit_test::data::make({false, true}), seen_before) {
    const auto original = disk("original"), copy = disk("copy");
    auto spec = second.machine(guid)->spec;
    spec.disks = {backend::Disk{}};
    spec.disks[0].path = copy;
    BOOST_TEST_REQUIRE(second.redefine({}, spec).ok());
    if (seen_before)
        BOOST_TEST_REQUIRE(store
                               ->put("migration_left", std::string(guid) + " hvB",
                                     "testhost\nhvB\n1 at_source\n" + copy + "\n\n\n")
                               .ok());
    (void)after_restart(job_type::move_both, {{"Source.Host", "testhost"},
                                              {"DestinationHost", "hvB"},
                                              {"Source.Running", "1"},
                                              {"MigrationType", "32771"},
                                              {"Destination.Copies", copy + "\n"},
                                              {"Source.Originals", original + "\n"}});
    BOOST_TEST(std::filesystem::exists(original) == seen_before);
    BOOST_TEST(std::filesystem::exists(copy));
}

// Which says that it is gone for good. What runs on it nobody can tell.
BOOST_AUTO_TEST_CASE(a_migration_to_a_host_that_is_not_configured_any_more) {
    const std::map<std::string, std::string> move{{"Source.Host", "hvB"},
                                                  {"Source.Running", "1"},
                                                  {"DestinationHost", "hvGone"},
                                                  {"MigrationType", "32768"}};
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    for (const bool paused : {false, true}) {
        if (paused) BOOST_TEST_REQUIRE(second.suspend({}, guid).ok());
        const auto before = second.calls("bring_back_snapshots");
        const auto job = after_restart(job_type::move_machine, move);
        BOOST_TEST((job.state == JobState::exception));
        const auto& text = job.errors.at(0).message;
        BOOST_TEST(text.find("the machine is on \"hvB\".") != text.npos, text);
        BOOST_TEST((text.find("resume it when it is certain") != text.npos) == paused, text);
        BOOST_TEST(second.calls("bring_back_snapshots") > before);
        BOOST_TEST((second.machine(guid)->state == (paused ? MachineState::paused : MachineState::running)));
    }
    BOOST_TEST_REQUIRE(second.power_off({}, guid).ok());
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    const auto text = after_restart(job_type::move_machine, move).errors.at(0).message;
    BOOST_TEST(text.find("does not have the machine") != text.npos, text);
}

BOOST_AUTO_TEST_CASE(a_planned_system_that_the_machine_has_become_is_none_any_more) {
    const std::map<std::string, std::string> move{{"Source.Host", "testhost"},
                                                  {"DestinationHost", "hvB"},
                                                  {"MigrationType", "32768"},
                                                  {"Destination.Planned", snapshot}};
    auto spec = second.machine(guid)->spec;
    spec.uuid = snapshot;
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({spec, {}}).ok());
    BOOST_TEST((after_restart(job_type::move_machine, move).state == JobState::completed));
    BOOST_TEST(planned_left == 0U);
    spec.uuid = guid;
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    BOOST_TEST_REQUIRE(hypervisor.define({}, spec).ok());
    BOOST_TEST((after_restart(job_type::move_machine, move).state == JobState::exception));
    BOOST_TEST(planned_left == 1U);
}

// A name alone is no proof: it may have been there before, or somebody has put it there since.
BOOST_AUTO_TEST_CASE(a_file_that_is_not_certainly_the_copy_stays_and_is_named) {
    std::filesystem::create_directories(folder / "disks");
    const auto to = (folder / "disks" / "to.qcow2").string(), other = to + ".other";
    std::map<std::string, std::string> move{{"Source.Host", "testhost"},
                                            {"DestinationHost", "hvB"},
                                            {"MigrationType", "32771"},
                                            {"Destination.Copies", to + "\n"}};
    BOOST_TEST_REQUIRE(hypervisor.define({}, second.machine(guid)->spec).ok());
    BOOST_TEST_REQUIRE(second.undefine({}, guid).ok());
    enum class Case : std::uint8_t { never_made, replaced, no_mark, made };
    for (const auto what : {Case::never_made, Case::replaced, Case::no_mark, Case::made}) {
        std::ofstream(to) << "disk";
        const auto mark = what == Case::no_mark ? std::string() : second.mark_of(to);
        move["Destination.Made"] = what == Case::never_made ? "" : mark + ' ' + to + "\n";
        if (what == Case::replaced) {
            std::ofstream(other) << "somebody's";
            std::filesystem::rename(other, to);
        }
        const auto job = after_restart(job_type::move_both, move);
        BOOST_TEST((job.state == JobState::exception));
        const auto text = job.errors.at(0).message;
        const bool named = text.find(to + ", which is not certainly the rest of this migration") != text.npos;
        BOOST_TEST(named == (what != Case::made), text);
        BOOST_TEST(std::filesystem::exists(to) == (what != Case::made));
    }
}

BOOST_AUTO_TEST_SUITE_END()
