#include "base/text.hpp"
#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

Instance processors(World& w, unsigned n) {
    return w.make(
        "Msvm_ProcessorSettingData",
        {{"ResourceType", 3}, {"ResourceSubType", "Microsoft:Hyper-V:Processor"}, {"VirtualQuantity", n}});
}

Instance memory(World& w, unsigned mb) {
    return w.make(
        "Msvm_MemorySettingData",
        {{"ResourceType", 4}, {"ResourceSubType", "Microsoft:Hyper-V:Memory"}, {"VirtualQuantity", mb}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(define_system)

BOOST_AUTO_TEST_CASE(a_name_is_enough_and_the_rest_is_defaults) {
    World w;
    const auto guid = w.define({{"ElementName", "web \"<&>\" \xF0\x9F\x98\x80"}});
    BOOST_TEST(is_guid(guid));
    const auto& s = w.spec(guid);
    BOOST_TEST(s.name == "web \"<&>\" \xF0\x9F\x98\x80");
    BOOST_TEST(s.processors == 1U);
    BOOST_TEST(s.memory_mib == 1024U);
    BOOST_CHECK(s.firmware == backend::Firmware::bios);

    const auto machine = w.get(vs::system_path("Msvm_ComputerSystem", guid));
    BOOST_TEST(machine.string("ElementName") == s.name);
    BOOST_TEST(machine.uint("EnabledState") == 3U);
    BOOST_TEST(machine.string("Description") == "Microsoft Virtual Machine");

    const auto settings = w.get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + guid);
    BOOST_TEST(settings.string("VirtualSystemType") == "Microsoft:Hyper-V:System:Realized");
    BOOST_TEST(settings.string("VirtualSystemSubType") == "Microsoft:Hyper-V:SubType:1");
    BOOST_TEST(settings.string("VirtualSystemIdentifier") == guid);
    BOOST_TEST(settings.string("ConfigurationID") == guid);
    const auto* order = settings.get("BootOrder").as_array();
    BOOST_TEST_REQUIRE(order);
    BOOST_TEST(order->size() == 4U);
    // Both IDE controllers of generation 1, by their documented InstanceIDs.
    for (const char* n : {"0", "1"}) {
        const auto ide = w.get_setting("Msvm_ResourceAllocationSettingData",
                                       "Microsoft:" + guid + "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\" + n);
        BOOST_TEST(ide.string("Address") == n);
        BOOST_TEST(ide.uint("ResourceType") == 5U);
    }
    const auto cpu = w.get_setting("Msvm_ProcessorSettingData",
                                   "Microsoft:" + guid + "\\B637F346-6A0E-4DEC-AF52-BD70CB80A21D\\0");
    BOOST_TEST(cpu.uint("VirtualQuantity") == 1U);
    BOOST_TEST(cpu.uint("Limit") == 100000U);
}

BOOST_AUTO_TEST_CASE(duplicate_names_are_allowed) {
    World w;
    const auto a = w.define({{"ElementName", "twin"}}), b = w.define({{"ElementName", "twin"}});
    BOOST_TEST(a != b);
    BOOST_TEST(w.query("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'twin'").size() == 2U);
}

BOOST_AUTO_TEST_CASE(settings_and_resources_take_effect_and_are_read_back) {
    World w;
    w.hypervisor.set_host([&] {
        auto h = w.hypervisor.host();
        h.max_processors = 8;
        h.uefi_available = h.secure_boot_available = true;
        return h;
    }());
    const auto guid = w.define({{"ElementName", "second"},
                                {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"},
                                {"Notes", World::texts({"line one", "", "two\nlines \\n"})},
                                {"AutomaticStartupAction", 4},
                                {"AutomaticShutdownAction", 2},
                                {"SecureBootEnabled", true},
                                {"PauseAfterBootFailure", true},
                                {"LowMmioGapSize", 512},
                                {"ChassisAssetTag", "tag-1"}},
                               {processors(w, 4), memory(w, 2048)});
    const auto& s = w.spec(guid);
    BOOST_CHECK(s.firmware == backend::Firmware::uefi);
    BOOST_TEST(s.processors == 4U);
    BOOST_TEST(s.memory_mib == 2048U);
    BOOST_TEST(s.memory_max_mib == 2048U);
    BOOST_TEST(s.autostart);
    BOOST_TEST(s.secure_boot);
    BOOST_TEST(s.asset_tag == "tag-1");
    const auto v = w.get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + guid);
    BOOST_CHECK(v.get("Notes") == World::texts({"line one", "", "two\nlines \\n"}));
    BOOST_TEST(v.uint("AutomaticStartupAction") == 4U);
    BOOST_TEST(v.uint("AutomaticShutdownAction") == 2U);
    BOOST_TEST(v.get("PauseAfterBootFailure").bool_or(false));
    BOOST_TEST(v.uint("LowMmioGapSize") == 512U);
    BOOST_TEST(v.get("SecureBootEnabled").bool_or(false));
    BOOST_TEST(
        w.query("SELECT * FROM Msvm_ResourceAllocationSettingData WHERE ResourceType = 5 AND InstanceID LIKE "
                "'Microsoft:" +
                guid + "%'")
            .empty());
}

BOOST_AUTO_TEST_CASE(refusals_name_the_property_and_change_nothing) {
    World w;
    struct Case {
        Given given;
        const char* named;
    };
    for (const auto& c : std::vector<Case>{
             {{{"ElementName", std::string(1000, 'x')}}, "ElementName"},
             {{{"ElementName", " "}}, "ElementName"},
             {{{"ElementName", "a\nb"}}, "ElementName"},
             {{{"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:3"}}, "VirtualSystemSubType"},
             {{{"AutomaticStartupAction", 9}}, "AutomaticStartupAction"},
             {{{"SecureBootEnabled", true}}, "Secure boot"},
             {{{"BootOrder", Value::array_of(std::vector<unsigned>{7})}}, "BootOrder"},
             {{{"BIOSGUID", "nonsense"}}, "BIOSGUID"},
             {{{"GuestStateIsolationEnabled", true}}, "GuestStateIsolationEnabled"},
             {{{"VirtualSystemIdentifier", "nonsense"}}, "VirtualSystemIdentifier"},
             {{{"UserSnapshotType", 77}}, "UserSnapshotType"},
         }) {
        auto r = w.call(w.vsms(), "DefineSystem",
                        {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", c.given))}});
        BOOST_TEST(World::code(r) == 32773U, c.named);
        BOOST_TEST(w.text_of(r).find(c.named) != std::string::npos, w.text_of(r));
    }
    for (const auto& bad : {processors(w, 0), processors(w, 100000), memory(w, 1025), memory(w, 8)}) {
        auto r = w.call(
            w.vsms(), "DefineSystem",
            {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "x"}}))},
             {"ResourceSettings", World::list({bad})}});
        BOOST_TEST(World::code(r) == 32773U);
        BOOST_TEST(w.text_of(r).find("VirtualQuantity") != std::string::npos, w.text_of(r));
    }
    BOOST_TEST(w.hypervisor.machines().empty());
}

