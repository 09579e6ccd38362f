// What migrations make beside the machine: files that are theirs alone, and what is cleared up when one was
// cut off.
#include <sqlite3.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/file_sight.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/recovery.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

BOOST_FIXTURE_TEST_SUITE(migration_service, TwoHosts)

// Each would write over the other's, and take it away when it fails.
BOOST_AUTO_TEST_CASE(two_migrations_do_not_make_the_same_file) {
    const auto first = machine("first");
    const auto to = [&](const char* path, unsigned type) {
        return Given{{"MigrationSettingData", settings({{"MigrationType", type}})},
                     {"NewResourceSettingData", disk_at((folder / "disks" / path).string())}};
    };
    hypervisor.hold("migrate");
    const auto moving = to_host(first, to("copy.qcow2", 32771U));
    BOOST_TEST_REQUIRE(code(moving) == 4096U);
    const auto second_one = machine("second");
    BOOST_TEST(code(to_host(second_one, to("copy.qcow2", 32771U))) == 32774U);
    BOOST_TEST(code(to_system(second_one, to("./copy.qcow2", 32771U))) == 32774U);
    const auto of_it = to_host(second_one, to("own.qcow2", 32769U), nullptr);
    BOOST_TEST_REQUIRE(code(of_it) == 4096U);
    const auto third = machine("third");
    BOOST_TEST(code(to_host(third, to("own.qcow2", 32769U), nullptr)) == 32774U);
    hypervisor.release("migrate");
    BOOST_TEST(done(moving) == 0U);
    BOOST_TEST(done(of_it) == 0U);
    BOOST_TEST(jobs.lock("file hvB " + (folder / "disks" / "copy.qcow2").string()).ok());
}

BOOST_AUTO_TEST_CASE(what_a_silent_host_keeps_is_cleared_up_when_it_is_back) {
    const auto watching = cim::watch(services);
    const auto guid = machine();
    start(guid);
    const auto copy = (folder / "disks" / "copy.qcow2").string();
    for (const bool used : {false, true}) {
        hypervisor.hold("migrate");
        hypervisor.fail_next("migrate", Error(Status::unavailable, "wsvirt.migration.lost", "Silent."));
        const auto r = to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                                      {"NewResourceSettingData", disk_at(copy)}});
        half_copied(copy);
        if (used) {
            backend::MachineSpec other;
            other.uuid = make_guid();
            other.disks = {backend::Disk{}};
            other.disks[0].path = copy;
            BOOST_TEST_REQUIRE(second.define({}, other).ok());
        }
        second.set_connected(false);
        hypervisor.release("migrate");
        BOOST_TEST(done(r) == 32777U);
        BOOST_TEST(store->count("migration_left").value() == 1U);
        second.set_connected(true);
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
        BOOST_TEST(std::filesystem::exists(copy) == used);
        BOOST_TEST(store->count("migration_left").value() == 0U);
        BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
    }
    BOOST_TEST(hypervisor.calls("bring_back_snapshots") == 2U);
    BOOST_TEST(second.calls("bring_back_snapshots") == 0U);
}

// A host that comes and goes while others work with the machine does not fill the service with jobs.
BOOST_AUTO_TEST_CASE(one_clearing_up_waits_for_a_machine) {
    const auto watching = cim::watch(services);
    const auto guid = machine();
    hypervisor.hold("migrate");
    hypervisor.fail_next("migrate", Error(Status::unavailable, "wsvirt.migration.lost", "Silent."));
    const auto r = to_host(guid);
    second.set_connected(false);
    hypervisor.release("migrate");
    BOOST_TEST(done(r) == 32777U);
    BOOST_TEST(store->count("migration_left").value() == 1U);
    auto busy = jobs.lock(guid);
    BOOST_TEST_REQUIRE(busy.ok());
    for (int n = 0; n < 5; ++n) {
        second.set_connected(true);
        second.set_connected(false);
    }
    second.set_connected(true);
    BOOST_TEST(jobs.unfinished() == 1U);
    busy->reset();
    for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    BOOST_TEST(store->count("migration_left").value() == 0U);
}

