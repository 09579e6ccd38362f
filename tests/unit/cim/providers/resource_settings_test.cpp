#include <set>

#include "cim/providers/virtual_system/storage_rules.hpp"
#include "tests/unit/cim/providers/resource_setup.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

BOOST_FIXTURE_TEST_SUITE(resource_settings, ResourceSetup)

BOOST_AUTO_TEST_CASE(a_disk_on_ide_has_the_chain_that_clients_follow) {
    const auto path = w.image("a.qcow2");
    const auto drive_id = w.added(guid, drive(ide(0), "1"));
    BOOST_TEST(drive_id == "Microsoft:" + guid + "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0\\1\\D");
    const auto disk_id = w.added(guid, medium(drive_id, path));
    BOOST_TEST(disk_id == "Microsoft:" + guid + "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0\\1\\L");
    const auto d = w.get_setting(rasd, drive_id);
    BOOST_TEST(d.string("Parent") == ide(0));
    BOOST_TEST(d.string("AddressOnParent") == "1");
    const auto m = w.get_setting(sasd, disk_id);
    BOOST_TEST(m.string("Parent") == w.parent_text(rasd, drive_id));
    BOOST_CHECK(m.get("HostResource") == World::texts({path}));
    // By association, as libvirt reads devices.
    const auto found = w.query("ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:" + guid +
                               "'} WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent ResultClass = "
                               "Msvm_StorageAllocationSettingData");
    BOOST_TEST_REQUIRE(found.size() == 1U);
    BOOST_TEST(found[0].string("InstanceID") == disk_id);
    BOOST_TEST(w.query(std::string("SELECT * FROM ") + rasd + " WHERE ResourceType = 17 AND Parent = '" +
                       replace_all(ide(0), "\\", "\\\\") + "'")
                   .size() == 1U);
}

BOOST_AUTO_TEST_CASE(slots_are_checked_and_chosen) {
    w.added(guid, drive(ide(1), "0"));
    auto taken = w.add(guid, drive(ide(1), "0"));
    BOOST_TEST(World::code(taken) == 32773U);
    BOOST_TEST(w.text_of(taken).find("AddressOnParent") != std::string::npos);
    BOOST_TEST(World::code(w.add(guid, drive(ide(1), "2"))) == 32773U);
    BOOST_TEST(World::code(w.add(guid, drive(ide(1), "x"))) == 32773U);
    const auto free = w.added(guid, drive(ide(1), ""));
    BOOST_TEST(free.ends_with("\\1\\1\\D"));
    auto full = w.add(guid, drive(ide(1), ""));
    BOOST_TEST(World::code(full) == 32773U);
    BOOST_TEST(World::code(w.add(guid, drive("", "0"))) == 32773U);
    BOOST_TEST(World::code(w.add(guid, drive("nonsense", "0"))) == 32773U);
    BOOST_TEST(w.spec(guid).disks.size() == 2U);
}

BOOST_AUTO_TEST_CASE(parent_texts_compare_without_host_and_case) {
    const auto text =
        "\\\\OTHER\\Root\\Virtualization\\V2:Msvm_ResourceAllocationSettingData.InstanceID=\"Microsoft:" +
        to_lower(guid) + "\\\\83f8638b-8dca-4152-9eda-2ca8b33039b4\\\\0\"";
    BOOST_TEST(w.done(w.add(guid, drive(text, "0"))) == 0U);
}