BOOST_AUTO_TEST_CASE(a_chosen_identifier_is_used_once) {
    World w;
    const std::string id = "12345678-90AB-4CDE-8F01-23456789ABCD";
    BOOST_TEST(w.define({{"ElementName", "a"},
                         {"VirtualSystemIdentifier", "12345678-90ab-4cde-8f01-23456789abcd"}}) == id);
    auto r =
        w.call(w.vsms(), "DefineSystem",
               {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData",
                                                {{"ElementName", "b"}, {"VirtualSystemIdentifier", id}}))}});
    BOOST_TEST(World::code(r) == 32773U);
}

BOOST_AUTO_TEST_CASE(a_chain_of_new_devices_may_refer_to_each_other) {
    World w;
    const auto path = w.image("chain.qcow2");
    const auto guid = w.define({{"ElementName", "chain"}},
                               {w.make("Msvm_ResourceAllocationSettingData",
                                       {{"InstanceID", "scsi"},
                                        {"ResourceType", 6},
                                        {"ResourceSubType", "Microsoft:Hyper-V:Synthetic SCSI Controller"}}),
                                w.make("Msvm_ResourceAllocationSettingData",
                                       {{"InstanceID", "drive"},
                                        {"ResourceType", 17},
                                        {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                                        {"Parent", "scsi"},
                                        {"AddressOnParent", "3"}}),
                                w.make("Msvm_StorageAllocationSettingData",
                                       {{"ResourceType", 31},
                                        {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                                        {"Parent", "drive"},
                                        {"HostResource", World::texts({path})}})});
    const auto& s = w.spec(guid);
    BOOST_TEST_REQUIRE(s.disks.size() == 1U);
    BOOST_TEST(s.disks[0].path == path);
    BOOST_TEST(s.disks[0].unit == 3U);
    BOOST_TEST(s.disks[0].format == "qcow2");
}

BOOST_AUTO_TEST_CASE(the_reference_configuration_fills_what_is_left_out) {
    World w;
    const auto first = w.define({{"ElementName", "first"}, {"AutomaticShutdownAction", 2}}, {memory(w, 512)});
    auto r = w.call(
        w.vsms(), "DefineSystem",
        {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "second"}}))},
         {"ReferenceConfiguration", Value(World::settings_of(first))}});
    BOOST_TEST_REQUIRE(w.done(r) == 0U);
    const auto second = r.out.get("ResultingSystem").as_path()->key_string("Name");
    BOOST_TEST(second != first);
    BOOST_TEST(w.spec(second).memory_mib == 512U);
    BOOST_TEST(w.get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + second)
                   .uint("AutomaticShutdownAction") == 2U);
}