// As when somebody cancels it meanwhile: the machine layer does not know either.
BOOST_AUTO_TEST_CASE(what_a_cancelled_call_leaves_unknown_is_cleared_up) {
    const auto watching = cim::watch(services);
    const auto guid = machine();
    const auto copy = (folder / "disks" / "copy.qcow2").string();
    for (const unsigned type : {32771U, 32769U}) {
        auto& there = type == 32769 ? hypervisor : second;
        start(guid);
        hypervisor.hold("migrate");
        hypervisor.fail_next("migrate",
                             Error(Status::cancelled, std::string(backend::half_there), "Cancelled."));
        const auto r = to_host(guid,
                               {{"MigrationSettingData", settings({{"MigrationType", type}})},
                                {"NewResourceSettingData", disk_at(copy)}},
                               type == 32769 ? nullptr : "hvB");
        half_copied(copy);
        there.fail_always("abandon", Error(Status::unavailable, "wsvirt.host.lost", "Silent."));
        hypervisor.release("migrate");
        BOOST_TEST(done(r) == 32768U);
        BOOST_TEST(last_text.find("There is still") != std::string::npos, last_text);
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
        BOOST_TEST(std::filesystem::exists(copy));
        BOOST_TEST(store->count("migration_left").value() == 1U);
        there.clear_failures();
        there.set_connected(false);
        there.set_connected(true);
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
        BOOST_TEST(!std::filesystem::exists(copy));
        BOOST_TEST(store->count("migration_left").value() == 0U);
        BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
        BOOST_TEST_REQUIRE(hypervisor.power_off({}, guid).ok());
    }
}

BOOST_AUTO_TEST_CASE(a_machine_that_runs_on_is_kept_whatever_a_silent_host_has) {
    const auto watching = cim::watch(services);
    for (const bool off_here : {false, true}) {
        const auto guid = machine(off_here ? "off" : "on");
        start(guid);
        hypervisor.hold("migrate");
        hypervisor.fail_next("migrate", Error(Status::unavailable, "wsvirt.migration.lost", "Silent."));
        const auto r = to_host(guid);
        BOOST_TEST_REQUIRE(second.define({}, hypervisor.machine(guid)->spec).ok());
        BOOST_TEST_REQUIRE(second.start({}, guid).ok());
        second.set_connected(false);
        hypervisor.release("migrate");
        BOOST_TEST(done(r) == 32777U);
        if (off_here) BOOST_TEST_REQUIRE(hypervisor.power_off({}, guid).ok());
        second.set_connected(true);
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
        BOOST_TEST(store->count("migration_left").value() == 0U);
        BOOST_TEST(hypervisor.machine(guid) != nullptr);
        // What runs alone over there somebody may work with.
        BOOST_TEST((second.machine(guid) != nullptr) == off_here);
    }
}

BOOST_AUTO_TEST_CASE(what_a_silent_source_showed_last_is_not_where_it_is) {
    const auto watching = cim::watch(services);
    const auto guid = machine();
    start(guid);
    hypervisor.hold("migrate");
    hypervisor.fail_next("migrate", Error(Status::unavailable, "wsvirt.migration.lost", "Silent."));
    const auto r = to_host(guid);
    hypervisor.fail_always("abandon", Error(Status::unavailable, "wsvirt.host.lost", "Silent."));
    hypervisor.release("migrate");
    BOOST_TEST(done(r) == 32777U);
    for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    BOOST_TEST(store->count("migration_left").value() == 1U);
    BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());  // as it was since its memory was sent
    hypervisor.clear_failures();
    hypervisor.set_connected(false);
    hypervisor.set_connected(true);
    for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    BOOST_TEST(store->count("migration_left").value() == 0U);
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
}

