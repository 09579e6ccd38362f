// Network adapters, their connections and serial ports.
#include "cim/providers/virtual_system/storage_rules.hpp"
#include "tests/unit/cim/providers/resource_setup.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

BOOST_FIXTURE_TEST_SUITE(resource_settings, ResourceSetup)

// It says what the client said, and is connected when it is plugged in unless that call says otherwise.
BOOST_AUTO_TEST_CASE(a_connection_to_nothing_keeps_its_state) {
    constexpr const char* connections = "Msvm_EthernetPortAllocationSettingData";
    const auto there = w.hypervisor.switches().front();
    const auto to = [&](bool plugged) { return plugged ? World::texts({there.id}) : Value(Value::Array{}); };
    for (const unsigned state : {2U, 3U, 0U}) {
        const auto port = w.added(guid, nic({}));
        Given given{{"ResourceType", 33},
                    {"Parent", w.parent_text("Msvm_SyntheticEthernetPortSettingData", port)}};
        if (state != 0) given.emplace_back("EnabledState", state);
        const auto id = w.added(guid, w.make(connections, given));
        const auto shown = [&] { return w.get_setting(connections, id).uint("EnabledState"); };
        const auto modified = [&](const Given& changed) {
            return w.done(w.modify(change(connections, id, changed)));
        };
        BOOST_TEST(shown() == (state == 2 ? 2U : 3U));
        BOOST_CHECK(w.spec(guid).nics.back().link == backend::NicLink::none);
        // Sent back as it was read.
        BOOST_TEST(w.done(w.modify(w.get_setting(connections, id))) == 0U);
        BOOST_TEST(shown() == (state == 2 ? 2U : 3U));
        BOOST_TEST(modified({{"EnabledState", 9}}) == 32773U);
        BOOST_TEST(modified({{"HostResource", to(true)}}) == 0U);
        BOOST_TEST(shown() == 2U);
        BOOST_TEST(w.spec(guid).nics.back().link_up);
        // Unplugged it is not connected, unless that is said too.
        BOOST_TEST(modified({{"HostResource", to(false)}}) == 0U);
        BOOST_TEST(shown() == 3U);
        BOOST_TEST(modified({{"EnabledState", 2}}) == 0U);
        BOOST_TEST(shown() == 2U);
        BOOST_TEST(modified({{"HostResource", to(true)}, {"EnabledState", 3}}) == 0U);
        BOOST_TEST(shown() == 3U);
        BOOST_TEST(!w.spec(guid).nics.back().link_up);
    }
}

BOOST_AUTO_TEST_CASE(a_port_and_its_connection) {
    const auto switches = w.query("SELECT * FROM Msvm_VirtualEthernetSwitch");
    BOOST_TEST_REQUIRE(!switches.empty());
    const auto switch_path =
        vs::system_path_text("testhost", "Msvm_VirtualEthernetSwitch", switches[0].string("Name"));
    const auto port = w.added(guid, nic({{"Address", "00155D0A0B0C"},
                                         {"StaticMacAddress", true},
                                         {"VirtualSystemIdentifiers", World::texts({"{" + guid + "}"})}}));
    BOOST_TEST(w.spec(guid).nics[0].mac == "00:15:5d:0a:0b:0c");
    const auto n = w.get_setting("Msvm_SyntheticEthernetPortSettingData", port);
    BOOST_TEST(n.string("Address") == "00155D0A0B0C");
    BOOST_TEST(n.get("StaticMacAddress").bool_or(false));
    BOOST_CHECK(n.get("VirtualSystemIdentifiers") == World::texts({"{" + guid + "}"}));

    const auto connection = w.make("Msvm_EthernetPortAllocationSettingData",
                                   {{"ResourceType", 33},
                                    {"EnabledState", 2},
                                    {"Parent", w.parent_text("Msvm_SyntheticEthernetPortSettingData", port)},
                                    {"HostResource", World::texts({switch_path})}});
    const auto id = w.added(guid, connection);
    BOOST_TEST(id == port + "\\C");
    const auto c = w.get_setting("Msvm_EthernetPortAllocationSettingData", id);
    BOOST_CHECK(c.get("HostResource") == World::texts({switch_path}));
    BOOST_TEST(c.uint("EnabledState") == 2U);
    BOOST_TEST(World::code(w.add(guid, connection)) == 32773U);

    // Unplugged, plugged again, removed.
    BOOST_TEST(
        w.done(w.modify(change("Msvm_EthernetPortAllocationSettingData", id, {{"EnabledState", 3}}))) == 0U);
    BOOST_TEST(!w.spec(guid).nics[0].link_up);
    BOOST_TEST(w.done(w.modify(change("Msvm_EthernetPortAllocationSettingData", id,
                                      {{"HostResource", Value(Value::Array{})}}))) == 0U);
    BOOST_CHECK(w.spec(guid).nics[0].link == backend::NicLink::none);
    auto gone = w.modify(change(
        "Msvm_EthernetPortAllocationSettingData", id,
        {{"HostResource",
          World::texts({vs::system_path_text("testhost", "Msvm_VirtualEthernetSwitch", make_guid())})}}));
    BOOST_TEST(World::code(gone) == 32773U);
    BOOST_TEST(w.text_of(gone).find("switch") != std::string::npos);
    BOOST_TEST(w.done(w.remove("Msvm_EthernetPortAllocationSettingData", id)) == 0U);
    BOOST_TEST(
        w.query("SELECT * FROM Msvm_EthernetPortAllocationSettingData WHERE InstanceID LIKE 'Microsoft:" +
                guid + "%'")
            .empty());
}

