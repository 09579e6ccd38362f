// Msvm_VirtualSystemMigrationService over two hosts in memory: what moves, and every code of the Migrate
// methods that can arise.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "base/text.hpp"
#include "cim/providers/methods.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

#define REFUSED(answer, number)                                                         \
    do {                                                                                \
        const auto r_ = (answer);                                                       \
        BOOST_TEST(code(r_) == (number), code(r_) << ": " << text_of(r_) << last_text); \
        BOOST_TEST(!text_of(r_).empty());                                               \
    } while (false)

BOOST_FIXTURE_TEST_SUITE(migration_service, TwoHosts)

BOOST_AUTO_TEST_CASE(a_machine_moves_and_the_job_is_a_migration_job) {
    const auto guid = machine();
    start(guid);
    const auto r = to_host(guid);
    BOOST_TEST(code(r) == 4096U);  // MigrateVirtualSystemToHost documents no 0
    BOOST_TEST(done(r) == 0U, last_text);
    BOOST_TEST(!hypervisor.machine(guid));
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST((second.machine(guid)->state == MachineState::running));
    const auto job = get(*r.out.get("Job").as_path());
    BOOST_TEST(job.cls().name() == "Msvm_MigrationJob");
    BOOST_TEST(job.uint("JobType") == 305U);
    BOOST_TEST(job.uint("MigrationType") == 32768U);
    BOOST_TEST(job.string("VirtualSystemName") == "traveller");
    BOOST_TEST(job.string("DestinationHost") == "hvB");
    BOOST_TEST(job.uint("PercentComplete") == 100U);
}

BOOST_AUTO_TEST_CASE(to_system_answers_0_with_the_new_machine) {
    const auto guid = machine();
    const auto r = to_system(guid);
    BOOST_TEST(code(r) == 0U, text_of(r));
    BOOST_TEST(second.machine(guid) != nullptr);
    const auto* path = r.out.get("NewComputerSystem").as_path();
    BOOST_TEST_REQUIRE(path);
    BOOST_TEST(path->key_string("Name") == guid);
    BOOST_TEST(iequals(path->name_space(), "root/HyperVCluster/v2"));
}