// libvirt says that it has moved as well where the source could not be told so any more.
BOOST_AUTO_TEST_CASE(what_a_source_that_is_cut_off_at_the_end_keeps_is_taken_away) {
    const auto watching = cim::watch(services);
    for (const unsigned type : {32768U, 32771U}) {
        const auto guid = machine("type" + std::to_string(type));
        start(guid);
        Given more{{"MigrationSettingData", settings({{"MigrationType", type}})}};
        if (type == 32771U)
            more.emplace_back("NewResourceSettingData", disk_at((folder / "disks" / "copy.qcow2").string()));
        auto arriving = second.subscribe([&](const backend::Event& e) {
            if (e.kind != backend::EventKind::machine_added) return;
            (void)hypervisor.suspend({}, guid);
            hypervisor.set_connected(false);
        });
        const auto r = to_host(guid, more);
        (void)done(r);
        arriving.reset();
        BOOST_TEST(get(*r.out.get("Job").as_path()).uint("JobState") == 32768U);
        BOOST_TEST(last_text.find("what the machine left on \"testhost\"") != std::string::npos, last_text);
        BOOST_TEST(store->count("migration_left").value() == 1U);
        BOOST_TEST(std::filesystem::exists(disk_path));
        hypervisor.set_connected(true);
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
        BOOST_TEST(store->count("migration_left").value() == 0U);
        BOOST_TEST(hypervisor.machine(guid) == nullptr);
        BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
        BOOST_TEST((second.machine(guid)->state == MachineState::running));
        BOOST_TEST(std::filesystem::exists(disk_path) == (type == 32768U));
    }
}

// A host that tells by what its files are known again.
struct Marking final : testing::FakeHypervisor, backend::FileSight {
    using FakeHypervisor::FakeHypervisor;
    Result<std::string> file_mark(const backend::Call&, const std::string& path) override {
        return mark_of(path);
    }
};

BOOST_AUTO_TEST_CASE(what_has_the_name_of_an_original_by_then_is_not_removed) {
    const auto guid = machine();
    Marking here("testhost");
    BOOST_TEST_REQUIRE(here.define({}, hypervisor.machine(guid)->spec).ok());
    auto hosts = services.hosts;
    hosts[0].hypervisor = &here;
    Services now{shipped_schema(), here, jobs, *store, services.host, hosts, nullptr};
    ObjectManager manager(shipped_schema(), now, provider_registry());
    const auto watching = cim::watch(now);
    here.fail_always("remove_file", Error(Status::failed, "test.fault", "It is in use."));
    Arguments in;
    in.set("ComputerSystem", system(guid));
    in.set("DestinationHost", Value("hvB"));
    in.set("MigrationSettingData", settings({{"MigrationType", 32771U}}));
    in.set("NewResourceSettingData", disk_at((folder / "disks" / "copy.qcow2").string()));
    const auto r = manager.invoke(request(), service(), "MigrateVirtualSystemToHost", std::move(in));
    BOOST_TEST_REQUIRE(r.ok());
    (void)done(*r);
    BOOST_TEST(last_text.find(disk_path + ", which cannot be removed now") != std::string::npos, last_text);
    BOOST_TEST(store->count("migration_left").value() == 1U);
    std::ofstream(disk_path + ".other") << "somebody's";
    std::filesystem::rename(disk_path + ".other", disk_path);
    here.clear_failures();
    here.set_connected(false);
    here.set_connected(true);
    for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    BOOST_TEST(store->count("migration_left").value() == 0U);
    BOOST_TEST(std::filesystem::exists(disk_path));
    BOOST_TEST(second.machine(guid) != nullptr);
}