BOOST_AUTO_TEST_CASE(media_obey_the_rules_of_storage) {
    const auto drive_id = w.added(guid, drive(ide(0), "0"));
    const auto add_path = [&](const std::string& path) { return w.add(guid, medium(drive_id, path)); };
    auto missing = add_path((w.folder / "disks" / "missing.qcow2").string());
    BOOST_TEST(World::code(missing) == 32773U);
    BOOST_TEST(w.text_of(missing).find("missing.qcow2") != std::string::npos);
    BOOST_TEST(World::code(add_path("relative.qcow2")) == 32773U);
    BOOST_TEST(World::code(add_path("/etc/passwd")) == 32769U);
    BOOST_TEST(World::code(add_path((w.folder / "disks" / ".." / "x").string())) == 32769U);
    // A link out of the folder is where it points to.
    std::ofstream(w.folder / "outside.qcow2") << "x";
    std::filesystem::create_symlink(w.folder / "outside.qcow2", w.folder / "disks" / "link.qcow2");
    BOOST_TEST(World::code(add_path((w.folder / "disks" / "link.qcow2").string())) == 32769U);
    BOOST_TEST(World::code(add_path((w.folder / "disks").string())) != 0U);
    // In use by another machine.
    const auto path = w.image("used.qcow2");
    const auto other = w.define({{"ElementName", "other"}});
    const auto other_ide =
        w.parent_text(rasd, "Microsoft:" + other + "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0");
    const auto other_drive = w.added(other, drive(other_ide, "0"));
    w.added(other, medium(other_drive, path));
    auto used = add_path(path);
    BOOST_TEST(World::code(used) == 32774U);
    BOOST_TEST(w.text_of(used).find("other") != std::string::npos);
    BOOST_TEST(w.spec(guid).disks[0].path.empty());
    // What is to be merged with the overlay of a snapshot is the other's, whether a snapshot names it or not.
    backend::MachineSpec changed = w.spec(other);
    auto& its = changed.disks.at(0).path;
    for (int depth = 0; depth < 2; ++depth) {
        backend::ImageSpec overlay;
        overlay.path = (w.folder / "disks" / ("used." + make_guid() + ".qcow2")).string();
        overlay.format = "qcow2";
        overlay.kind = backend::ImageSpec::Kind::differencing;
        overlay.parent = its;
        BOOST_TEST_REQUIRE(w.hypervisor.create_image({}, overlay).ok());
        its = overlay.path;
        BOOST_TEST_REQUIRE(w.hypervisor.redefine({}, changed).ok());
        used = add_path(path);
        BOOST_TEST(World::code(used) == 32774U);
        BOOST_TEST(w.text_of(used).find("other") != std::string::npos);
    }
    // The wrong drive for the medium, and a drive that is full.
    BOOST_TEST(World::code(w.add(guid, medium(drive_id, w.image("cd.raw", "raw"), "Virtual CD/DVD Disk"))) ==
               32773U);
    BOOST_TEST(w.done(add_path(w.image("free.qcow2"))) == 0U);
    BOOST_TEST(World::code(add_path(w.image("second.qcow2"))) == 32774U);
}

BOOST_AUTO_TEST_CASE(scsi_controllers_hold_64_drives_and_go_with_them) {
    const auto id = w.added(guid, scsi());
    BOOST_TEST(id.ends_with("\\0"));
    const auto parent = w.parent_text(rasd, id);
    const auto drive_id = w.added(guid, drive(parent, "63"));
    BOOST_TEST(drive_id == id + "\\63\\D");
    BOOST_TEST(World::code(w.add(guid, drive(parent, "64"))) == 32773U);
    for (int n = 0; n < 3; ++n) w.added(guid, scsi());
    BOOST_TEST(World::code(w.add(guid, scsi())) == 32773U);
    BOOST_TEST(w.done(w.remove(rasd, id)) == 0U);
    BOOST_TEST(w.spec(guid).disks.empty());
    BOOST_TEST(World::code(w.remove(rasd, id)) == 32773U);
    BOOST_TEST(World::code(w.remove("Msvm_MemorySettingData", memory_id())) == 32773U);
}

