// Snapshots against libvirt's test driver.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "base/text.hpp"
#include "support/ok.hpp"
#include "support/random_spec.hpp"
#include "tests/unit/backend/libvirt/libvirt_calls.hpp"
#include "tests/unit/backend/libvirt/test_driver.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using wsvirt::testing::is_running;
using wsvirt::testing::open_test;
using enum MachineState;

BOOST_AUTO_TEST_SUITE(test_driver_snapshots)

BOOST_AUTO_TEST_CASE(what_is_noted_of_snapshots_is_left_to_the_host_that_has_the_machine) {
    namespace fs = std::filesystem;
    const fs::path state = fs::temp_directory_path() / ("wsvirt-notes-" + std::to_string(::getpid()));
    const auto folder = state / "unfinished-snapshots";
    fs::create_directories(folder);
    const std::string id = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A02";
    std::ofstream(folder / "a") << "host here\nmachine " << id << "\nid " << id << '\n';
    std::ofstream(folder / "b") << "host there\nmachine " << id << "\nid " << id << '\n';
    open_test(state.string());
    BOOST_TEST(!fs::exists(folder / "a"));  // its machine is gone
    BOOST_TEST(fs::exists(folder / "b"));
    fs::remove_all(state);
}

// Of a machine that an import gave them, and of one that goes back to a snapshot that was imported.
BOOST_AUTO_TEST_CASE(what_is_said_of_a_snapshot_is_neither_the_machines_nor_the_next_ones) {
    const auto h = open_test();
    MachineSpec s;
    s.uuid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A03";
    s.name = "copy";
    SnapshotInfo imported;
    imported.id = make_guid();
    imported.created_us = 1'700'000'000'000'000;
    imported.spec = s;
    imported.spec.attributes = {{"Snapshot.Applied", "17"}, {"kept", "x"}};
    s.attributes = {{"Snapshot.MemoryCleared", "1"}, {"snapshot.name", "old"}};
    OK(h->define({}, s));
    SnapshotRequest r;
    r.machine = s.uuid;
    r.id = make_guid();
    r.name = "next";
    auto made = h->snapshot({}, r);
    OK(made);
    BOOST_TEST((made->spec.attributes == Attributes{{std::string(snapshot_name), "next"}}));

    OK(h->adopt_snapshots({}, s.uuid, {imported}, {imported.id}, {""}));
    const auto& there = h->machine(s.uuid)->snapshots;
    BOOST_TEST_REQUIRE(there.size() == 2u);
    OK(h->revert({}, s.uuid, imported.id, {}));
    const auto back = h->machine(s.uuid);
    BOOST_TEST((back->spec.attributes == Attributes{{"kept", "x"}}));
    for (const auto& snapshot : back->snapshots)
        if (snapshot.id == imported.id) BOOST_TEST((snapshot.spec.attributes == imported.spec.attributes));
}

// QEMU reads memory only into devices that are where they were.
BOOST_AUTO_TEST_CASE(the_memory_of_an_imported_snapshot_keeps_its_hardware) {
    const auto h = open_test();
    MachineSpec s;
    s.uuid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A04";
    s.name = "arrived";
    s.nics = {{"nic", NicModel::e1000, "52:54:00:aa:bb:cc", NicLink::user, "", true, {}}};
    const auto hardware = [](const std::string& devices) {
        return "<domain type='test'><name>former</name><uuid>" + make_guid() +
               "</uuid><memory>65536</memory><os><type arch='x86_64'>hvm</type></os><devices>" + devices +
               "</devices></domain>";
    };
    const std::string nic =
        "<interface type='user'><mac address='52:54:00:aa:bb:cc'/><model type='e1000'/>"
        "<address type='pci' domain='0x0000' bus='0x00' slot='0x15' function='0x0'/></interface>";
    SnapshotInfo parent, child;
    parent.id = make_guid();
    child.id = make_guid();
    child.parent = parent.id;
    child.current = true;
    for (auto* info : {&parent, &child}) {
        info->created_us = 1'700'000'000'000'000;
        info->has_memory = true;
        info->spec = s;
    }
    const auto adopted = [&](const std::string& of_parent) {
        if (h->machine(s.uuid)) OK(h->forget({}, s.uuid));
        OK(h->define({}, s));
        return h->adopt_snapshots({}, s.uuid, {child, parent}, {child.id, parent.id},
                                  {hardware(nic), of_parent});
    };
    OK(adopted(hardware(nic)));
    const auto m = h->machine(s.uuid);
    BOOST_TEST_REQUIRE(m->snapshots.size() == 2u);
    for (const auto& snapshot : m->snapshots) {
        BOOST_TEST(snapshot.spec.nics.size() == 1u);
        BOOST_TEST(snapshot.current == (snapshot.id == child.id));
        const auto has = h->snapshot_hardware({}, s.uuid, snapshot.id);
        OK(has);
        BOOST_TEST(has->find("slot=\"0x15\"") != std::string::npos, *has);
        BOOST_TEST(has->find("arrived") != std::string::npos);
    }
    // What the machine or this host cannot have; the disks of the snapshot are there all the same.
    for (const char* more : {"<filesystem type='mount'><source dir='/etc'/></filesystem>",
                             "<controller type='no such type'/>"}) {
        OK(adopted(hardware(nic + more)));
        BOOST_TEST(h->machine(s.uuid)->snapshots.size() == 2u);
        const auto has = h->snapshot_hardware({}, s.uuid, parent.id);
        OK(has);
        BOOST_TEST(has->find("slot=\"0x15\"") == std::string::npos, *has);
        BOOST_TEST(has->find("/etc") == std::string::npos, *has);
        const auto applied = h->revert({}, s.uuid, parent.id, {AfterRevert::Memory::saved, {}, {}});
        BOOST_REQUIRE(!applied);
        BOOST_TEST(applied.error().message_id == "wsvirt.snapshot.memory_unfit", applied.error().full_text());
        BOOST_TEST((h->machine(s.uuid)->state == off));
        OK(h->revert({}, s.uuid, parent.id, {AfterRevert::Memory::dropped, {}, {}}));
    }
    OK(h->forget({}, s.uuid));
}