BOOST_AUTO_TEST_CASE(mac_addresses) {
    const auto first = w.added(guid, nic({{"Address", "000000000000"}}));
    const auto mac = w.get_setting("Msvm_SyntheticEthernetPortSettingData", first).string("Address");
    BOOST_TEST(mac.size() == 12U);
    BOOST_TEST(mac.starts_with("00155D"));
    BOOST_TEST(World::code(w.add(guid, nic({{"Address", mac}, {"StaticMacAddress", true}}))) == 32773U);
    BOOST_TEST(World::code(w.add(guid, nic({{"Address", "010000000000"}, {"StaticMacAddress", true}}))) ==
               32773U);
    BOOST_TEST(World::code(w.add(guid, nic({{"Address", "xyz"}, {"StaticMacAddress", true}}))) == 32773U);
    BOOST_TEST(w.spec(guid).nics.size() == 1U);
}

BOOST_AUTO_TEST_CASE(serial_ports) {
    const auto com = "Microsoft:" + guid + "\\8E3A359F-559A-4B6A-98A9-1690A6100ED7\\";
    BOOST_TEST(w.get_setting("Msvm_SerialPortSettingData", com + "1").string("ElementName") == "COM 2");
    const std::string pipe = "\\\\.\\pipe\\console";
    BOOST_TEST(w.done(w.modify(change("Msvm_SerialPortSettingData", com + "0",
                                      {{"Connection", World::texts({pipe})},
                                       {"ResourceType", 21},
                                       {"ResourceSubType", "Microsoft:Hyper-V:Serial Port"}}))) == 0U);
    BOOST_CHECK(w.get_setting("Msvm_SerialPortSettingData", com + "0").get("Connection") ==
                World::texts({pipe}));
    BOOST_TEST_REQUIRE(w.spec(guid).serial_ports.size() == 1U);
    BOOST_CHECK(w.spec(guid).serial_ports[0].kind == backend::SerialPort::Kind::pipe_server);
    BOOST_TEST(w.spec(guid).serial_ports[0].path == (w.folder / "data" / "pipes" / "console").string());
    for (const char* bad : {"\\\\.\\pipe\\..\\x", "/etc/passwd", "com1"})
        BOOST_TEST(World::code(w.modify(change("Msvm_SerialPortSettingData", com + "0",
                                               {{"Connection", World::texts({bad})}}))) != 0U,
                   bad);
    const auto log = (w.folder / "disks" / "console.log").string();
    BOOST_TEST(w.done(w.modify(change("Msvm_SerialPortSettingData", com + "0",
                                      {{"Connection", World::texts({"file://" + log})}}))) == 0U);
    BOOST_TEST(w.spec(guid).serial_ports[0].path == log);
}

BOOST_AUTO_TEST_SUITE_END()