BOOST_AUTO_TEST_CASE(secure_boot_needs_a_host_that_has_it) {
    World w;
    const auto host_has = [&](bool yes) {
        auto h = w.hypervisor.host();
        h.uefi_available = true;
        h.secure_boot_available = yes;
        w.hypervisor.set_host(h);
    };
    const Given wish{{"ElementName", "guarded"},
                     {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"},
                     {"SecureBootEnabled", true}};
    const auto defined = [&](const Given& settings, const std::string& like) {
        Given in{{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", settings))}};
        if (!like.empty()) in.emplace_back("ReferenceConfiguration", Value(World::settings_of(like)));
        return w.call(w.vsms(), "DefineSystem", in);
    };
    host_has(true);
    const auto guarded = w.define(wish);
    host_has(false);
    // Whether it is asked for or comes from the reference.
    const Given name{{"ElementName", "like"}};
    for (const auto& r : {defined(wish, {}), defined(name, guarded)}) {
        BOOST_TEST(World::code(r) == 32770U);
        BOOST_TEST(w.text_of(r).find("SecureBootEnabled") != std::string::npos, w.text_of(r));
    }
    BOOST_TEST(w.hypervisor.machines().size() == 1U);
    const auto without = defined({{"ElementName", "like"}, {"SecureBootEnabled", false}}, guarded);
    BOOST_TEST(w.done(without) == 0U, w.text_of(without));
    const auto plain = w.define({{"ElementName", "x"}, {"VirtualSystemSubType", wish[1].second}});
    BOOST_TEST(!w.spec(plain).secure_boot);
    const auto asked =
        w.call(w.vsms(), "ModifySystemSettings",
               {{"SystemSettings",
                 Value(w.make("Msvm_VirtualSystemSettingData",
                              {{"InstanceID", "Microsoft:" + plain}, {"SecureBootEnabled", true}}))}});
    BOOST_TEST(w.done(asked) == 32770U);
    BOOST_TEST(!w.spec(plain).secure_boot);
}

// A client could not give them to it either. The diskette drive is there in generation 1 anyway.
BOOST_AUTO_TEST_CASE(what_generation_1_has_does_not_come_into_generation_2) {
    World w;
    const auto port = [&](const char* cls, const char* kind) {
        return w.make(cls, {{"ResourceType", 10U}, {"ResourceSubType", Value(kind)}});
    };
    const auto synthetic =
        port("Msvm_SyntheticEthernetPortSettingData", "Microsoft:Hyper-V:Synthetic Ethernet Port");
    const auto legacy =
        port("Msvm_EmulatedEthernetPortSettingData", "Microsoft:Hyper-V:Emulated Ethernet Port");
    const auto like = [&](const std::string& guid, const char* method) {
        return w.call(
            w.vsms(), method,
            {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData",
                                             {{"ElementName", "like"},
                                              {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"}}))},
             {"ReferenceConfiguration", Value(World::settings_of(guid))}});
    };
    const auto fits = w.define({{"ElementName", "fits"}}, {synthetic});
    auto s = w.spec(fits);
    s.disks.resize(1);
    s.disks[0].id = make_guid();
    s.disks[0].device = backend::DiskDevice::floppy;
    s.disks[0].bus = backend::Bus::fdc;
    BOOST_TEST_REQUIRE(w.hypervisor.redefine({}, s).ok());
    const auto made = like(fits, "DefineSystem");
    BOOST_TEST_REQUIRE(w.done(made) == 0U, w.text_of(made));
    const auto& new_one = w.spec(made.out.get("ResultingSystem").as_path()->key_string("Name"));
    BOOST_TEST(new_one.nics.size() == 1U);
    BOOST_TEST(new_one.disks.empty());

    const auto with_legacy = w.define({{"ElementName", "old"}}, {synthetic, legacy});
    const auto with_ide = w.define({{"ElementName", "older"}});
    s = w.spec(with_ide);
    s.disks.resize(1);
    s.disks[0].id = make_guid();
    s.disks[0].bus = backend::Bus::ide;
    s.disks[0].device = backend::DiskDevice::cdrom;
    BOOST_TEST_REQUIRE(w.hypervisor.redefine({}, s).ok());
    const auto before = w.hypervisor.machines().size();
    for (const char* method : {"DefineSystem", "DefinePlannedSystem"})
        for (const auto& [guid, what] : {std::pair(with_legacy, "legacy network"), {with_ide, "IDE"}}) {
            const auto r = like(guid, method);
            BOOST_TEST(World::code(r) == 32773U);
            BOOST_TEST(w.text_of(r).find("ReferenceConfiguration") != std::string::npos, w.text_of(r));
            BOOST_TEST(w.text_of(r).find(what) != std::string::npos, w.text_of(r));
        }
    BOOST_TEST(w.hypervisor.machines().size() == before);
    // Into another one of generation 1 they come.
    const auto r =
        w.call(w.vsms(), "DefineSystem",
               {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "like"}}))},
                {"ReferenceConfiguration", Value(World::settings_of(with_legacy))}});
    BOOST_TEST(w.done(r) == 0U, w.text_of(r));
}