// As an export asks for that of each.
BOOST_AUTO_TEST_CASE(the_hardware_of_a_snapshot_is_looked_up_without_the_others) {
    const auto h = open_test();
    MachineSpec s;
    s.uuid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A06";
    s.name = "many";
    OK(h->define({}, s));
    OK(h->start({}, s.uuid));
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
        SnapshotRequest r;
        r.machine = s.uuid;
        r.id = make_guid();
        OK(h->snapshot({}, r));
        ids.push_back(r.id);
    }
    const int before = testing::snapshots_read;
    for (const auto& id : ids) {
        const auto has = h->snapshot_hardware({}, s.uuid, id);
        OK(has);
        BOOST_TEST(has->find("<domain") != std::string::npos);
        BOOST_TEST(has->find("<metadata") == std::string::npos);
    }
    BOOST_TEST(testing::snapshots_read - before == static_cast<int>(ids.size()));
    const auto none = h->snapshot_hardware({}, s.uuid, make_guid());
    BOOST_REQUIRE(!none);
    BOOST_TEST((none.error().status == Status::not_found));
    OK(h->power_off({}, s.uuid));
    OK(h->undefine({}, s.uuid));
}

// With the links of the settings, and of the size that the memory has.
BOOST_AUTO_TEST_CASE(the_memory_of_an_imported_snapshot_is_started_as_the_settings_allow) {
    const auto h = open_test();
    MachineSpec s;
    s.uuid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A05";
    s.name = "arrived";
    s.memory_mib = s.memory_max_mib = s.memory_min_mib = 64;
    const std::string macs[] = {"52:54:00:aa:bb:01", "52:54:00:aa:bb:02", "52:54:00:aa:bb:03",
                                "52:54:00:aa:bb:04"};
    s.nics = {{make_guid(), NicModel::e1000, macs[0], NicLink::user, "", true, {}},
              {make_guid(), NicModel::e1000, macs[1], NicLink::user, "", false, {}},
              {make_guid(), NicModel::e1000, macs[2], NicLink::none, "", true, {}}};
    std::string nics;
    for (const auto& mac : macs)
        nics += "<interface type='user'><mac address='" + mac + "'/><model type='e1000'/></interface>";
    SnapshotInfo snapshot;
    snapshot.id = make_guid();
    snapshot.created_us = 1'700'000'000'000'000;
    snapshot.has_memory = true;
    snapshot.spec = s;
    const auto adopt = [&](unsigned mib, unsigned processors) {
        if (h->machine(s.uuid)) OK(h->forget({}, s.uuid));
        OK(h->define({}, s));
        OK(h->adopt_snapshots(
            {}, s.uuid, {snapshot}, {snapshot.id},
            {"<domain type='test'><name>former</name><uuid>" + make_guid() + "</uuid><memory unit='MiB'>" +
             std::to_string(mib) + "</memory><vcpu>" + std::to_string(processors) +
             "</vcpu><os><type arch='x86_64'>hvm</type></os><devices>" + nics + "</devices></domain>"}));
    };
    const auto apply = [&](AfterRevert::Memory memory) {
        return h->revert({}, s.uuid, snapshot.id, {memory, {}, {}});
    };
    adopt(128, 2);
    const auto has = h->snapshot_hardware({}, s.uuid, snapshot.id);
    OK(has);
    for (std::size_t i = 0; i < std::size(macs); ++i) {
        const auto at = has->find(macs[i]);
        BOOST_TEST_REQUIRE(at != std::string::npos);
        const auto nic = has->substr(at, has->find("</interface>", at) - at);
        BOOST_TEST((nic.find("<link state=\"down\"") != std::string::npos) == (i != 0), nic);
    }
    BOOST_TEST(has->find(">131072<") != std::string::npos, *has);
    OK(apply(AfterRevert::Memory::runs));
    OK(h->power_off({}, s.uuid));
    const auto host = h->host();
    const std::pair<unsigned, unsigned> too_much[] = {{static_cast<unsigned>(host.memory_mib + 1), 1},
                                                      {64, host.max_processors + 1}};
    for (const auto& [mib, processors] : too_much) {
        adopt(mib, processors);
        const auto applied = apply(AfterRevert::Memory::saved);
        BOOST_REQUIRE(!applied);
        BOOST_TEST(applied.error().message_id == "wsvirt.snapshot.memory_exceeds",
                   applied.error().full_text());
        BOOST_TEST((h->machine(s.uuid)->state == off));
        OK(apply(AfterRevert::Memory::dropped));
    }
    OK(h->forget({}, s.uuid));
}