// As on a full disk.
BOOST_AUTO_TEST_CASE(what_cannot_be_written_down_is_not_promised) {
    const auto guid = machine();
    start(guid);
    const auto file = folder / "full.db";
    auto full = std::move(*Store::open(file));
    sqlite3* db = nullptr;
    BOOST_TEST_REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    const auto* const fails =
        "CREATE TRIGGER no_left BEFORE INSERT ON documents WHEN NEW.kind = 'migration_left' "
        "BEGIN SELECT abs(-9223372036854775807 - 1); END";
    BOOST_TEST_REQUIRE(sqlite3_exec(db, fails, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    Services now{shipped_schema(), hypervisor, jobs, *full, services.host, services.hosts, nullptr};
    ObjectManager manager(shipped_schema(), now, provider_registry());
    const auto copy = (folder / "disks" / "copy.qcow2").string();
    second.fail_always("remove_file", Error(Status::failed, "test.fault", "It is in use."));
    hypervisor.hold("migrate");
    hypervisor.fail_next("migrate", Error(Status::failed, "wsvirt.libvirt", "It could not move."));
    Arguments in;
    in.set("ComputerSystem", system(guid));
    in.set("DestinationHost", Value("hvB"));
    in.set("MigrationSettingData", settings({{"MigrationType", 32771U}}));
    in.set("NewResourceSettingData", disk_at(copy));
    const auto r = manager.invoke(request(), service(), "MigrateVirtualSystemToHost", std::move(in));
    BOOST_TEST_REQUIRE(r.ok());
    half_copied(copy);
    hypervisor.release("migrate");
    BOOST_TEST(done(*r) == 32768U);
    BOOST_TEST(full->count("migration_left").value() == 0U);
    BOOST_TEST(last_text.find(copy + ", which cannot be removed now") != std::string::npos, last_text);
    BOOST_TEST(last_text.find("cannot write that down") != std::string::npos, last_text);
    BOOST_TEST(last_text.find("tried again when") == std::string::npos, last_text);
}

// What a failed migration copied and the destination does not remove now.
struct HalfCopy : TwoHosts {
    HalfCopy() {
        start(guid);
        second.fail_always("remove_file", Error(Status::failed, "test.fault", "It is in use."));
        hypervisor.hold("migrate");
        hypervisor.fail_next("migrate", Error(Status::failed, "wsvirt.libvirt", "It could not move."));
        const auto r = begin();
        half_copied(copy);
        hypervisor.release("migrate");
        BOOST_TEST_REQUIRE(done(r) == 32768U);
        BOOST_TEST(last_text.find(copy + ", which cannot be removed now") != std::string::npos, last_text);
        BOOST_TEST(left() == 1U);
    }
    MethodResult begin() {
        return to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                              {"NewResourceSettingData", disk_at(copy)}});
    }
    std::uint64_t left() { return store->count("migration_left").value(); }
    void wait_for_all() {
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    }
    void return_of_host() {
        second.set_connected(false);
        second.set_connected(true);
        wait_for_all();
    }
    bool there() const { return std::filesystem::exists(copy); }

    std::string guid = machine(), copy = (folder / "disks" / "copy.qcow2").string();
};

BOOST_FIXTURE_TEST_CASE(what_cannot_be_removed_now_is_removed_later, HalfCopy) {
    const auto watching = cim::watch(services);
    wait_for_all();
    return_of_host();
    BOOST_TEST(there());
    BOOST_TEST(left() == 1U);
    second.clear_failures();
    return_of_host();
    BOOST_TEST(!there());
    BOOST_TEST(left() == 0U);
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
}

