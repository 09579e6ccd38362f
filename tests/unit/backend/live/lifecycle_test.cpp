// Real QEMU through the embedded driver.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/libvirt/bounded_log.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"
#include "support/random_spec.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
using enum MachineState;

BOOST_AUTO_TEST_SUITE(lifecycle)

BOOST_AUTO_TEST_CASE(a_machine_is_defined_started_and_removed) {
    MachineSpec spec = host().bare("<Tom & \"Jerry\"> \xF0\x9F\x90\xAD");
    spec.attributes["note"] = "line one\nline two";
    {
        LabMachine m(spec);
        const auto seen = hv().machine(to_lower(spec.uuid));
        BOOST_REQUIRE(seen);
        BOOST_TEST(dump(seen->spec) == dump(spec));
        BOOST_TEST((seen->state == off));
        BOOST_TEST(seen->created_us > 0);
        OK(hv().start(within(patience), m.id()));
        BOOST_TEST((m.state() == running));
        const auto live = hv().machine(m.id());
        BOOST_TEST(live->id > 0);
        BOOST_REQUIRE(live->pid.has_value());
        BOOST_TEST(kill(*live->pid, 0) == 0);
        OK(hv().suspend(within(patience), m.id()));
        BOOST_TEST((m.state() == paused));
        OK(hv().resume(within(patience), m.id()));
        OK(hv().reset(within(patience), m.id()));
        OK(hv().inject_nmi(within(patience), m.id()));
        OK(hv().send_keys(within(patience), m.id(), {0x41}));
        auto stats = hv().stats(within(patience), m.id());
        OK(stats);
        BOOST_TEST(stats->cpu_time_ns > 0u);
        BOOST_TEST(stats->memory_actual_mib == 16u);
        OK(hv().power_off(within(patience), m.id()));
        BOOST_TEST((m.state() == off));
    }
    BOOST_TEST(!hv().machine(spec.uuid));
}

// And is as short as it says, without a gap where it was cut.
BOOST_AUTO_TEST_CASE(libvirts_log_is_cut_while_libvirt_has_it_open) {
    const auto log = host().folder() / "state" / "libvirt.log";
    const auto fails = [] {
        LabMachine m;
        BOOST_TEST(!hv().reset(within(patience), m.id()));
        MachineSpec s = m.spec;
        s.nics = {
            {make_guid(), NicModel::e1000, "52:54:00:aa:bb:cc", NicLink::bridge, "no such bridge", true, {}}};
        OK(hv().redefine(within(patience), s));
        BOOST_TEST(!hv().start(within(patience), m.id()));
    };
    fails();
    const auto before = std::filesystem::file_size(log);
    BOOST_TEST(before > 100u);
    libvirt::cut_log(log, 100);
    BOOST_TEST(std::filesystem::file_size(log) == 0u);
    fails();
    BOOST_TEST(std::filesystem::file_size(log) > 0u);
    BOOST_TEST(std::filesystem::file_size(log) < before + 100);
    BOOST_TEST(std::ifstream(log).peek() != 0);
}