BOOST_AUTO_TEST_CASE(what_the_settings_have_no_word_for_is_known) {
    namespace fs = std::filesystem;
    const fs::path file = fs::temp_directory_path() / ("wsvirt-node-" + std::to_string(::getpid()) + ".xml");
    std::ofstream(file)
        << "<node><domain type='test'><name>m</name><memory>65536</memory><os><type>hvm</type></os>"
           "<devices><disk type='file'><source file='/d'/><target dev='sdz' bus='usb'/></disk>"
           "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>"
           "</domain></node>";
    libvirt::Settings s;
    s.uri = "test://" + file.string();
    const auto h = libvirt::open_libvirt(s);
    BOOST_TEST_REQUIRE(h.ok());
    BOOST_TEST_REQUIRE((*h)->machines().size() == 1u);
    const auto& unknown = (*h)->machines()[0]->unknown;
    BOOST_TEST(unknown.disks == "disk sdz of type file");
    BOOST_TEST(unknown.devices == "rng");
    fs::remove(file);
}

// A machine of the same identifier is another one.
BOOST_AUTO_TEST_CASE(snapshots_that_a_cut_off_move_has_put_aside_go_with_their_machine) {
    namespace fs = std::filesystem;
    const fs::path state = fs::temp_directory_path() / ("wsvirt-aside-" + std::to_string(::getpid()));
    const auto folder = state / "moving-snapshots";
    fs::create_directories(folder);
    MachineSpec spec;
    spec.uuid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A02";
    spec.name = "again";
    std::ofstream(folder / spec.uuid) << "<snapshots/>";
    OK(open_test(state.string())->define({}, spec));
    BOOST_TEST(!fs::exists(folder / spec.uuid));
    fs::remove_all(state);
}

// The first one was removed after its removal had been cut off.
BOOST_AUTO_TEST_CASE(what_is_noted_of_a_machine_is_not_done_to_the_next_one_of_its_identifier) {
    namespace fs = std::filesystem;
    const fs::path state = fs::temp_directory_path() / ("wsvirt-again-" + std::to_string(::getpid()));
    const auto folder = state / "unfinished-snapshots";
    fs::create_directories(folder);
    MachineSpec spec;
    spec.uuid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A02";
    spec.name = "again";
    const auto h = open_test(state.string());
    for (const std::string host : {"here", "there"})
        std::ofstream(folder / host) << "host " << host << "\nmachine " << spec.uuid << "\nid A\nremoved\n";
    OK(h->define({}, spec));
    BOOST_TEST(!fs::exists(folder / "here"));
    BOOST_TEST(fs::exists(folder / "there"));
    OK(open_test(state.string())->undefine({}, spec.uuid));
    fs::remove_all(state);
}

