#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

BOOST_AUTO_TEST_SUITE(computer_system)

BOOST_AUTO_TEST_CASE(the_host_is_one_of_them) {
    World w;
    w.define({{"ElementName", "a"}});
    const auto all = w.query("SELECT * FROM Msvm_ComputerSystem");
    BOOST_TEST_REQUIRE(all.size() == 2U);
    BOOST_TEST(all[0].string("Name") == "testhost");
    BOOST_TEST(all[0].string("Description") == "Microsoft Hosting Computer System");
    BOOST_TEST(all[0].uint("EnabledState") == 2U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER").size() == 1U);
}

BOOST_AUTO_TEST_CASE(enumerations_show_every_machine) {
    World w;
    for (int n = 0; n < 3; ++n) w.define({{"ElementName", "m"}});
    BOOST_TEST(w.query("SELECT * FROM Msvm_SettingsDefineState").size() == 3U);
    // Besides the machines' there are the three secure boot templates.
    BOOST_TEST(w.query("SELECT * FROM Msvm_VirtualSystemSettingData").size() == 7U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemType = "
                       "'Microsoft:Hyper-V:System:Realized'")
                   .size() == 3U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_Keyboard").size() == 3U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_ElementSettingData").size() == 5U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_HostedService").size() >= 2U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_VirtualSystemManagementServiceSettingData").size() == 1U);
}

BOOST_AUTO_TEST_CASE(each_state_accepts_its_requests_and_refuses_the_others) {
    World w;
    const auto guid = w.define({{"ElementName", "a"}});
    const auto state = [&] {
        return w.get(vs::system_path("Msvm_ComputerSystem", guid)).uint("EnabledState");
    };
    const auto refused = [&](std::initializer_list<unsigned> requests) {
        for (auto r : requests) BOOST_TEST(World::code(w.request_state(guid, r)) == 32775U, r);
    };
    const auto accepted = [&](unsigned request, unsigned then) {
        auto r = w.request_state(guid, request);
        BOOST_TEST(World::code(r) == 4096U);
        BOOST_TEST(w.done(r) == 0U);
        BOOST_TEST(state() == then, request);
    };
    refused({3, 4, 6, 9, 10, 11});
    accepted(2, 2);
    refused({2});
    accepted(9, 9);
    refused({4, 9, 10});
    accepted(2, 2);
    accepted(32768, 9);  // the first model's number for pausing
    accepted(6, 6);
    refused({4, 6, 9, 10, 11});
    accepted(2, 2);
    accepted(32769, 6);
    accepted(3, 3);  // drops the saved state
    accepted(2, 2);
    accepted(10, 2);
    accepted(11, 2);
    accepted(4, 3);
    for (unsigned bad : {0U, 1U, 5U, 7U, 12U, 40000U})
        BOOST_TEST(World::code(w.request_state(guid, bad)) == 32773U, bad);
}

// A client asks the guest first and turns off when it does not listen; it takes 32775 for "is off already".
BOOST_AUTO_TEST_CASE(a_machine_whose_guest_does_not_listen_is_turned_off) {
    World w;
    w.hypervisor.ignore_shut_down(true);
    const auto guid = w.define({{"ElementName", "a"}});
    const auto path = vs::system_path("Msvm_ComputerSystem", guid);
    const auto shows = [&](unsigned state) {
        for (int n = 0; n < 500 && w.get(path).uint("EnabledState") != state; ++n)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return w.get(path).uint("EnabledState") == state;
    };
    for (const bool component : {false, true}) {
        BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
        std::optional<MethodResult> asked;
        if (component)
            w.call(w.query("SELECT * FROM Msvm_ShutdownComponent WHERE SystemName = '" + guid + "'")
                       .at(0)
                       .path("root/virtualization/v2"),
                   "InitiateShutdown", {{"Force", false}, {"Reason", "test"}});
        else
            asked = w.request_state(guid, 4);
        BOOST_TEST_REQUIRE(shows(4));
        BOOST_CHECK(w.get(path).get("AvailableRequestedStates") ==
                    Value::array_of(std::vector<std::uint16_t>{3}));
        for (unsigned other : {2U, 4U, 6U, 9U, 10U, 11U})
            BOOST_TEST(World::code(w.request_state(guid, other)) == 32775U, other);
        auto off = w.request_state(guid, 3);
        BOOST_TEST(World::code(off) == 4096U);
        BOOST_TEST(w.done(off) == 0U);
        BOOST_TEST(shows(3));
        if (!asked) continue;
        const auto job = w.jobs.find(asked->out.get("Job").as_path()->key_string("InstanceID"));
        BOOST_CHECK(job->state == JobState::terminated);
    }
}