// What is noted about a snapshot is no setting: a machine like it starts without.
BOOST_AUTO_TEST_CASE(a_snapshot_is_a_reference_too) {
    World w;
    const auto first = w.define({{"ElementName", "first"}}, {memory(w, 512)});
    backend::SnapshotRequest request;
    request.machine = first;
    request.id = make_guid();
    request.name = "before";
    request.attributes = {{"Snapshot.MemoryCleared", "1"}, {"Snapshot.Applied", "7"}};
    BOOST_TEST_REQUIRE(w.hypervisor.snapshot({}, request).ok());
    auto r =
        w.call(w.vsms(), "DefineSystem",
               {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "like"}}))},
                {"ReferenceConfiguration", Value(World::settings_of(request.id))}});
    BOOST_TEST_REQUIRE(w.done(r) == 0U);
    const auto& s = w.spec(r.out.get("ResultingSystem").as_path()->key_string("Name"));
    BOOST_TEST(s.name == "like");
    BOOST_TEST(s.memory_mib == 512U);
    for (const auto& [key, value] : s.attributes) BOOST_TEST(!istarts_with(key, "Snapshot."), key);
}

// Its settings would be found under the identifier of the new machine.
BOOST_AUTO_TEST_CASE(the_identifier_of_a_snapshot_is_taken) {
    World w;
    backend::SnapshotRequest request;
    request.machine = w.define({{"ElementName", "first"}});
    request.id = make_guid();
    BOOST_TEST_REQUIRE(w.hypervisor.snapshot({}, request).ok());
    const auto settings =
        w.make("Msvm_VirtualSystemSettingData", {{"VirtualSystemIdentifier", to_lower(request.id)}});
    for (const char* method : {"DefineSystem", "DefinePlannedSystem"}) {
        const auto r = w.call(w.vsms(), method, {{"SystemSettings", Value(settings)}});
        BOOST_TEST(World::code(r) == 32773U);
        BOOST_TEST(w.text_of(r).find("VirtualSystemIdentifier") != std::string::npos, w.text_of(r));
    }
}