BOOST_AUTO_TEST_CASE(to_system_answers_4096_when_it_takes_longer) {
    services.host.synchronous_window = std::chrono::milliseconds(0);
    const auto guid = machine();
    hypervisor.hold("migrate");
    const auto r = to_system(guid);
    BOOST_TEST(code(r) == 4096U);
    BOOST_TEST(r.out.get("NewComputerSystem").as_path() != nullptr);
    hypervisor.release("migrate");
    BOOST_TEST(done(r) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(every_form_of_a_host_name) {
    for (const char* name :
         {"hvB", "HVB", " hvB ", "10.99.0.2", "hvb.example.com", "hvB.other.example.com"}) {
        const auto guid = machine(std::string("m") + std::to_string(second.machines().size()));
        BOOST_TEST(done(to_host(guid, {}, name)) == 0U, name << ": " << last_text);
        BOOST_TEST(second.machine(guid) != nullptr, name);
    }
    const auto guid = machine("last");
    const auto text =
        R"(\\hvB\root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="hvB")";
    const auto r = call(service(), "MigrateVirtualSystemToSystem",
                        {{"ComputerSystem", settings_of(guid)}, {"DestinationSystem", Value(text)}});
    BOOST_TEST(code(r) == 0U, text_of(r));
    BOOST_TEST(second.machine(guid) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_destination_system_may_be_a_host_name) {
    services.hosts[1].migration_data_address = "fd00::2";
    for (const char* name : {"hvB", "HVB", R"(\\hvB)", "10.99.0.2", "fd00:0:0::2", "[fd00::2]",
                             "hvb.example.com", "hvB.other.example.com"}) {
        const auto guid = machine(std::string("m") + std::to_string(second.machines().size()));
        const auto r = call(service(), "MigrateVirtualSystemToSystem",
                            {{"ComputerSystem", system(guid)}, {"DestinationSystem", Value(name)}});
        BOOST_TEST(done(r) == 0U, name << ": " << text_of(r));
        BOOST_TEST(second.machine(guid) != nullptr, name);
    }
    const auto r =
        call(service(), "MigrateVirtualSystemToSystem",
             {{"ComputerSystem", system(machine("last"))}, {"DestinationSystem", Value("nowhere.example")}});
    BOOST_TEST(text_of(r).find("nowhere.example") != std::string::npos, text_of(r));
}

BOOST_AUTO_TEST_CASE(IPv6_addresses_are_names_too) {
    services.hosts[1].migration_data_address = "fd00::2";
    BOOST_TEST(done(to_host(machine("a"), {}, "fd00:0:0::2")) == 0U, last_text);
    BOOST_TEST(done(to_host(machine("b"), {}, "[fd00::2]")) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(new_settings_hold_at_the_destination) {
    const auto guid = machine();
    const auto r = to_system(
        guid, {{"NewSystemSettingData",
                Value(make("Msvm_VirtualSystemSettingData", {{"ElementName", Value("arrived")}}))}});
    BOOST_TEST(code(r) == 0U, text_of(r));
    BOOST_TEST(second.machine(guid)->spec.name == "arrived");
}

BOOST_AUTO_TEST_CASE(a_disk_may_have_another_path_there) {
    const auto guid = machine();
    const auto other = image("seen-there.qcow2");
    const auto r = to_system(guid, {{"NewResourceSettingData", disk_at(other)}});
    BOOST_TEST(code(r) == 0U, text_of(r));
    BOOST_TEST(second.machine(guid)->spec.disks.at(0).path == other);
}

// Each by its own settings, also where several hold the same file.
BOOST_AUTO_TEST_CASE(only_the_drive_that_is_named_gets_another_path) {
    const auto iso = image("here.iso"), one = image("one.iso"), two = image("two.iso");
    for (const bool runs : {false, true})
        for (const bool renamed : {false, true})
            for (const std::vector<std::string>& there :
                 std::vector<std::vector<std::string>>{{iso, one}, {one, iso}, {one, two}, {two, one}}) {
                const auto guid = machine(make_guid());
                auto spec = hypervisor.machine(guid)->spec;
                for (unsigned unit : {5U, 6U}) {
                    auto d = spec.disks.at(0);
                    d.id = make_guid();
                    d.device = backend::DiskDevice::cdrom;
                    d.unit = unit;
                    d.path = iso;
                    d.format = "raw";
                    spec.disks.push_back(d);
                }
                BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
                if (runs) start(guid);
                std::vector<Instance> media;
                for (unsigned n : {0U, 1U})
                    if (there[n] != iso)
                        media.push_back(make("Msvm_StorageAllocationSettingData",
                                             {{"InstanceID", Value(medium_id(guid, n + 1))},
                                              {"HostResource", texts({there[n]})}}));
                Given more{{"NewResourceSettingData", list(media)}};
                if (renamed)
                    more.emplace_back("NewSystemSettingData", Value(make("Msvm_VirtualSystemSettingData",
                                                                         {{"ElementName", Value("n")}})));
                BOOST_TEST(done(to_host(guid, more)) == 0U, last_text);
                const auto moved = second.machine(guid);
                BOOST_TEST_REQUIRE(moved != nullptr);
                BOOST_TEST(moved->spec.disks.at(0).path == spec.disks[0].path);
                BOOST_TEST(moved->spec.disks.at(1).path == there[0]);
                BOOST_TEST(moved->spec.disks.at(2).path == there[1]);
            }
}

BOOST_AUTO_TEST_CASE(two_disks_do_not_move_to_one_file) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    auto other = spec.disks.at(0);
    other.id = make_guid();
    other.unit = 1;
    other.path = image("second.qcow2");
    spec.disks.push_back(other);
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    const auto to = texts({(folder / "disks" / "one.qcow2").string()});
    std::vector<Instance> both;
    for (const unsigned n : {0U, 1U})
        both.push_back(make("Msvm_StorageAllocationSettingData",
                            {{"InstanceID", Value(medium_id(guid, n))}, {"HostResource", to}}));
    REFUSED(to_host(guid,
                    {{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                     {"NewResourceSettingData", list(both)}},
                    nullptr),
            32774U);
}

BOOST_AUTO_TEST_CASE(storage_alone_moves_on_the_own_host) {
    const auto guid = machine();
    const auto to = (folder / "disks" / "elsewhere.qcow2").string();
    const auto r = to_host(guid,
                           {{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                            {"NewResourceSettingData", disk_at(to)}},
                           nullptr);
    BOOST_TEST(done(r) == 0U, text_of(r) + last_text);
    BOOST_TEST(spec(guid).disks.at(0).path == to);
    const auto job = get(*r.out.get("Job").as_path());
    BOOST_TEST(job.uint("JobType") == 307U);
    const auto* moved = job.get("NewResourceSettingData").as_array();
    BOOST_TEST_REQUIRE(moved);
    BOOST_TEST(moved->size() == 1U);
}

BOOST_AUTO_TEST_CASE(machine_and_storage_move_together) {
    const auto guid = machine();
    start(guid);
    const auto to = (folder / "disks" / "copy.qcow2").string();
    const auto r = to_host(guid, {{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                                  {"NewResourceSettingData", disk_at(to)}});
    BOOST_TEST(done(r) == 0U, text_of(r) + last_text);
    BOOST_TEST(second.machine(guid)->spec.disks.at(0).path == to);
    BOOST_TEST(job_of(r).job_type == 306U);
}

BOOST_AUTO_TEST_CASE(staged_then_moved_into_the_planned_system) {
    const auto guid = machine();
    auto r = to_system(guid, {{"MigrationSettingData", settings({{"MigrationType", 32770U}})}});
    BOOST_TEST(code(r) == 0U, text_of(r));
    const auto* planned = r.out.get("NewComputerSystem").as_path();
    BOOST_TEST_REQUIRE(planned);
    BOOST_TEST(planned->class_name() == "Msvm_PlannedComputerSystem");
    const auto id = planned->key_string("Name");
    BOOST_TEST(!iequals(id, guid));
    BOOST_TEST(get(*planned).string("ElementName") == "traveller");
    BOOST_TEST(done(call(vsms(), "ModifySystemSettings",
                         {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData",
                                                        {{"InstanceID", Value("Microsoft:" + id)},
                                                         {"ElementName", Value("planned name")}}))}})) == 0U);
    const Given into{{"MigrationSettingData", settings({{"MigrationType", 32768U},
                                                        {"DestinationPlannedVirtualSystemId", Value(id)}})}};
    {
        const auto held = jobs.lock(id);  // somebody realizes it, or changes it
        REFUSED(to_host(guid, into), 32774U);
    }
    services.hosts[1].name = "hvC";
    REFUSED(to_host(guid, into, "hvC"), 32773U);
    REFUSED(to_system(guid, into, "hvC"), 6U);
    services.hosts[1].name = "hvB";
    r = to_host(guid, into);
    BOOST_TEST(done(r) == 0U, text_of(r) + last_text);
    BOOST_TEST(second.machine(guid)->spec.name == "planned name");
    BOOST_TEST(query("SELECT * FROM Msvm_PlannedComputerSystem").empty());
}

BOOST_DATA_TEST_CASE(snapshots_go_along, boost::unit_test::data::make({false, true}), runs) {
    const auto guid = machine();
    if (runs) start(guid);
    backend::SnapshotRequest s;
    s.machine = guid;
    s.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, s).ok());
    const auto r = to_system(guid);
    BOOST_TEST(code(r) == 0U, text_of(r));
    BOOST_TEST(!hypervisor.machine(guid));
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST_REQUIRE(second.machine(guid)->snapshots.size() == 1U);
    BOOST_TEST(second.machine(guid)->snapshots[0].id == s.id);
}

// --- codes of MigrateVirtualSystemToHost: 32768 ... 32778; of ...ToSystem: 1 ... 6 and the vendor's ---

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