// libvirt fills gaps below a used number with controllers of its own.
BOOST_AUTO_TEST_CASE(scsi_controllers_are_numbered_without_gaps_and_keep_their_names) {
    const auto first = w.added(guid, scsi()), second = w.added(guid, scsi()), third = w.added(guid, scsi());
    const auto drive_id = w.added(guid, drive(w.parent_text(rasd, second), "5"));
    w.added(guid, medium(drive_id, w.image("kept.qcow2")));
    const auto last = w.added(guid, drive(w.parent_text(rasd, third), "0"));
    BOOST_TEST(w.done(w.remove(rasd, first)) == 0U);
    const auto& s = w.spec(guid);
    std::set<unsigned> numbers;
    for (const auto& c : s.controllers)
        if (c.bus == backend::Bus::scsi) numbers.insert(c.index);
    BOOST_TEST((numbers == std::set<unsigned>{0, 1}));
    BOOST_TEST(s.disks.at(0).controller == 0U);
    BOOST_TEST(s.disks.at(0).unit == 5U);
    BOOST_TEST(s.disks.at(1).controller == 1U);
    for (const auto& id : {second, third, drive_id, last})
        BOOST_TEST(w.get_setting(rasd, id).string("InstanceID") == id);
    BOOST_TEST(instance_parent(drive_id) == second);
    BOOST_TEST(instance_parent(last) == third);
}