BOOST_AUTO_TEST_CASE(the_log_of_a_machine_goes_with_it) {
    const auto log_of = [](const LabMachine& m) {
        std::vector<std::filesystem::path> r;
        for (const auto& e : std::filesystem::directory_iterator(host().folder() / "state/qemu/log/qemu"))
            if (e.path().filename().string().find(to_lower(m.id())) != std::string::npos)
                r.push_back(e.path());
        return r;
    };
    LabMachine m;
    OK(hv().start(within(patience), m.id()));
    OK(hv().power_off(within(patience), m.id()));
    BOOST_TEST_REQUIRE(log_of(m).size() == 1u);
    BOOST_TEST(m.now()->state_since_us > 0);
    OK(hv().undefine(within(patience), m.id()));
    BOOST_TEST(log_of(m).empty());
    OK(hv().define(within(patience), m.spec));
    OK(hv().start(within(patience), m.id()));
    BOOST_TEST(log_of(m).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_the_state_is_refused) {
    LabMachine m;
    const auto refused = [&](Result<void> r) {
        BOOST_REQUIRE(!r);
        return r.error().status == Status::invalid_state;
    };
    BOOST_TEST(refused(hv().power_off(within(patience), m.id())));
    BOOST_TEST(refused(hv().suspend(within(patience), m.id())));
    BOOST_TEST(refused(hv().resume(within(patience), m.id())));
    BOOST_TEST(refused(hv().save(within(patience), m.id())));
    BOOST_TEST(refused(hv().discard_saved_state(within(patience), m.id())));
    BOOST_TEST(refused(hv().shut_down(within(patience), m.id())));
    auto twice = hv().define(within(patience), m.spec);
    BOOST_REQUIRE(!twice);
    BOOST_TEST((twice.error().status == Status::already_exists));
    auto unknown = hv().start(within(patience), "00000000-1111-4222-8333-444444444444");
    BOOST_REQUIRE(!unknown);
    BOOST_TEST((unknown.error().status == Status::not_found));
    OK(hv().start(within(patience), m.id()));
    BOOST_TEST(refused(hv().start(within(patience), m.id())));
    BOOST_TEST(refused(hv().undefine(within(patience), m.id())));
}

BOOST_AUTO_TEST_CASE(memory_is_saved_and_restored) {
    MachineSpec spec = host().bare();
    spec.disks = {host().new_disk()};
    LabMachine m(spec);
    OK(hv().start(within(patience), m.id()));
    OK(hv().save(within(patience), m.id()));
    BOOST_TEST((m.state() == saved));
    const std::string file = host().folder() / "exported.save";
    OK(hv().export_saved_state(within(patience), m.id(), file));
    OK(hv().discard_saved_state(within(patience), m.id()));
    BOOST_TEST((m.state() == off));

    MachineSpec other = host().bare("other");
    other.disks = {host().new_disk()};
    LabMachine n(other);
    OK(hv().import_saved_state(within(patience), n.id(), file));
    BOOST_TEST((n.state() == saved));
    // A machine that has saved memory keeps it.
    const auto again = hv().import_saved_state(within(patience), n.id(), other.disks[0].path);
    BOOST_REQUIRE(!again);
    BOOST_TEST((again.error().status == Status::invalid_state));
    OK(hv().start(within(patience), n.id()));
    BOOST_TEST((n.state() == running));
    BOOST_TEST(hv().machine(n.id())->state_reason == "restored");
    BOOST_TEST(hv().machine(n.id())->spec.disks[0].path == other.disks[0].path);
    BOOST_TEST((m.state() == off));
    auto wrong = hv().import_saved_state(within(patience), m.id(), other.disks[0].path);
    BOOST_REQUIRE(!wrong);
    BOOST_TEST((wrong.error().status == Status::malformed));
}

BOOST_AUTO_TEST_CASE(a_running_machine_takes_changes) {
    MachineSpec spec = host().bare();
    spec.controllers.push_back({make_guid(), Bus::scsi, 0, {}});
    Disk dvd;
    dvd.id = make_guid();
    dvd.device = DiskDevice::cdrom;
    dvd.bus = Bus::ide;
    dvd.controller = 1;
    spec.disks = {dvd};
    LabMachine m(spec);
    OK(hv().start(within(patience), m.id()));
    Disk disk = host().new_disk();
    disk.bus = Bus::scsi;
    disk.unit = 3;
    spec.name = "renamed";
    spec.disks.push_back(disk);
    spec.disks[0].path = host().new_disk("raw").path;
    spec.disks[0].format = "raw";
    OK(hv().redefine(within(patience), spec));
    BOOST_TEST(hv().machine(m.id())->spec.name == "renamed");
    BOOST_TEST(hv().machine(m.id())->spec.disks.size() == 2u);
    spec.disks[1].path = "/nonexistent/disk.qcow2";
    auto bad = hv().redefine(within(patience), spec);
    BOOST_REQUIRE(!bad);
    BOOST_TEST(hv().machine(m.id())->spec.disks[1].path == disk.path);
}

// The firmware resets the drive at some moment of each start, and with it closes an open tray.
BOOST_AUTO_TEST_CASE(a_medium_goes_in_while_the_firmware_starts) {
    MachineSpec spec = host().bare();
    Disk dvd;
    dvd.id = make_guid();
    dvd.device = DiskDevice::cdrom;
    dvd.bus = Bus::ide;
    dvd.controller = 1;
    dvd.format = "raw";
    spec.disks = {dvd};
    const std::string media[] = {host().new_disk("raw").path, host().new_disk("raw").path};
    LabMachine m(spec);
    OK(hv().start(within(patience), m.id()));
    for (int round = 0; round < 12; ++round) {
        OK(hv().reset(within(patience), m.id()));
        std::this_thread::sleep_for(std::chrono::milliseconds(round * 20));
        spec.disks[0].path = media[round % 2];
        OK(hv().redefine(within(patience), spec));
        BOOST_TEST(hv().machine(m.id())->spec.disks[0].path == spec.disks[0].path);
    }
}

BOOST_AUTO_TEST_CASE(a_killed_qemu_is_noticed) {
    LabMachine m;
    OK(hv().start(within(patience), m.id()));
    kill(*hv().machine(m.id())->pid, SIGKILL);
    BOOST_TEST(eventually([&] { return m.state() == off; }));
    BOOST_TEST(hv().machine(m.id())->state_reason == "crashed");
    OK(hv().start(within(patience), m.id()));
}

BOOST_AUTO_TEST_CASE(a_stuck_qemu_does_not_hold_the_caller) {
    LabMachine m;
    OK(hv().start(within(patience), m.id()));
    const int pid = *hv().machine(m.id())->pid;
    kill(pid, SIGSTOP);
    const auto begin = std::chrono::steady_clock::now();
    auto r = hv().suspend(within(1), m.id());
    BOOST_REQUIRE(!r);
    BOOST_TEST((r.error().status == Status::timed_out));
    BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(patience)));
    auto busy = hv().redefine(within(1), m.spec);
    BOOST_REQUIRE(!busy);
    BOOST_TEST((busy.error().status == Status::busy));
    BOOST_TEST(hv().machine(m.id()) != nullptr);
    // Running as it was: that it shall run is no answer before it has been paused.
    auto resumed = hv().resume(within(1), m.id());
    BOOST_REQUIRE(!resumed);
    BOOST_TEST((resumed.error().status == Status::busy));
    kill(pid, SIGCONT);
    BOOST_TEST(eventually([&] { return m.state() == paused; }));
    const auto asked_again = hv().suspend(within(patience), m.id());
    BOOST_REQUIRE(!asked_again);
    BOOST_TEST((asked_again.error().status == Status::invalid_state));
    OK(hv().resume(within(patience), m.id()));
    resumed = hv().resume(within(patience), m.id());
    BOOST_REQUIRE(!resumed);
    BOOST_TEST((resumed.error().status == Status::invalid_state));
}

