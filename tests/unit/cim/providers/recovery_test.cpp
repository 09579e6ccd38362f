// What a start finds out about jobs that were cut off, where the machine may be on another host.
#include "cim/providers/recovery.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <thread>

#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

namespace {

constexpr const char* guid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A01";
constexpr const char* snapshot = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A02";

// A service that was ended while it worked on a machine of the host hvB.
struct CutOff : TwoHosts {
    CutOff() {
        backend::MachineSpec spec;
        spec.uuid = guid;
        spec.name = "far away";
        BOOST_TEST_REQUIRE(second.define({}, spec).ok());
    }
    ~CutOff() { end.set_value(); }

    JobRecord after_restart(std::uint16_t type, std::map<std::string, std::string> extra = {}) {
        JobSpec spec;
        spec.job_type = type;
        spec.extra = std::move(extra);
        for (const char* id : {guid, snapshot})
            spec.affected.push_back({vs::system_path_text("testhost", "Msvm_ComputerSystem", id), {0}});
        if (type != 71) spec.affected.resize(1);
        const auto begun = std::make_shared<std::promise<void>>();
        const auto id = jobs.start(spec, [begun, ended = ended](JobContext&) -> Result<void> {
            begun->set_value();
            ended.wait();
            return {};
        });
        BOOST_TEST_REQUIRE(id.ok());
        begun->get_future().wait();
        auto copy = std::move(*Store::open(":memory:"));
        for (const char* kind : {"job", "service"}) {
            const auto rows = store->list(kind);
            for (const auto& row : *rows) BOOST_TEST_REQUIRE(copy->put(kind, row.key, row.text).ok());
        }
        JobManager again(*copy, {});
        Services now{shipped_schema(), hypervisor, again, *copy, services.host, services.hosts, nullptr};
        recover(now);
        const auto record = again.find(*id);
        again.stop();
        BOOST_TEST_REQUIRE(record.has_value());
        return *record;
    }
    void take_snapshot() {
        backend::SnapshotRequest request;
        request.machine = guid;
        request.id = snapshot;
        BOOST_TEST_REQUIRE(second.snapshot({}, request).ok());
    }
    template <class Condition>
    static bool eventually(Condition c) {
        for (int n = 0; n < 1000 && !c(); ++n) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return c();
    }
    bool completed(std::uint16_t type) { return after_restart(type).state == JobState::completed; }

    std::promise<void> end;
    std::shared_future<void> ended = end.get_future().share();
};

}  // namespace

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
    recover(services);
    BOOST_TEST(vs::PlannedSystems(services).all().empty());
    BOOST_TEST(second.machines().size() == 1U);
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
    const std::map<std::string, std::string> move{{"Source.Host", "hvB"},
                                                  {"DestinationHost", "hvB"},
                                                  {"MigrationType", "32769"},
                                                  {"Destination.Copies", after + "\n"},
                                                  {"Source.Originals", before + "\n"}};
    for (const bool stands_on_it : {false, true}) {
        std::ofstream(before) << "disk";
        std::ofstream(after) << "disk";
        auto spec = second.machine(guid)->spec;
        spec.disks = {backend::Disk{}};
        spec.disks[0].path = stands_on_it ? after : before;
        BOOST_TEST_REQUIRE(second.redefine({}, spec).ok());
        const auto job = after_restart(job_type::move_storage, move);
        BOOST_TEST((job.state == (stands_on_it ? JobState::completed : JobState::exception)));
        BOOST_TEST(std::filesystem::exists(before) == !stands_on_it);
        BOOST_TEST(std::filesystem::exists(after) == stands_on_it);
    }
}

BOOST_AUTO_TEST_SUITE_END()