BOOST_AUTO_TEST_CASE(destroy_needs_a_machine_that_is_off) {
    World w;
    const auto guid = w.define({{"ElementName", "gone"}});
    const Given who{{"AffectedSystem", Value(vs::system_path("Msvm_ComputerSystem", guid))}};
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    BOOST_TEST(World::code(w.call(w.vsms(), "DestroySystem", who)) == 32775U);
    BOOST_TEST(w.done(w.request_state(guid, 3)) == 0U);
    // A settings path in place of the system is accepted, as real clients send it.
    BOOST_TEST(w.done(w.call(w.vsms(), "DestroySystem",
                             {{"AffectedSystem", Value(World::settings_of(guid))}})) == 0U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(World::code(w.call(w.vsms(), "DestroySystem", who)) == 32773U);
}

BOOST_AUTO_TEST_CASE(a_failure_of_the_machine_layer_is_in_the_job) {
    World w;
    w.hypervisor.fail_next("define",
                           Error(Status::no_space, "test", "The disk is full.", "", "libvirt says so"));
    auto r =
        w.call(w.vsms(), "DefineSystem",
               {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "x"}}))}});
    BOOST_TEST(World::code(r) == 4096U);
    BOOST_TEST(w.done(r) != 0U);
    BOOST_TEST(w.last_text.find("libvirt says so") != std::string::npos, w.last_text);
    BOOST_TEST(w.hypervisor.machines().empty());
}

// Nothing is dropped in silence: those that do not say which device they are for are for one after the other.
BOOST_AUTO_TEST_CASE(settings_of_a_device_that_every_system_has_are_given_once) {
    World w;
    const auto serial = [&](const char* name, const char* pipe) {
        Given g{{"ResourceType", 21},
                {"ResourceSubType", "Microsoft:Hyper-V:Serial Port"},
                {"Connection", World::texts({std::string(R"(\\.\pipe\)") + pipe})}};
        if (*name) g.emplace_back("ElementName", name);
        return w.make("Msvm_SerialPortSettingData", g);
    };
    const auto ide = [&](const char* id) {
        return w.make("Msvm_ResourceAllocationSettingData",
                      {{"InstanceID", id},
                       {"ResourceType", 5},
                       {"ResourceSubType", "Microsoft:Hyper-V:Emulated IDE Controller"}});
    };
    const auto on = [&](const char* controller) {
        return w.make("Msvm_ResourceAllocationSettingData",
                      {{"ResourceType", 17},
                       {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                       {"Parent", controller},
                       {"AddressOnParent", "0"}});
    };
    const auto guid = w.define({{"ElementName", "both"}}, {serial("", "one"), serial("COM", "two"), ide("a"),
                                                           ide("b"), on("b"), on("a")});
    const auto& s = w.spec(guid);
    BOOST_TEST_REQUIRE(s.serial_ports.size() == 2U);
    BOOST_TEST(s.serial_ports[0].path.ends_with("one"));
    BOOST_TEST(s.serial_ports[1].path.ends_with("two"));
    BOOST_TEST(s.serial_ports[1].port == 1U);
    BOOST_TEST_REQUIRE(s.disks.size() == 2U);
    BOOST_TEST(s.disks[0].controller == 1U);
    BOOST_TEST(s.disks[1].controller == 0U);
    const auto numbered = w.define({{"ElementName", "b"}}, {serial("COM 2", "three"), serial("", "four")});
    BOOST_TEST(w.spec(numbered).serial_ports.size() == 2U);
    // Whoever says which is meant gets it, also after one that does not.
    const auto of = [&](const char* name, const char* address) {
        return w.make("Msvm_ResourceAllocationSettingData",
                      {{"ResourceType", 5},
                       {"ResourceSubType", "Microsoft:Hyper-V:Emulated IDE Controller"},
                       {"InstanceID", name},
                       {"Address", address}});
    };
    const auto late = w.define({{"ElementName", "late"}}, {serial("", "five"), serial("COM 1", "six"),
                                                           of("a", ""), of("b", "0"), on("a")});
    const auto& by_number = w.spec(late);
    BOOST_TEST_REQUIRE(by_number.serial_ports.size() == 2U);
    for (const auto& p : by_number.serial_ports)
        BOOST_TEST(p.path.ends_with(p.port == 0 ? "six" : "five"), p.path);
    BOOST_TEST(by_number.disks.at(0).controller == 1U);
    const auto before = w.hypervisor.machines().size();
    for (const auto& twice :
         std::vector<std::vector<Instance>>{{memory(w, 512), memory(w, 1024)},
                                            {processors(w, 1), processors(w, 1)},
                                            {serial("", "a"), serial("", "b"), serial("", "c")},
                                            {serial("COM 1", "a"), serial("1", "b")},
                                            {ide("a"), ide("b"), ide("c")}}) {
        const auto r = w.call(
            w.vsms(), "DefineSystem",
            {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "x"}}))},
             {"ResourceSettings", World::list(twice)}});
        BOOST_TEST(World::code(r) == 32773U);
        const auto index = "ResourceSettings[" + std::to_string(twice.size() - 1) + "]";
        BOOST_TEST(w.text_of(r).find(index) != std::string::npos, w.text_of(r));
    }
    BOOST_TEST(w.hypervisor.machines().size() == before);
}