// A paused machine runs for an instant after its memory was written; the end of the service then is no reason
// for it to go on.
BOOST_AUTO_TEST_CASE(a_machine_that_ran_for_an_instant_is_paused_again) {
    namespace fs = std::filesystem;
    const fs::path state = fs::temp_directory_path() / ("wsvirt-paused-" + std::to_string(::getpid()));
    const auto folder = state / "unfinished-snapshots";
    fs::create_directories(folder);
    const std::string id = open_test()->machines()[0]->spec.uuid;
    std::ofstream(folder / "a") << "host here\nmachine " << id << "\nid A\npaused\n";
    const auto h = open_test(state.string());
    BOOST_TEST((h->machine(id)->state == paused));
    BOOST_TEST(fs::is_empty(folder));
    fs::remove_all(state);
}

// By a host that fell silent, or by the end of the service.
BOOST_AUTO_TEST_CASE(going_back_that_was_cut_off_ends_as_it_would_have) {
    namespace fs = std::filesystem;
    const fs::path state = fs::temp_directory_path() / ("wsvirt-back-" + std::to_string(::getpid()));
    const auto folder = state / "unfinished-snapshots";
    fs::create_directories(folder);
    const auto before = open_test();
    std::mt19937 random(8);
    MachineSpec s = testing::random_spec(random);
    s.disks.clear();
    s.boot_devices.clear();
    OK(before->define({}, s));
    OK(before->start({}, s.uuid));
    SnapshotRequest one, two;
    one.machine = two.machine = s.uuid;
    one.id = make_guid();
    two.id = make_guid();
    two.attributes["Mark"] = "6";
    OK(before->snapshot({}, one));
    OK(before->snapshot({}, two));
    const std::string noted = "host here\nmachine " + s.uuid + "\nid " + make_guid() + "\napply " + one.id;
    const std::pair<const char*, MachineState> cases[] = {
        {"\nthen saved\nmark 7 Mark", saved}, {"\nthen dropped\nmark 7 Mark", off}, {"\n", saved}};
    for (const auto& [then, expected] : cases) {
        if (is_running(*before, s.uuid)) OK(before->power_off({}, s.uuid));
        std::ofstream(folder / "a") << noted << then << '\n';
        const auto after = open_test(state.string());
        const auto m = after->machine(s.uuid);
        BOOST_TEST((m->state == expected), then);
        BOOST_TEST(fs::is_empty(folder));
        for (const auto& snapshot : m->snapshots) {
            const bool it = iequals(snapshot.id, one.id);
            BOOST_TEST(snapshot.current == it);
            BOOST_TEST(snapshot.spec.attributes.contains("Mark") == it);
        }
        if (m->state == saved) OK(after->discard_saved_state({}, s.uuid));
    }
    // Not over what somebody has started since; what is about to start is first what it was to become.
    OK(before->start({}, s.uuid));
    std::ofstream(folder / "a") << noted << "\nthen dropped\n";
    const auto after = open_test(state.string());
    BOOST_TEST((after->machine(s.uuid)->state == running));
    BOOST_TEST(fs::is_empty(folder));
    OK(after->revert({}, s.uuid, two.id, {AfterRevert::Memory::dropped, {}, {}}));
    BOOST_TEST((after->machine(s.uuid)->state == off));
    std::ofstream(folder / "a") << noted << "\nthen dropped\n";
    OK(after->start({}, s.uuid));
    BOOST_TEST(fs::is_empty(folder));
    const auto restarted = after->machine(s.uuid);
    for (const auto& snapshot : restarted->snapshots)
        BOOST_TEST(snapshot.current == iequals(snapshot.id, one.id));
    OK(after->power_off({}, s.uuid));
    OK(after->undefine({}, s.uuid));
    fs::remove_all(state);
}