// What a host does that was asked to end something takes as long as it takes.
BOOST_AUTO_TEST_CASE(clearing_up_ends_with_the_service) {
    const auto watching = cim::watch(services);
    const auto guid = machine();
    start(guid);
    hypervisor.hold("migrate");
    hypervisor.fail_next("migrate", Error(Status::unavailable, "wsvirt.migration.lost", "Silent."));
    const auto r = to_host(guid);
    second.set_connected(false);
    hypervisor.release("migrate");
    BOOST_TEST(done(r) == 32777U);
    const auto begun = second.calls("abandon");
    second.hold("abandon");
    second.set_connected(true);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (second.calls("abandon") == begun && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    BOOST_TEST_REQUIRE(second.calls("abandon") > begun);
    const auto asked = std::chrono::steady_clock::now();
    jobs.stop();
    BOOST_TEST((std::chrono::steady_clock::now() - asked < std::chrono::seconds(10)));
    BOOST_TEST(store->count("migration_left").value() == 1U);  // for the next start
    BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
}

BOOST_FIXTURE_TEST_CASE(a_copy_that_lies_in_no_folder_of_the_host_stays, HalfCopy) {
    second.clear_failures();
    services.hosts[1].storage_folders = {"/only/here"};
    const auto watching = cim::watch(services);
    wait_for_all();
    BOOST_TEST((there() && left() == 0U));
}

// It has moved all the same.
BOOST_AUTO_TEST_CASE(an_original_that_cannot_be_removed_goes_later) {
    const auto watching = cim::watch(services);
    const auto guid = machine();
    const auto original = hypervisor.machine(guid)->spec.disks.at(0).path;
    const auto copy = (folder / "disks" / "copy.qcow2").string();
    hypervisor.fail_always("remove_file", Error(Status::failed, "test.fault", "It is in use."));
    const auto r = to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                                  {"NewResourceSettingData", disk_at(copy)}});
    (void)done(r);
    BOOST_TEST(last_text.find(original + ", which cannot be removed now") != std::string::npos, last_text);
    BOOST_TEST(get(*r.out.get("Job").as_path()).uint("JobState") == 32768U);
    BOOST_TEST(second.machine(guid) != nullptr);
    BOOST_TEST(store->count("migration_left").value() == 1U);
    BOOST_TEST(std::filesystem::exists(original));
    hypervisor.clear_failures();
    hypervisor.set_connected(false);
    hypervisor.set_connected(true);
    for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    BOOST_TEST(store->count("migration_left").value() == 0U);
    BOOST_TEST(!std::filesystem::exists(original));
}

BOOST_FIXTURE_TEST_CASE(what_could_not_be_removed_is_removed_after_a_restart, HalfCopy) {
    second.clear_failures();
    JobManager again(*store, {});
    Services now{shipped_schema(), hypervisor, again, *store, services.host, services.hosts, nullptr};
    recover(now);
    {
        const auto watching = cim::watch(now);
        for (const auto& id : again.ids()) (void)again.wait(id, std::chrono::seconds(60));
    }
    again.stop();
    BOOST_TEST(!there());
    BOOST_TEST(left() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_somebody_uses_by_now_is_not_removed, HalfCopy) {
    backend::MachineSpec other;
    other.uuid = make_guid();
    other.disks = {backend::Disk{}};
    other.disks[0].path = copy;
    BOOST_TEST_REQUIRE(second.define({}, other).ok());
    second.clear_failures();
    const auto watching = cim::watch(services);
    wait_for_all();
    BOOST_TEST(there());
    BOOST_TEST(left() == 0U);
}

// Hosts may see the same file, and the destination knows nothing of this one.
BOOST_FIXTURE_TEST_CASE(a_file_that_a_machine_of_another_host_uses_is_not_removed, HalfCopy) {
    backend::MachineSpec other;
    other.uuid = make_guid();
    other.disks = {backend::Disk{}};
    other.disks[0].path = copy;
    BOOST_TEST_REQUIRE(hypervisor.define({}, other).ok());
    second.clear_failures();
    const auto watching = cim::watch(services);
    wait_for_all();
    BOOST_TEST(there());
    BOOST_TEST(left() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_another_migration_makes_is_not_removed, HalfCopy) {
    const auto claim = jobs.lock("file hvB " + copy);
    second.clear_failures();
    const auto watching = cim::watch(services);
    wait_for_all();
    BOOST_TEST(there());
    BOOST_TEST(left() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_is_made_anew_is_not_left_over, HalfCopy) {
    std::filesystem::remove(copy);  // by hand
    BOOST_TEST(done(begin()) == 0U);
    BOOST_TEST(left() == 0U);
    BOOST_TEST(second.machine(guid) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