BOOST_AUTO_TEST_CASE(templates_of_what_every_system_has_are_taken_as_they_are) {
    World w;
    std::vector<Instance> all;
    for (const auto& i : w.query("SELECT * FROM CIM_ResourceAllocationSettingData WHERE InstanceID LIKE "
                                 "'Microsoft:Definition%Default'")) {
        const auto kind = vs::kind_of(i);
        BOOST_TEST_REQUIRE(kind.ok());
        const bool always =
            *kind == vs::Kind::processor || *kind == vs::Kind::memory || *kind == vs::Kind::ide_controller ||
            *kind == vs::Kind::serial_port || *kind == vs::Kind::display || *kind == vs::Kind::keyboard ||
            *kind == vs::Kind::mouse || *kind == vs::Kind::diskette_drive || vs::is_component(*kind);
        if (!always) continue;
        all.push_back(i);
        if (*kind == vs::Kind::serial_port)
            BOOST_TEST(all.back().set("Connection", World::texts({R"(\\.\pipe\from-template)"})));
    }
    BOOST_TEST(all.size() > 8U);
    const auto guid = w.define({{"ElementName", "like the templates"}}, all);
    BOOST_TEST(w.spec(guid).serial_ports.at(0).path.ends_with("from-template"));
}

BOOST_AUTO_TEST_CASE(an_order_without_devices_is_refused) {
    World w;
    auto h = w.hypervisor.host();
    h.uefi_available = true;
    w.hypervisor.set_host(h);
    const auto modify = [&](const std::string& guid, const char* property) {
        const auto r = w.call(
            w.vsms(), "ModifySystemSettings",
            {{"SystemSettings",
              Value(w.make("Msvm_VirtualSystemSettingData",
                           {{"InstanceID", vs::setting_id(guid)}, {property, Value(Value::Array{})}}))}});
        const auto code = w.done(r);
        if (code != 0) BOOST_TEST(w.text_of(r).find(property) != std::string::npos, w.text_of(r));
        return code;
    };
    const auto first = w.define({{"ElementName", "1"}});
    BOOST_TEST(modify(first, "BootOrder") == 32773U);
    BOOST_TEST(modify(first, "BootSourceOrder") == 0U);  // it has none
    const Given second{{"ElementName", "2"}, {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"}};
    const auto port =
        w.make("Msvm_SyntheticEthernetPortSettingData",
               {{"ResourceType", 10}, {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Ethernet Port"}});
    const auto guid = w.define(second, {port});
    BOOST_TEST(modify(guid, "BootSourceOrder") == 32773U);
    BOOST_TEST(modify(guid, "BootOrder") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
