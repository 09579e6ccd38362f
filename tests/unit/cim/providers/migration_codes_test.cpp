// Every code of the Migrate methods that can arise: of MigrateVirtualSystemToHost 32768 ... 32778, of
// MigrateVirtualSystemToSystem 1 ... 6 and the vendor's.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "base/text.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

BOOST_FIXTURE_TEST_SUITE(migration_service, TwoHosts)

BOOST_AUTO_TEST_CASE(invalid_parameters) {
    const auto guid = machine();
    REFUSED(to_host(guid, {}, "nowhere"), 32773U);
    REFUSED(to_system(guid, {}, "nowhere"), 4U);
    REFUSED(to_host(guid, {}, nullptr), 32773U);
    REFUSED(to_host(make_guid()), 32773U);
    REFUSED(to_system(make_guid()), 4U);
    REFUSED(to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", 7U}})}}), 32773U);
    REFUSED(to_system(guid, {{"MigrationSettingData", settings({{"MigrationType", 7U}})}}), 4U);
    REFUSED(to_host(guid, {{"MigrationSettingData",
                            settings({{"DestinationIPAddressList", texts({"not an address"})}})}}),
            32773U);
    REFUSED(to_host(guid, {{"MigrationSettingData",
                            settings({{"DestinationPlannedVirtualSystemId", Value(make_guid())}})}}),
            32773U);
    BOOST_TEST(hypervisor.machine(guid) != nullptr);
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_CASE(parameters_that_do_not_fit_together) {
    const auto guid = machine();
    REFUSED(to_system(guid, {}, "testhost"), 6U);
    REFUSED(to_host(guid, {}, "testhost"), 32773U);
    REFUSED(to_system(guid, {{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                             {"NewResourceSettingData", disk_at("/elsewhere/x.qcow2")}}),
            6U);
    REFUSED(to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", 32769U}})}}, nullptr),
            32773U);
    // A disk that the destination does not see.
    REFUSED(to_system(guid, {{"NewResourceSettingData", disk_at((folder / "disks/gone.qcow2").string())}}),
            6U);
    REFUSED(to_host(guid, {{"NewResourceSettingData", disk_at((folder / "disks/gone.qcow2").string())}}),
            32773U);
}

// Its variables, which hold the keys, go along as they are.
BOOST_AUTO_TEST_CASE(secure_boot_stays_as_it_is) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    spec.firmware = backend::Firmware::uefi;
    spec.secure_boot = true;
    spec.boot_order.clear();
    std::erase_if(spec.controllers, [](const auto& c) { return c.bus != backend::Bus::scsi; });
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    const Given without{{"NewSystemSettingData", Value(make("Msvm_VirtualSystemSettingData",
                                                            {{"InstanceID", Value("Microsoft:" + guid)},
                                                             {"SecureBootEnabled", false}}))}};
    REFUSED(to_host(guid, without), 32773U);
    REFUSED(to_system(guid, without), 6U);
    BOOST_TEST(done(to_host(guid)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(incorrect_data_type) {
    const auto guid = machine();
    const auto r = to_host(guid, {{"MigrationSettingData", Value("no settings at all")}});
    BOOST_TEST(code(r) == 32776U);
    BOOST_TEST(code(to_system(guid, {{"MigrationSettingData", Value("no settings at all")}})) == 4U);
}

BOOST_AUTO_TEST_CASE(not_supported) {
    const auto guid = machine();
    const auto smb = settings({{"TransportType", 32768U}});
    REFUSED(to_host(guid, {{"MigrationSettingData", smb}}), 32770U);
    REFUSED(to_system(guid, {{"MigrationSettingData", smb}}), 1U);
    REFUSED(to_system(guid, {{"MigrationSettingData", settings({{"AllowOverwriteExistingFile", true}})}}),
            1U);
    REFUSED(to_host(guid, {{"MigrationSettingData", settings({{"RemoveSourceUnmanagedVhds", true}})}}),
            32770U);
    REFUSED(to_system(guid, {{"MigrationSettingData", settings({{"MigrationType", 32772U}})}}, "testhost"),
            1U);
    services.hosts[1].uri = "qemu:///embed?root=/x";
    REFUSED(to_host(guid), 32770U);
}

BOOST_AUTO_TEST_CASE(vhdx_disks_stay) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    spec.disks.at(0).format = "vhdx";
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    REFUSED(to_host(guid), 32770U);
    // A snapshot puts another file above it.
    backend::SnapshotRequest s;
    s.machine = guid;
    s.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, s).ok());
    spec.disks.at(0).format = "qcow2";
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    REFUSED(to_host(guid), 32770U);
}

BOOST_AUTO_TEST_CASE(vhd_disks_stay_while_their_machine_runs) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    spec.disks.at(0).format = "vpc";
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    start(guid);
    REFUSED(to_host(guid), 32770U);
    REFUSED(to_system(guid), 1U);
    REFUSED(to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", 32771U}})}}), 32770U);
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
    BOOST_TEST_REQUIRE(hypervisor.power_off({}, guid).ok());
    BOOST_TEST(done(to_host(guid)) == 0U, last_text);
    BOOST_TEST(second.machine(guid) != nullptr);
}

BOOST_AUTO_TEST_CASE(invalid_state) {
    const auto guid = machine();
    start(guid);
    BOOST_TEST_REQUIRE(hypervisor.save({}, guid).ok());
    REFUSED(to_host(guid), 32775U);
    REFUSED(to_system(guid), 5U);
    BOOST_TEST_REQUIRE(hypervisor.start({}, guid).ok());
    backend::SnapshotRequest s;
    s.machine = guid;
    s.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, s).ok());
    const auto both = settings({{"MigrationType", 32771U}});  // its disks are not copied with them
    REFUSED(to_host(guid, {{"MigrationSettingData", both}}), 32775U);
    REFUSED(to_system(guid, {{"MigrationSettingData", both}}), 5U);
}

