// What NewSystemSettingData and NewResourceSettingData say of a machine that moves, and what its ports are
// plugged into over there: each has its effect, or the call is refused.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "cim/providers/virtual_system/elements.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::NicLink;

namespace {

struct Fixture : TwoHosts {
    Value disk_that(Given more) const {
        more.emplace_back("InstanceID", Value(disk_id));
        return list({make("Msvm_StorageAllocationSettingData", more)});
    }
    std::string staged(const std::string& guid) {
        const auto r = to_system(guid, {{"MigrationSettingData", settings({{"MigrationType", 32770U}})}});
        BOOST_TEST_REQUIRE(code(r) == 0U, text_of(r));
        return r.out.get("NewComputerSystem").as_path()->key_string("Name");
    }
    // Its one port leads there; the InstanceID of the connection.
    std::string plug(const std::string& guid, NicLink link, const std::string& source) {
        const auto port =
            added(guid, make("Msvm_SyntheticEthernetPortSettingData",
                             {{"ResourceType", 10U},
                              {"ResourceSubType", Value("Microsoft:Hyper-V:Synthetic Ethernet Port")}}));
        const auto id = make_guid();
        hypervisor.add_switch({id, source, link, source, true});
        return added(guid,
                     make("Msvm_EthernetPortAllocationSettingData",
                          {{"ResourceType", 33U},
                           {"ResourceSubType", Value("Microsoft:Hyper-V:Ethernet Connection")},
                           {"Parent", Value(parent_text("Msvm_SyntheticEthernetPortSettingData", port))},
                           {"HostResource", texts({id})}}));
    }
    std::uint32_t check(const std::string& guid, Given more = {}) {
        more.emplace_back("ComputerSystem", system(guid));
        more.emplace_back("DestinationHost", Value("hvB"));
        return done(call(service(), "CheckVirtualSystemIsMigratable", more));
    }
};

constexpr auto runs_or_not = {false, true};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(migration_settings, Fixture)

// The path in the call holds, not the one that the planned system has had.
BOOST_DATA_TEST_CASE(a_planned_system_is_given_another_disk, boost::unit_test::data::make(runs_or_not),
                     runs) {
    const auto guid = machine();
    const auto planned = staged(guid);
    if (runs) start(guid);
    const auto other = image("other.qcow2");
    const auto r = to_host(
        guid, {{"MigrationSettingData",
                settings({{"MigrationType", 32768U}, {"DestinationPlannedVirtualSystemId", Value(planned)}})},
               {"NewResourceSettingData", disk_at(other)}});
    BOOST_TEST(done(r) == 0U, last_text);
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST(second.machine(guid)->spec.disks.at(0).path == other);
}

BOOST_DATA_TEST_CASE(what_a_disk_says_beside_its_path, boost::unit_test::data::make(runs_or_not), runs) {
    const auto guid = machine();
    if (runs) start(guid);
    const auto other = image("other.qcow2");
    const auto disk = disk_that({{"HostResource", texts({other})}, {"IOPSLimit", 500U}, {"CachingMode", 3U}});
    const auto r = to_host(guid, {{"NewResourceSettingData", disk}});
    BOOST_TEST(done(r) == 0U, text_of(r));
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    const auto there = second.machine(guid)->spec.disks.at(0);
    BOOST_TEST(there.path == other);
    BOOST_TEST(there.iops_limit.value_or(0) == 500U);
    BOOST_TEST(std::any_of(there.attributes.begin(), there.attributes.end(), [](const auto& a) {
        return a.first.ends_with("CachingMode") && a.second == "3";
    }));
}

// Whoever made it.
BOOST_AUTO_TEST_CASE(a_machine_whose_settings_cannot_be_written_down_gets_other_paths) {
    const auto guid = machine();
    const auto other = image("other.qcow2");
    hypervisor.fail_next("spec_to_text", Error(Status::invalid_parameter, "test", "No such drive."));
    const auto r = to_host(guid, {{"NewResourceSettingData", disk_that({{"HostResource", texts({other})}})}});
    BOOST_TEST(done(r) == 0U, text_of(r));
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    BOOST_TEST(second.machine(guid)->spec.disks.at(0).path == other);
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_be_written_down_are_refused_before_anything_moves) {
    const auto guid = machine();
    const auto path = spec(guid).disks.at(0).path;
    const auto to = (folder / "disks" / "elsewhere.qcow2").string();
    const Given given{
        {"MigrationSettingData", settings({{"MigrationType", 32769U}})},
        {"NewResourceSettingData", disk_that({{"HostResource", texts({to})}, {"IOPSLimit", 500U}})}};
    hypervisor.fail_next("spec_to_text", Error(Status::invalid_parameter, "test", "No such drive."));
    BOOST_TEST(code(to_host(guid, given, nullptr)) == 32773U);
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
    BOOST_TEST(spec(guid).disks.at(0).path == path);
}

BOOST_DATA_TEST_CASE(settings_hold_also_where_only_disks_move, boost::unit_test::data::make(runs_or_not),
                     runs) {
    const auto guid = machine();
    if (runs) start(guid);
    const auto to = (folder / "disks" / "elsewhere.qcow2").string();
    const auto alone = settings({{"MigrationType", 32769U}});
    Given given{{"MigrationSettingData", alone},
                {"NewSystemSettingData",
                 Value(make("Msvm_VirtualSystemSettingData",
                            {{"ElementName", Value("moved")}, {"AutomaticStartupAction", 4U}}))},
                {"NewResourceSettingData", disk_that({{"HostResource", texts({to})}, {"IOPSLimit", 500U}})}};
    BOOST_TEST(done(to_host(guid, given, nullptr)) == 0U, last_text);
    const auto& now = spec(guid);
    BOOST_TEST(now.disks.at(0).path == to);
    BOOST_TEST(now.disks.at(0).iops_limit.value_or(0) == 500U);
    BOOST_TEST(now.name == "moved");
    BOOST_TEST(now.autostart);
    BOOST_TEST(!std::filesystem::exists(disk_path));
    // What says what is so already changes nothing, and what fails afterwards leaves the disks where they
    // are.
    given.back().second = disk_at((folder / "disks" / "third.qcow2").string());
    const auto redefined = hypervisor.calls("redefine");
    BOOST_TEST(done(to_host(guid, given, nullptr)) == 0U, last_text);
    BOOST_TEST(hypervisor.calls("redefine") == redefined);
    hypervisor.fail_next("redefine", Error(Status::failed, "test.fault", "It does not take them."));
    const auto fourth = (folder / "disks" / "fourth.qcow2").string();
    given.back().second = disk_that({{"HostResource", texts({fourth})}, {"IOPSLimit", 600U}});
    BOOST_TEST(done(to_host(guid, given, nullptr)) == 32768U);
    BOOST_TEST(last_text.find("have moved") != std::string::npos, last_text);
    BOOST_TEST(spec(guid).disks.at(0).path == fourth);
    BOOST_TEST(spec(guid).disks.at(0).iops_limit.value_or(0) == 500U);
    BOOST_TEST(!std::filesystem::exists(folder / "disks" / "third.qcow2"));
}

// Clients that name a folder at the destination set all of them.
BOOST_DATA_TEST_CASE(folders_for_files_move_along, boost::unit_test::data::make(runs_or_not), runs) {
    const auto guid = machine();
    if (runs) start(guid);
    const auto roots = {"ConfigurationDataRoot", "GuestStateDataRoot", "SnapshotDataRoot",
                        "SwapFileDataRoot"};
    const auto there = [&](const char* place) {
        Given given;
        for (const char* name : roots) given.emplace_back(name, Value(place));
        return Value(make("Msvm_VirtualSystemSettingData", given));
    };
    const auto now_in = [&](const std::string& place, const backend::MachineSpec& s) {
        for (const char* name : roots)
            BOOST_TEST(s.attributes.at(std::string(vs::system_prefix) + name) == place, name);
    };
    const auto to = (folder / "disks" / "elsewhere.qcow2").string();
    BOOST_TEST(done(to_host(guid,
                            {{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                             {"NewSystemSettingData", there("/srv/one")},
                             {"NewResourceSettingData", disk_at(to)}},
                            nullptr)) == 0U,
               last_text);
    now_in("/srv/one", spec(guid));
    BOOST_TEST(done(to_host(guid, {{"NewSystemSettingData", there("/srv/two")}})) == 0U, last_text);
    BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
    now_in("/srv/two", second.machine(guid)->spec);
}

BOOST_AUTO_TEST_CASE(a_switch_that_the_destination_lacks) {
    struct Case {
        NicLink link;
        const char* source;
    };
    for (const auto& c : {Case{NicLink::network, "lan"}, Case{NicLink::bridge, "br0"}}) {
        const auto guid = machine(c.source);
        const auto connection = plug(guid, c.link, c.source);
        const auto other_id = make_guid();
        second.add_switch({other_id, "other", c.link, std::string("other-") + c.source, true});
        BOOST_TEST(check(guid) == 32773U);
        BOOST_TEST(last_text.find(c.source) != std::string::npos, last_text);
        BOOST_TEST(code(to_host(guid)) == 32773U);
        BOOST_TEST(!second.machine(guid));
        // Another one in the call is what it is plugged into then; one of this host is none of that one's.
        const auto plugged_into = [&](const std::string& id) {
            return Given{{"NewResourceSettingData",
                          list({make("Msvm_EthernetPortAllocationSettingData",
                                     {{"InstanceID", Value(connection)}, {"HostResource", texts({id})}})})}};
        };
        BOOST_TEST(code(to_host(guid, plugged_into(hypervisor.switches().back().id))) == 32773U);
        for (const bool runs : runs_or_not) {
            if (runs) start(guid);
            BOOST_TEST(check(guid, plugged_into(other_id)) == 0U, last_text);
        }
        BOOST_TEST(done(to_host(guid, plugged_into(other_id))) == 0U, last_text);
        const auto moved = second.machine(guid);
        BOOST_TEST_REQUIRE(moved != nullptr);
        BOOST_TEST((moved->spec.nics.at(0).link == c.link));
        BOOST_TEST(moved->spec.nics.at(0).source == std::string("other-") + c.source);
    }
}

BOOST_AUTO_TEST_CASE(a_switch_of_the_same_name_is_the_same) {
    const auto guid = machine();
    plug(guid, NicLink::network, "lan");
    second.add_switch({make_guid(), "LAN", NicLink::network, "lan", true});
    BOOST_TEST(done(to_host(guid)) == 0U, last_text);
    BOOST_TEST(second.machine(guid)->spec.nics.at(0).source == "lan");
}

// libvirt says nothing of another host's bridges, and the configuration names none here.
BOOST_AUTO_TEST_CASE(bridges_of_which_nothing_is_known) {
    const auto guid = machine();
    plug(guid, NicLink::bridge, "br0");
    BOOST_TEST(check(guid) == 0U, last_text);
    BOOST_TEST(done(to_host(guid)) == 0U, last_text);
}

// Who does not answer in time when it is asked beforehand does not answer: nothing has begun.
BOOST_AUTO_TEST_CASE(a_look_that_takes_too_long) {
    const auto late = Error(Status::timed_out, "test.fault", "It did not answer in time.");
    const auto guid = machine();
    second.fail_always("has_file", late);
    BOOST_TEST(code(to_host(guid)) == 32777U);
    BOOST_TEST(code(to_system(guid)) == 32777U);
    BOOST_TEST(check(guid) == 32777U);
    const auto port =
        query("SELECT * FROM Msvm_SerialPortSettingData WHERE InstanceID LIKE '%" + guid + "%'");
    const auto log = "file://" + (folder / "disks" / "console.log").string();
    const auto there =
        list({make("Msvm_SerialPortSettingData",
                   {{"InstanceID", Value(port.at(0).string("InstanceID"))}, {"Connection", texts({log})}})});
    BOOST_TEST(code(to_host(guid, {{"NewResourceSettingData", there}})) == 32777U);
    second.clear_failures();
    backend::SnapshotRequest s;
    s.machine = guid;
    s.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, s).ok());
    auto without = hypervisor.machine(guid)->spec;
    without.disks.clear();
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, without).ok());
    second.fail_always("has_file", late);
    BOOST_TEST(code(to_host(guid)) == 32777U);
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