// The memory is with the snapshot yet, which whoever waits for that may delete next.
BOOST_AUTO_TEST_CASE(going_back_is_not_through_where_only_saving_the_memory_was_stopped) {
    namespace fs = std::filesystem;
    const fs::path state = fs::temp_directory_path() / ("wsvirt-stopped-" + std::to_string(::getpid()));
    const auto note = state / "unfinished-snapshots" / "a";
    const auto h = open_test(state.string());
    std::mt19937 random(9);
    MachineSpec s = testing::random_spec(random);
    s.disks.clear();
    s.boot_devices.clear();
    OK(h->define({}, s));
    OK(h->start({}, s.uuid));
    SnapshotRequest one, two;
    one.machine = two.machine = s.uuid;
    one.id = make_guid();
    two.id = make_guid();
    OK(h->snapshot({}, one));
    OK(h->power_off({}, s.uuid));
    fs::create_directories(note.parent_path());
    std::ofstream(note) << "host here\nmachine " << s.uuid << "\nid " << make_guid() << "\napply " << one.id
                        << "\nthen saved\n";
    testing::saves_are_stopped = true;
    const auto stopped = h->snapshot({}, two);
    testing::saves_are_stopped = false;
    BOOST_REQUIRE(!stopped);
    BOOST_TEST((stopped.error().status == Status::cancelled), stopped.error().full_text());
    BOOST_TEST(libvirt::read_unfinished(note).applied == one.id);
    const auto again = h->check_whole({}, s.uuid);
    BOOST_REQUIRE(!again);
    BOOST_TEST(again.error().message_id == "wsvirt.snapshot.just_applied", again.error().full_text());
    BOOST_TEST((h->machine(s.uuid)->state == saved));
    BOOST_TEST(!fs::exists(note));
    OK(h->discard_saved_state({}, s.uuid));
    OK(h->undefine({}, s.uuid));
    fs::remove_all(state);
}

BOOST_AUTO_TEST_CASE(states_and_snapshots) {
    const auto h = open_test();
    std::mt19937 random(4);
    MachineSpec s = testing::random_spec(random);
    s.disks.clear();
    s.boot_devices.clear();
    OK(h->define({}, s));
    OK(h->start({}, s.uuid));
    BOOST_TEST((h->machine(s.uuid)->state == running));
    OK(h->suspend({}, s.uuid));
    BOOST_TEST((h->machine(s.uuid)->state == paused));
    OK(h->resume({}, s.uuid));
    SnapshotRequest r;
    r.machine = s.uuid;
    r.id = make_guid();
    r.name = "one";
    auto snapshot = h->snapshot({}, r);
    OK(snapshot);
    BOOST_TEST(h->machine(s.uuid)->snapshots.size() == 1u);
    OK(h->delete_snapshot({}, s.uuid, r.id, false));
    OK(h->power_off({}, s.uuid));
    BOOST_TEST((h->machine(s.uuid)->state == off));
    OK(h->undefine({}, s.uuid));
}

// libvirt keeps it beside the settings, and in no snapshot.
BOOST_AUTO_TEST_CASE(going_back_brings_the_automatic_start_back) {
    const auto h = open_test();
    std::mt19937 random(6);
    for (const bool before : {true, false}) {
        MachineSpec s = testing::random_spec(random);
        s.disks.clear();
        s.boot_devices.clear();
        s.autostart = before;
        OK(h->define({}, s));
        SnapshotRequest r;
        r.machine = s.uuid;
        r.id = make_guid();
        OK(h->snapshot({}, r));
        s.autostart = !before;
        OK(h->redefine({}, s));
        BOOST_TEST(!h->revert({}, s.uuid, make_guid(), {}));
        BOOST_TEST(h->machine(s.uuid)->spec.autostart == !before);
        OK(h->revert({}, s.uuid, r.id, {AfterRevert::Memory::dropped, {}, {}}));
        BOOST_TEST(h->machine(s.uuid)->spec.autostart == before);
        OK(h->undefine({}, s.uuid));
    }
}

// As `virsh autostart` does, of which our settings know nothing.
BOOST_AUTO_TEST_CASE(a_snapshot_has_the_automatic_start_that_others_have_set) {
    const auto h = open_test();
    const libvirt::ConnectHandle others(virConnectOpen("test:///default"));
    std::mt19937 random(7);
    for (const bool then : {true, false}) {
        MachineSpec s = testing::random_spec(random);
        s.disks.clear();
        s.boot_devices.clear();
        s.autostart = !then;
        OK(h->define({}, s));
        const libvirt::DomainHandle d(virDomainLookupByUUIDString(others.get(), s.uuid.c_str()));
        BOOST_REQUIRE(virDomainSetAutostart(d.get(), then ? 1 : 0) == 0);
        SnapshotRequest r;
        r.machine = s.uuid;
        r.id = make_guid();
        const auto taken = h->snapshot({}, r);
        OK(taken);
        BOOST_TEST(taken->spec.autostart == then);
        BOOST_REQUIRE(virDomainSetAutostart(d.get(), then ? 0 : 1) == 0);
        OK(h->revert({}, s.uuid, r.id, {AfterRevert::Memory::dropped, {}, {}}));
        int now = -1;
        BOOST_REQUIRE(virDomainGetAutostart(d.get(), &now) == 0);
        BOOST_TEST(now == (then ? 1 : 0));
        OK(h->undefine({}, s.uuid));
    }
}

BOOST_AUTO_TEST_SUITE_END()