// Its planned system can be realized again; half of it somewhere else could not.
BOOST_AUTO_TEST_CASE(a_half_made_machine_does_not_move) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    spec.attributes["Planned.Unfinished"] = "1";
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    const auto staged = settings({{"MigrationType", 32770U}});
    REFUSED(to_host(guid), 32775U);
    REFUSED(to_host(guid, {{"MigrationSettingData", staged}}), 32775U);
    REFUSED(to_system(guid), 5U);
    const auto check = call(service(), "CheckVirtualSystemIsMigratableToHost",
                            {{"ComputerSystem", system(guid)}, {"DestinationHost", Value("hvB")}});
    BOOST_TEST(code(check) == 0U);
    BOOST_TEST(!check.out.get("IsMigratable").bool_or(true));
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_CASE(files_of_snapshots_that_the_destination_does_not_see) {
    const auto guid = machine();
    backend::SnapshotRequest s;
    s.machine = guid;
    s.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, s).ok());
    auto spec = hypervisor.machine(guid)->spec;
    auto& disk = spec.disks.at(0).path;
    std::filesystem::copy_file(disk, disk + ".now");
    std::filesystem::remove(disk);
    disk += ".now";
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    REFUSED(to_host(guid), 32775U);
    REFUSED(to_system(guid), 5U);
    spec.disks.clear();
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    second.fail_always("has_file", Error(Status::unavailable, "test.fault", "It does not say."));
    REFUSED(to_host(guid), 32777U);
    BOOST_TEST(hypervisor.machine(guid) != nullptr);
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_CASE(in_use) {
    const auto guid = machine();
    const auto held = jobs.lock(guid);
    REFUSED(to_host(guid), 32774U);
    REFUSED(to_system(guid), 32774U);
}