// Its caller has been told that it failed.
BOOST_AUTO_TEST_CASE(a_change_that_is_made_too_late_is_taken_back) {
    MachineSpec spec = host().bare();
    spec.controllers.push_back({make_guid(), Bus::scsi, 0, {}});
    LabMachine m(spec);
    OK(hv().start(within(patience), m.id()));
    const int pid = *hv().machine(m.id())->pid;
    Disk disk = host().new_disk();
    disk.bus = Bus::scsi;
    const auto has_it_open = [&] {
        std::error_code ec;
        for (const auto& fd : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
            if (std::filesystem::read_symlink(fd, ec) == disk.path) return true;
        return false;
    };
    MachineSpec more = m.now()->spec;
    more.disks.push_back(disk);
    more.autostart = true;
    more.name = "changed";
    kill(pid, SIGSTOP);
    const auto late = hv().redefine(within(3), more);
    kill(pid, SIGCONT);
    BOOST_REQUIRE(!late);
    BOOST_TEST((late.error().status == Status::timed_out));
    OK(hv().suspend(within(patience), m.id()));  // its turn comes afterwards
    BOOST_TEST(dump(m.now()->spec) == dump(spec));
    BOOST_TEST(!has_it_open());
    OK(hv().redefine(within(patience), more));
    BOOST_TEST(has_it_open());
    BOOST_TEST(m.now()->spec.autostart);
}

// A VHD disk is served to QEMU by a program of its own, which ends with it.
BOOST_AUTO_TEST_CASE(a_change_that_is_taken_back_has_the_disks_served_that_it_has) {
    MachineSpec spec = host().bare();
    spec.controllers.push_back({make_guid(), Bus::scsi, 0, {}});
    Disk one = host().new_disk("vpc"), other = host().new_disk("vpc");
    one.bus = other.bus = Bus::scsi;
    other.unit = 1;
    spec.disks = {one};
    LabMachine m(spec);
    OK(hv().start(within(patience), m.id()));
    const auto is_served = [](const Disk& d) {
        return !qemu::running_arguments("qemu-nbd", "--export-name=" + d.path).empty();
    };
    BOOST_REQUIRE(is_served(one));
    const int pid = *hv().machine(m.id())->pid;
    MachineSpec without = m.now()->spec, with_other = without;
    without.disks.clear();
    with_other.disks.push_back(other);
    for (const auto& changed : {without, with_other}) {
        kill(pid, SIGSTOP);
        const auto late = hv().redefine(within(3), changed);
        kill(pid, SIGCONT);
        BOOST_REQUIRE(!late);
        BOOST_TEST((late.error().status == Status::timed_out), late.error().full_text());
        OK(hv().suspend(within(patience), m.id()));  // its turn comes afterwards
        OK(hv().resume(within(patience), m.id()));
        BOOST_TEST(dump(m.now()->spec) == dump(spec));
        BOOST_TEST(is_served(one));
        BOOST_TEST(eventually([&] { return !is_served(other); }));
    }
    OK(hv().redefine(within(patience), with_other));
    BOOST_TEST((is_served(one) && is_served(other)));
}

BOOST_AUTO_TEST_CASE(events_tell_every_change_in_order) {
    std::mutex mutex;
    std::vector<std::pair<EventKind, MachineState>> seen;
    const MachineSpec spec = host().bare();
    const auto handle = hv().subscribe([&](const Event& e) {
        const std::lock_guard lock(mutex);
        if (e.machine == spec.uuid) seen.emplace_back(e.kind, e.after ? e.after->state : off);
    });
    {
        LabMachine m(spec);
        OK(hv().start(within(patience), m.id()));
        OK(hv().power_off(within(patience), m.id()));
    }
    BOOST_TEST(eventually([&] {
        const std::lock_guard lock(mutex);
        return !seen.empty() && seen.back().first == EventKind::machine_removed;
    }));
    const std::lock_guard lock(mutex);
    BOOST_TEST((seen.front().first == EventKind::machine_added));
    const auto ran = std::find(seen.begin(), seen.end(), std::pair(EventKind::state_changed, running));
    BOOST_TEST((ran != seen.end()));
    BOOST_TEST((std::find(ran, seen.end(), std::pair(EventKind::state_changed, off)) != seen.end()));
}

BOOST_AUTO_TEST_SUITE_END()