BOOST_AUTO_TEST_CASE(medium_and_drive_are_removed_in_one_call_in_any_order) {
    const auto path = w.image("a.qcow2");
    const auto drive_id = w.added(guid, drive(ide(0), "0"));
    const auto disk_id = w.added(guid, medium(drive_id, path));
    auto r = w.call(w.vsms(), "RemoveResourceSettings",
                    {{"ResourceSettings", Value(Value::Array{Value(vs::setting_path(rasd, drive_id)),
                                                             Value(vs::setting_path(sasd, disk_id))})}});
    BOOST_TEST(w.done(r) == 0U);
    BOOST_TEST(w.spec(guid).disks.empty());
    BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(the_diskette_drive_is_always_there) {
    const auto id = "Microsoft:" + guid + "\\8F0D2762-0B00-4E04-AF4F-19010527CB93\\0\\0\\D";
    BOOST_TEST(w.get_setting(rasd, id).uint("ResourceType") == 14U);
    const auto floppy = w.added(guid, medium(id, w.image("boot.img", "raw"), "Virtual Floppy Disk"));
    BOOST_TEST(w.get_setting(sasd, floppy).string("ResourceSubType") ==
               "Microsoft:Hyper-V:Virtual Floppy Disk");
    BOOST_TEST(w.done(w.remove(sasd, floppy)) == 0U);
    BOOST_TEST(w.get_setting(rasd, id).uint("ResourceType") == 14U);
}

// A machine that has started without the drive has none.
BOOST_AUTO_TEST_CASE(the_first_diskette_needs_a_machine_that_is_off) {
    const auto id = "Microsoft:" + guid + "\\8F0D2762-0B00-4E04-AF4F-19010527CB93\\0\\0\\D";
    const auto image = w.image("boot.img", "raw");
    const auto put = [&] { return w.add(guid, medium(id, image, "Virtual Floppy Disk")); };
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    // Nor is it made by a description of the drive.
    const auto described = w.modify(change(rasd, id, {{"ElementName", "mine"}}));
    BOOST_TEST(w.done(described) == 32775U);
    BOOST_TEST(w.text_of(described).find("ElementName") != std::string::npos, w.text_of(described));
    BOOST_TEST(w.done(w.modify(w.get_setting(rasd, id))) == 0U);  // as it was read
    const auto refused = put();
    BOOST_TEST(w.done(refused) == 32775U);
    BOOST_TEST(w.text_of(refused).find("off") != std::string::npos, w.text_of(refused));
    BOOST_TEST(w.spec(guid).disks.empty());
    BOOST_TEST(w.done(w.request_state(guid, 3)) == 0U);
    const auto first = put();
    BOOST_TEST_REQUIRE(w.done(first) == 0U, w.text_of(first));
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    const auto floppy =
        first.out.get("ResultingResourceSettings").as_array()->at(0).as_path()->key_string("InstanceID");
    BOOST_TEST(w.done(w.remove(sasd, floppy)) == 0U);
    BOOST_TEST(w.done(put()) == 0U);  // the drive is there by now
}

// What is put into a drive later is another medium.
BOOST_AUTO_TEST_CASE(settings_of_a_medium_go_with_it) {
    const auto drive = w.added(guid, this->drive(ide(0), "0"));
    const auto put = [&](const std::string& file, const Given& more) {
        Given given{{"ResourceType", 31},
                    {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                    {"Parent", w.parent_text(rasd, drive)},
                    {"HostResource", World::texts({file})}};
        given.insert(given.end(), more.begin(), more.end());
        return w.added(guid, w.make(sasd, given));
    };
    const auto first = put(w.image("first.raw", "raw"), {{"IOPSLimit", 500U},
                                                         {"IOPSReservation", 10U},
                                                         {"PersistentReservationsSupported", true},
                                                         {"WriteHardeningMethod", 1U}});
    BOOST_TEST(w.spec(guid).disks.at(0).shareable);
    BOOST_TEST_REQUIRE(w.done(w.remove(sasd, first)) == 0U);
    const auto path = w.image("second.qcow2");
    const auto second = w.get_setting(sasd, put(path, {}));
    BOOST_TEST(second.uint("IOPSLimit") == 0U);
    BOOST_TEST(second.uint("IOPSReservation") == 0U);
    BOOST_TEST(!second.get("PersistentReservationsSupported").bool_or(false));
    BOOST_TEST(second.uint("WriteHardeningMethod") == 0U);
    // And so it is this machine's alone.
    const auto other = w.define({{"ElementName", "other"}});
    BOOST_TEST(vs::user_of(w.services, path, other) != "");
}

BOOST_AUTO_TEST_CASE(modify_changes_only_what_is_said) {
    BOOST_TEST(w.done(w.modify(change("Msvm_MemorySettingData", memory_id(), {{"VirtualQuantity", 2048}}))) ==
               0U);
    auto m = w.get_setting("Msvm_MemorySettingData", memory_id());
    BOOST_TEST(m.uint("VirtualQuantity") == 2048U);
    BOOST_TEST(m.uint("Limit") == 2048U);
    BOOST_TEST(m.uint("Weight") == 5000U);
    BOOST_TEST(w.done(w.modify(
                   change("Msvm_MemorySettingData", memory_id(),
                          {{"DynamicMemoryEnabled", true}, {"Reservation", 512}, {"Limit", 4096}}))) == 0U);
    const auto& s = w.spec(guid);
    BOOST_TEST(s.dynamic_memory);
    BOOST_TEST(s.memory_min_mib == 512U);
    BOOST_TEST(s.memory_max_mib == 4096U);
    auto bad = w.modify(change("Msvm_MemorySettingData", memory_id(), {{"Limit", 1024}}));
    BOOST_TEST(World::code(bad) == 32773U);
    BOOST_TEST(w.text_of(bad).find("Limit") != std::string::npos);
    // Kept and read back, and the finer value of a limit too.
    BOOST_TEST(w.done(w.modify(change(
                   "Msvm_ProcessorSettingData", cpu_id(),
                   {{"Limit", 50050}, {"Reservation", 10000}, {"LimitProcessorFeatures", true}}))) == 0U);
    const auto cpu = w.get_setting("Msvm_ProcessorSettingData", cpu_id());
    BOOST_TEST(cpu.uint("Limit") == 50050U);
    BOOST_TEST(cpu.uint("Reservation") == 10000U);
    BOOST_TEST(cpu.get("LimitProcessorFeatures").bool_or(false));
    BOOST_TEST(w.spec(guid).cpu_limit_permille.value_or(0) == 500U);
    // Weights count like the shares of cgroups: 100 is usual, 10000 the most.
    BOOST_TEST(w.done(w.modify(change("Msvm_ProcessorSettingData", cpu_id(), {{"Weight", 10000}}))) == 0U);
    BOOST_TEST(w.spec(guid).cpu_weight.value_or(0) == 10000U);
    auto others = w.spec(guid);
    others.cpu_weight = 400;
    BOOST_TEST(w.hypervisor.redefine({}, others).ok());
    BOOST_TEST(w.get_setting("Msvm_ProcessorSettingData", cpu_id()).uint("Weight") == 400U);
    // A whole instance sent back as it was read changes nothing and is accepted.
    for (const char* cls : {"Msvm_ProcessorSettingData", "Msvm_MemorySettingData"}) {
        const auto id = std::string_view(cls) == "Msvm_MemorySettingData" ? memory_id() : cpu_id();
        BOOST_TEST(w.done(w.modify(w.get_setting(cls, id))) == 0U);
    }
}

BOOST_AUTO_TEST_CASE(every_resource_can_be_sent_back_as_read) {
    const auto drive_id = w.added(guid, drive(ide(0), "0"));
    w.added(guid, medium(drive_id, w.image("a.qcow2")));
    w.added(guid, nic());
    w.added(guid, scsi());
    const auto before = w.spec(guid);
    auto all = w.query(
        "SELECT * FROM CIM_ResourceAllocationSettingData WHERE InstanceID LIKE 'Microsoft:" + guid + "%'");
    BOOST_TEST(all.size() > 15U);
    for (const auto& i : all) {
        auto r = w.modify(i);
        BOOST_TEST(w.done(r) == 0U, i.string("InstanceID") + ": " + w.text_of(r));
    }
    auto r = w.call(
        w.vsms(), "ModifySystemSettings",
        {{"SystemSettings", Value(w.get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + guid))}});
    BOOST_TEST(w.done(r) == 0U, w.text_of(r));
    BOOST_TEST(
        (w.hypervisor.spec_to_text(before).value() == w.hypervisor.spec_to_text(w.spec(guid)).value()));
}

BOOST_AUTO_TEST_CASE(a_template_can_be_added_as_it_is) {
    for (const char* sub : {"Synthetic SCSI Controller", "Synthetic Ethernet Port"}) {
        auto all =
            w.query(std::string("SELECT * FROM CIM_ResourceAllocationSettingData WHERE ResourceSubType = "
                                "'Microsoft:Hyper-V:") +
                    sub + "' AND InstanceID LIKE '%\\\\Default'");
        BOOST_TEST_REQUIRE(all.size() == 1U, sub);
        auto r = w.add(guid, all[0]);
        BOOST_TEST(w.done(r) == 0U, w.text_of(r));
    }
}

BOOST_AUTO_TEST_CASE(a_running_machine_keeps_what_cannot_change_under_it) {
    const auto scsi_id = w.added(guid, scsi());
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    auto cpu = w.modify(change("Msvm_ProcessorSettingData", cpu_id(), {{"VirtualQuantity", 2}}));
    BOOST_TEST(World::code(cpu) == 32775U);
    BOOST_TEST(w.text_of(cpu).find("VirtualQuantity") != std::string::npos);
    BOOST_TEST(World::code(w.add(guid, scsi())) == 32775U);
    BOOST_TEST(World::code(w.add(guid, drive(ide(0), "0"))) == 32775U);
    // A SCSI disk can be plugged in.
    const auto drive_id = w.added(guid, drive(w.parent_text(rasd, scsi_id), "5"));
    BOOST_TEST(w.done(w.add(guid, medium(drive_id, w.image("hot.qcow2")))) == 0U);
}

// The memory comes back with the devices as they were when it was saved.
BOOST_AUTO_TEST_CASE(a_saved_machine_refuses_what_would_have_no_effect) {
    const auto drive_id = w.added(guid, drive(ide(0), "0"));
    const auto disk = w.added(guid, medium(drive_id, w.image("saved.qcow2")));
    const auto port = w.added(guid, nic());
    const auto plug =
        w.added(guid, w.make("Msvm_EthernetPortAllocationSettingData",
                             {{"ResourceType", 33},
                              {"ResourceSubType", "Microsoft:Hyper-V:Ethernet Connection"},
                              {"Parent", w.parent_text("Msvm_SyntheticEthernetPortSettingData", port)},
                              {"HostResource", World::texts({w.hypervisor.switches().front().id})}}));
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    BOOST_TEST(w.done(w.request_state(guid, 6)) == 0U);
    const auto is = [&](std::uint32_t code, const Instance& i, const char* property) {
        const auto r = w.modify(i);
        BOOST_TEST(w.done(r) == code, property);
        if (code) BOOST_TEST(w.text_of(r).find(property) != std::string::npos, w.text_of(r));
    };
    is(32775, change(sasd, disk, {{"IOPSLimit", 500}}), "IOPSLimit");
    is(32775, change("Msvm_EthernetPortAllocationSettingData", plug, {{"EnabledState", 3}}), "EnabledState");
    is(0, change("Msvm_EthernetPortAllocationSettingData", plug, {{"EnabledState", 2}}), "EnabledState");
    BOOST_TEST(w.done(w.request_state(guid, 3)) == 0U);
    is(0, change(sasd, disk, {{"IOPSLimit", 500}}), "IOPSLimit");
    is(0, change("Msvm_EthernetPortAllocationSettingData", plug, {{"EnabledState", 3}}), "EnabledState");
}

BOOST_AUTO_TEST_CASE(boot_sources_of_generation_2_are_ordered_by_path) {
    auto host = w.hypervisor.host();
    host.uefi_available = true;
    w.hypervisor.set_host(host);
    guid = w.define({{"ElementName", "two"}, {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"}});
    const auto parent = w.parent_text(rasd, w.added(guid, scsi()));
    const auto disk = w.added(guid, drive(parent, "0")), dvd = w.added(guid, drive(parent, "1", true));
    const auto order = [&] {
        return w.get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + guid).get("BootSourceOrder");
    };
    // The way clients go from a drive to its boot source: the reference is a path, compared as one.
    const auto source = [&](const std::string& drive_id) -> std::string {
        for (const auto& i : w.query("SELECT * FROM Msvm_LogicalIdentity"))
            if (i.get("SystemElement").as_path()->key_string("InstanceID") == drive_id)
                return i.get("SameElement").as_path()->to_text("testhost");
        return "";
    };
    BOOST_CHECK(order() == World::texts({source(disk), source(dvd)}));
    auto r = w.call(w.vsms(), "ModifySystemSettings",
                    {{"SystemSettings",
                      Value(w.make("Msvm_VirtualSystemSettingData",
                                   {{"InstanceID", "Microsoft:" + guid},
                                    {"BootSourceOrder", World::texts({source(dvd), source(disk)})}}))}});
    BOOST_TEST(w.done(r) == 0U, w.text_of(r));
    BOOST_CHECK(order() == World::texts({source(dvd), source(disk)}));
    BOOST_TEST(w.spec(guid).boot_devices.front() == w.spec(guid).disks[1].id);
    // A drive that goes leaves the order.
    BOOST_TEST(w.done(w.remove(rasd, dvd)) == 0U);
    BOOST_CHECK(order() == World::texts({source(disk)}));
}

BOOST_AUTO_TEST_CASE(unknown_kinds_are_named) {
    for (const auto& [type, sub, code] : std::vector<std::tuple<int, const char*, unsigned>>{
             {7, "Microsoft:Hyper-V:Synthetic FibreChannel Port", 32770},
             {17, "Microsoft:Hyper-V:Physical Disk Drive", 32770},
             {17, "Nonsense", 32773},
             {5, "Microsoft:Hyper-V:Emulated IDE Controller", 32773},
             {6, "Microsoft:Hyper-V:Synthetic Disk Drive", 32773}}) {
        auto r = w.add(guid, w.make(rasd, {{"ResourceType", type}, {"ResourceSubType", sub}}));
        BOOST_TEST(World::code(r) == code, sub);
        BOOST_TEST(!w.text_of(r).empty(), sub);
    }
}

BOOST_AUTO_TEST_CASE(two_changes_of_one_machine_do_not_run_together) {
    w.services.host.synchronous_window = std::chrono::milliseconds(0);
    w.hypervisor.hold("redefine");
    auto first = w.modify(change("Msvm_MemorySettingData", memory_id(), {{"VirtualQuantity", 2048}}));
    BOOST_TEST(World::code(first) == 4096U);
    BOOST_TEST(World::code(w.modify(
                   change("Msvm_MemorySettingData", memory_id(), {{"VirtualQuantity", 512}}))) == 32774U);
    BOOST_TEST(World::code(w.request_state(guid, 2)) == 32775U);
    w.hypervisor.release("redefine");
    BOOST_TEST(w.done(first) == 0U);
    BOOST_TEST(w.spec(guid).memory_mib == 2048U);
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