BOOST_AUTO_TEST_CASE(other_media_do_not_move_alone) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    spec.disks.at(0).device = backend::DiskDevice::cdrom;
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    const Given alone{{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                      {"NewResourceSettingData", disk_at((folder / "disks" / "other.qcow2").string())}};
    REFUSED(to_host(guid, alone, nullptr), 32773U);
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_CASE(not_available) {
    const auto guid = machine();
    second.set_connected(false);
    REFUSED(to_host(guid), 32777U);
    REFUSED(to_system(guid), 32777U);
}

BOOST_AUTO_TEST_CASE(the_name_is_taken_there) {
    const auto guid = machine();
    BOOST_TEST_REQUIRE(second.define({}, hypervisor.machine(guid)->spec).ok());
    REFUSED(to_host(guid), 32768U);
    REFUSED(to_system(guid), 2U);
}

BOOST_AUTO_TEST_CASE(access_denied_outside_the_storage_folders) {
    services.hosts[1].storage_folders = {"/only/here"};
    const auto guid = machine();
    start(guid);
    const Given both{{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                     {"NewResourceSettingData", disk_at((folder / "disks" / "copy.qcow2").string())}};
    REFUSED(to_host(guid, both), 32769U);
    REFUSED(to_system(guid, both), 32769U);
}

BOOST_AUTO_TEST_CASE(what_fails_on_the_way_is_in_the_job) {
    const auto guid = machine();
    hypervisor.fail_next("migrate", Error(Status::failed, "wsvirt.libvirt", "The machine could not move.",
                                          guid, "operation failed: migration out: unexpectedly failed"));
    BOOST_TEST(done(to_host(guid)) == 32768U);
    BOOST_TEST(last_text.find("unexpectedly failed") != std::string::npos, last_text);
    hypervisor.fail_next("migrate", Error(Status::timed_out, "wsvirt.timeout", "Too slow."));
    BOOST_TEST(done(to_host(guid)) == 32772U);
    hypervisor.fail_next("migrate", Error(Status::out_of_memory, "wsvirt.memory", "No memory there."));
    BOOST_TEST(done(to_host(guid)) == 32778U);
    BOOST_TEST(hypervisor.machine(guid) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_disk_that_cannot_be_copied_while_the_machine_is_off) {
    const auto guid = machine();
    const auto both = [&] {
        return to_host(guid,
                       {{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                        {"NewResourceSettingData", disk_at((folder / "disks" / "copy.qcow2").string())}});
    };
    hypervisor.fail_always("check_copied", Error(Status::not_supported, "wsvirt.migration.differencing",
                                                 "The disk stands on another file."));
    const auto r = both();
    BOOST_TEST(r.return_value.uint_or(0) == 32770U);
    BOOST_TEST(job_of(r).errors.at(0).message_id == "wsvirt.migration.differencing");
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
    start(guid);
    const auto asked = hypervisor.calls("check_copied");
    BOOST_TEST(done(both()) == 0U);
    BOOST_TEST(hypervisor.calls("check_copied") == asked);
}

BOOST_AUTO_TEST_CASE(cancelling_leaves_the_machine_where_it_is) {
    for (const unsigned state : {4U, 5U}) {
        const auto guid = machine("c" + std::to_string(state));
        start(guid);
        hypervisor.hold("migrate");
        const auto r = to_host(guid);
        BOOST_TEST_REQUIRE(code(r) == 4096U);
        const auto answer =
            call(*r.out.get("Job").as_path(), "RequestStateChange", {{"RequestedState", state}});
        BOOST_TEST(code(answer) == 0U);
        BOOST_TEST(done(r) != 0U);
        hypervisor.release("migrate");
        BOOST_TEST((job_of(r).state == (state == 4 ? JobState::terminated : JobState::killed)));
        BOOST_TEST((hypervisor.machine(guid)->state == MachineState::running));
        BOOST_TEST(!second.machine(guid));
    }
}

BOOST_AUTO_TEST_CASE(one_operation_at_a_time_on_a_machine) {
    const auto guid = machine();
    hypervisor.hold("migrate");
    const auto first = to_host(guid);
    BOOST_TEST_REQUIRE(code(first) == 4096U);
    REFUSED(to_host(guid), 32774U);
    BOOST_TEST(get(service()).uint("ActiveVirtualSystemMigrationCount") == 1U);
    BOOST_TEST(get(*system(guid).as_path()).get("OperationalStatus").as_array()->back().uint_or(0) == 32774U);
    hypervisor.release("migrate");
    BOOST_TEST(done(first) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
