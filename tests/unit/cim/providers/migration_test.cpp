// Msvm_VirtualSystemMigrationService over two hosts in memory: what moves.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "base/text.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

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

// As Microsoft's sample leaves the place at the destination to the service.
BOOST_AUTO_TEST_CASE(a_disk_without_a_place_goes_to_the_same_path) {
    second.has_own_files(true);
    const auto guid = machine();
    start(guid);
    const Given given{{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                      {"NewResourceSettingData", disk_at("")}};
    auto none = given;
    none.back().second = list({make("Msvm_StorageAllocationSettingData",
                                    {{"InstanceID", Value(disk_id)}, {"HostResource", texts({})}})});
    REFUSED(to_host(guid, none), 32773U);
    const auto r = to_host(guid, given);
    BOOST_TEST(done(r) == 0U, text_of(r) + last_text);
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST(second.machine(guid)->spec.disks.at(0).path == disk_path);
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

BOOST_AUTO_TEST_CASE(what_was_staged_goes_by_the_machines_own_identifier) {
    const auto guid = machine();
    const Given staged{{"MigrationSettingData", settings({{"MigrationType", 32770U}})}};
    const Given into{
        {"MigrationSettingData",
         settings({{"MigrationType", 32768U}, {"DestinationPlannedVirtualSystemId", Value(guid)}})}};
    const auto stage = [&] {
        const auto r = to_host(guid, staged);
        BOOST_TEST_REQUIRE(done(r) == 0U, text_of(r) + last_text);
    };
    const auto planned = [&] { return query("SELECT * FROM Msvm_PlannedComputerSystem"); };
    REFUSED(to_host(guid, into), 32773U);
    stage();
    const auto older = planned().at(0).string("Name");
    stage();
    std::string newer;
    for (const auto& p : planned())
        if (!iequals(p.string("Name"), older)) newer = p.string("Name");
    BOOST_TEST(done(call(vsms(), "ModifySystemSettings",
                         {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData",
                                                        {{"InstanceID", Value("Microsoft:" + newer)},
                                                         {"ElementName", Value("planned name")}}))}})) == 0U);
    services.hosts[1].name = "hvC";  // nothing was made for that one
    REFUSED(to_host(guid, into, "hvC"), 32773U);
    services.hosts[1].name = "hvB";
    {
        const auto held = jobs.lock(newer);
        REFUSED(to_host(guid, into), 32774U);
    }
    auto check = into;
    check.emplace_back("ComputerSystem", system(guid));
    check.emplace_back("DestinationHost", Value("hvB"));
    BOOST_TEST(done(call(service(), "CheckVirtualSystemIsMigratable", check)) == 0U, last_text);
    const auto r = to_host(guid, into);
    BOOST_TEST(done(r) == 0U, text_of(r) + last_text);
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST(second.machine(guid)->spec.name == "planned name");
    BOOST_TEST_REQUIRE(planned().size() == 1U);
    BOOST_TEST(planned().at(0).string("Name") == older);
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

BOOST_AUTO_TEST_SUITE_END()