// Whoever saves a machine wants to keep what it has in memory.
BOOST_AUTO_TEST_CASE(turning_off_cancels_no_other_change) {
    World w;
    const auto guid = w.define({{"ElementName", "a"}});
    w.done(w.request_state(guid, 2));
    w.hypervisor.hold("save");
    auto saved = w.request_state(guid, 6);
    BOOST_TEST(World::code(w.request_state(guid, 3)) == 32775U);
    w.hypervisor.release("save");
    BOOST_TEST(w.done(saved) == 0U);
    BOOST_TEST(w.get(vs::system_path("Msvm_ComputerSystem", guid)).uint("EnabledState") == 6U);
}

BOOST_AUTO_TEST_CASE(the_job_names_the_machine_and_what_went_wrong) {
    World w;
    const auto guid = w.define({{"ElementName", "a"}});
    w.hypervisor.fail_next("start",
                           Error(Status::failed, "test", "The machine did not start.", "", "qemu: no"));
    auto r = w.request_state(guid, 2);
    BOOST_TEST(w.done(r) == 32768U);
    BOOST_TEST(w.last_text == "The machine did not start. (qemu: no)");
    const auto record = w.jobs.find(r.out.get("Job").as_path()->key_string("InstanceID"));
    BOOST_TEST(record->job_type == 12U);
    BOOST_TEST_REQUIRE(record->affected.size() == 1U);
    BOOST_TEST(record->affected[0].path.find(guid) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_host_cannot_be_stopped) {
    World w;
    BOOST_TEST(World::code(w.call(vs::system_path("Msvm_ComputerSystem", "testhost"), "RequestStateChange",
                                  {{"RequestedState", 3}})) == 32770U);
}

BOOST_AUTO_TEST_CASE(the_shutdown_component_is_there_while_the_machine_runs) {
    World w;
    const auto guid = w.define({{"ElementName", "a"}});
    const auto all = [&] {
        return w.query("SELECT * FROM Msvm_ShutdownComponent WHERE SystemName = '" + guid + "'");
    };
    BOOST_TEST(all().empty());
    w.done(w.request_state(guid, 2));
    BOOST_TEST_REQUIRE(all().size() == 1U);
    const auto path = all()[0].path("root/virtualization/v2");
    BOOST_TEST(World::code(w.call(path, "InitiateShutdown", {{"Force", false}, {"Reason", "test"}})) == 0U);
    for (int n = 0; n < 100 && !all().empty(); ++n)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    BOOST_TEST(all().empty());
}

BOOST_AUTO_TEST_CASE(keys_are_sent_as_chords) {
    World w;
    const auto guid = w.define({{"ElementName", "a"}});
    const auto path = w.query("SELECT * FROM Msvm_Keyboard WHERE SystemName = '" + guid + "'")[0].path(
        "root/virtualization/v2");
    const auto key = [&](const char* method, unsigned code) {
        return World::code(w.call(path, method, {{"keyCode", code}}));
    };
    BOOST_TEST(key("PressKey", 65) == 32775U);
    w.done(w.request_state(guid, 2));
    BOOST_TEST(key("PressKey", 0x11) == 0U);
    BOOST_TEST(key("PressKey", 65) == 0U);
    BOOST_TEST(w.hypervisor.calls("send_keys") == 0U);
    BOOST_TEST(key("ReleaseKey", 0x11) == 0U);
    BOOST_TEST(key("ReleaseKey", 65) == 0U);
    BOOST_TEST(w.hypervisor.calls("send_keys") == 1U);
    BOOST_TEST(key("TypeKey", 0) == 32773U);
    BOOST_TEST(World::code(w.call(path, "TypeText", {{"asciiText", "Hi!"}})) == 0U);
    BOOST_TEST(w.hypervisor.calls("send_keys") == 4U);
    const auto keyboards =
        w.query("ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='" + guid +
                "'} WHERE ResultClass = Msvm_Keyboard");
    BOOST_TEST(keyboards.size() == 1U);
}

BOOST_AUTO_TEST_CASE(pressed_keys_are_forgotten_when_the_machine_ends) {
    World w;
    const auto key = [&w](const std::string& guid, const char* method) {
        const auto path = w.query("SELECT * FROM Msvm_Keyboard WHERE SystemName = '" + guid + "'")[0].path(
            "root/virtualization/v2");
        return w.call(path, method, {{"keyCode", 65U}});
    };
    const auto is_pressed = [&](const std::string& guid) {
        return key(guid, "IsKeyPressed").out.get("keyState").bool_or(true);
    };
    const auto shown = [&w] {
        backend::Machine m;
        m.spec.uuid = make_guid();
        m.spec.name = m.spec.uuid;
        m.state = backend::MachineState::running;
        m.id = 7;
        w.hypervisor.show(m);
        return m.spec.uuid;
    };
    const auto first = w.define({{"ElementName", "first"}});
    w.done(w.request_state(first, 2));
    BOOST_TEST(World::code(key(first, "PressKey")) == 0U);
    BOOST_TEST(is_pressed(first));
    w.done(w.request_state(first, 3));
    w.done(w.request_state(first, 2));
    BOOST_TEST(!is_pressed(first));
    BOOST_TEST(World::code(key(first, "ReleaseKey")) == 0U);
    BOOST_TEST(w.hypervisor.calls("send_keys") == 0U);
    unsigned refused = 0;
    for (unsigned n = 0; n < 1010; ++n) {
        const auto guid = shown();
        BOOST_TEST(!is_pressed(guid));
        if (n % 2 == 0) refused += World::code(key(guid, "PressKey")) != 0;
        w.hypervisor.remove_behind_back(guid);
    }
    for (unsigned n = 0; n < 1010; ++n) {
        const auto guid = shown();
        refused += World::code(key(guid, "PressKey")) != 0;
        w.hypervisor.remove_behind_back(guid);
    }
    BOOST_TEST(refused == 0U);
}

BOOST_AUTO_TEST_CASE(summary_information) {
    World w;
    const auto a = w.define({{"ElementName", "a"}}),
               b = w.define({{"ElementName", "b"}, {"Notes", World::texts({"n"})}});
    w.done(w.request_state(b, 2));
    const auto ask = [&](const Value& who, std::vector<unsigned> what) {
        auto r = w.call(w.vsms(), "GetSummaryInformation",
                        {{"SettingData", who}, {"RequestedInformation", Value::array_of(what)}});
        BOOST_TEST(World::code(r) == 0U);
        std::vector<Instance> out;
        for (const auto& v : *r.out.get("SummaryInformation").as_array()) out.push_back(*v.as_instance());
        return out;
    };
    const auto two =
        ask(Value(Value::Array{Value(World::settings_of(b)), Value(World::settings_of(make_guid())),
                               Value(vs::system_path("Msvm_ComputerSystem", a))}),
            {0, 1, 3, 4, 100, 103, 105});
    BOOST_TEST_REQUIRE(two.size() == 3U);
    BOOST_TEST(two[0].string("Name") == b);
    BOOST_TEST(two[0].string("Notes") == "n");
    BOOST_TEST(two[0].uint("EnabledState") == 2U);
    BOOST_TEST(two[0].uint("NumberOfProcessors") == 1U);
    BOOST_TEST(two[1].string("Name").empty());
    BOOST_TEST(two[2].string("ElementName") == "a");
    BOOST_TEST(two[2].uint("EnabledState") == 3U);
    BOOST_TEST(two[2].get("HealthState").is_null());
    BOOST_TEST(ask(Value(), {1}).size() == 2U);
}

BOOST_AUTO_TEST_CASE(thumbnails_are_rgb565) {
    World w;
    const auto guid = w.define({{"ElementName", "a"}});
    const Given in{
        {"TargetSystem", Value(World::settings_of(guid))}, {"WidthPixels", 2}, {"HeightPixels", 1}};
    BOOST_TEST(World::code(w.call(w.vsms(), "GetVirtualSystemThumbnailImage", in)) == 32775U);
    w.done(w.request_state(guid, 2));
    auto r = w.call(w.vsms(), "GetVirtualSystemThumbnailImage", in);
    BOOST_TEST(World::code(r) == 0U);
    // The stand-in's picture: one red and one blue pixel.
    BOOST_CHECK(r.out.get("ImageData") == Value::array_of(std::vector<unsigned>{0x00, 0xF8, 0x1F, 0x00}));
}

BOOST_AUTO_TEST_SUITE_END()
