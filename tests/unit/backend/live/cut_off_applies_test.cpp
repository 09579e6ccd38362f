// A machine of which going back to a snapshot is noted and can be neither finished nor taken back yet.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
namespace fs = std::filesystem;

namespace {

MachineSpec with_disk() {
    MachineSpec s = host().bare();
    s.disks = {host().new_disk("qcow2")};
    return s;
}

fs::path note_of(const libvirt::Unfinished& noted) {
    const auto file = host().folder() / "state" / "unfinished-snapshots" / noted.id;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << libvirt::text_of("embedded", noted);
    return file;
}

// Its disk is not there, and holds what it was.
struct HalfApplied {
    LabMachine m{with_disk()};
    std::string disk = m.disk(), aside = disk + ".aside", memory = host().folder() / (m.id() + ".before");
    fs::path note;

    HalfApplied() {
        libvirt::Unfinished noted;
        noted.machine = m.id();
        noted.id = make_guid();
        noted.applied = make_guid();
        noted.held = {disk};
        noted.files = {memory};
        const auto text = hv().spec_to_text(m.now()->spec);
        OK(text);
        noted.settings = *text;
        std::ofstream(memory) << "of a machine that was saved";
        fs::rename(disk, aside);
        note = note_of(noted);
    }
    Result<void> more_memory() {
        MachineSpec s = m.now()->spec;
        s.memory_mib *= 2;
        return hv().redefine(within(patience), s);
    }
    Result<void> move() {
        MigrationRequest r;
        r.machine = m.id();
        r.kind = MigrationRequest::Kind::storage;
        r.disk_targets = {{disk, disk + ".moved"}};
        return hv().migrate(within(patience), r, hv());
    }
};

void is_refused(const Result<void>& done, Status status, const std::string& id) {
    BOOST_REQUIRE(!done);
    BOOST_TEST((done.error().status == status), done.error().full_text());
    BOOST_TEST(done.error().message_id == id);
}

libvirt::Unfinished back_to(const LabMachine& m, const std::string& snapshot, const MachineSpec& former) {
    libvirt::Unfinished noted;
    noted.machine = m.id();
    noted.id = make_guid();
    noted.applied = snapshot;
    const auto text = hv().spec_to_text(former);
    OK(text);
    noted.settings = *text;
    return noted;
}

const fs::path& saves() {
    static const fs::path folder = host().folder() / "state" / "qemu" / "lib" / "qemu" / "save";
    return folder;
}

// No memory can be saved.
struct NoSaves {
    fs::path aside = saves().native() + ".aside";
    NoSaves() { fs::rename(saves(), aside); }
    ~NoSaves() {
        std::error_code ec;
        fs::rename(aside, saves(), ec);
    }
    NoSaves(const NoSaves&) = delete;
    NoSaves& operator=(const NoSaves&) = delete;
};

MachineSpec with_raw_disk() {
    MachineSpec s = host().bare();
    s.disks = {host().new_disk("raw")};
    return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cut_off_applies)

BOOST_AUTO_TEST_CASE(a_half_applied_machine_is_neither_changed_nor_moved) {
    HalfApplied it;
    for (const auto& done : {it.more_memory(), it.move(), hv().start(within(patience), it.m.id())})
        is_refused(done, Status::invalid_state, "wsvirt.snapshot.half_applied");
    BOOST_TEST(fs::exists(it.note));
    fs::rename(it.aside, it.disk);
    // Settings that were seen before it was over may not be those of now.
    is_refused(it.more_memory(), Status::busy, "wsvirt.snapshot.just_applied");
    OK(it.more_memory());
    OK(it.move());
}

BOOST_AUTO_TEST_CASE(what_is_noted_of_a_half_applied_machine_goes_with_it) {
    HalfApplied it;
    OK(hv().undefine(within(patience), it.m.id()));
    BOOST_TEST(!fs::exists(it.note));
    BOOST_TEST(!fs::exists(it.memory));
    BOOST_TEST(fs::exists(it.aside));
}

// Nothing finds the machine any more that it could be done to, but one may get its identifier.
BOOST_AUTO_TEST_CASE(what_is_noted_of_a_deletion_goes_with_the_machine) {
    HalfApplied it;
    auto noted = libvirt::read_unfinished(it.note);
    noted.applied = noted.settings = "";
    noted.held.clear();
    noted.deleted = {make_guid()};
    const std::string variables = host().folder() / (it.m.id() + ".nvram"), half = variables + ".new";
    noted.files.push_back(variables);
    std::ofstream(half) << "half of them";
    std::ofstream(it.note) << libvirt::text_of("embedded", noted);
    OK(hv().undefine(within(patience), it.m.id()));
    BOOST_TEST(!fs::exists(it.note));
    BOOST_TEST(!fs::exists(it.memory));
    BOOST_TEST(!fs::exists(half));
}

// The overlay that it stood on before is gone by then.
BOOST_AUTO_TEST_CASE(gone_back_beside_the_disks_it_stays_so_although_its_memory_finds_no_room) {
    const LabMachine m{with_raw_disk()};
    write_pattern(m.disk(), 1);
    OK(hv().start(within(patience), m.id()));
    SnapshotRequest r;
    r.machine = m.id();
    r.id = make_guid();
    r.name = "beside the disk";
    const auto taken = hv().snapshot(within(patience), r);
    OK(taken);
    BOOST_TEST((taken->external && taken->has_memory));
    OK(hv().power_off(within(patience), m.id()));
    const std::string former = m.disk();
    write_pattern(former, 2);
    auto noted = back_to(m, r.id, m.now()->spec);
    noted.files = {former};
    note_of(noted);
    {
        const NoSaves no_room;
        OK(hv().start(within(patience), m.id()));
    }
    OK(hv().power_off(within(patience), m.id()));
    BOOST_TEST(has_pattern(m.disk(), 1));
    BOOST_TEST(!fs::exists(former));
}

// The end came between QEMU's going on and libvirt's note of why: that says "unpaused" later, or "user".
// Here nobody else can have let it run; what libvirt starts by itself is another matter.
BOOST_AUTO_TEST_CASE(what_an_apply_has_let_run_is_not_taken_for_the_start_of_somebody) {
    const LabMachine m{with_disk()};
    OK(hv().start(within(patience), m.id()));
    SnapshotRequest r;
    r.machine = m.id();
    r.id = make_guid();
    r.name = "inside the disk";
    OK(hv().snapshot(within(patience), r));
    const auto cut_off = [&](const char* reason) {
        BOOST_TEST_CONTEXT(reason) BOOST_TEST(m.now()->state_reason == reason);
        note_of(back_to(m, r.id, m.now()->spec));
        is_refused(hv().check_whole(within(patience), m.id()), Status::busy, "wsvirt.snapshot.just_applied");
    };
    OK(hv().suspend(within(patience), m.id()));
    cut_off("user");
    BOOST_TEST((m.state() == MachineState::saved));
    OK(hv().start(within(patience), m.id()));
    OK(hv().suspend(within(patience), m.id()));
    OK(hv().resume(within(patience), m.id()));
    cut_off("unpaused");
    BOOST_TEST((m.state() == MachineState::saved));
    OK(hv().discard_saved_state(within(patience), m.id()));
    OK(hv().start(within(patience), m.id()));
    cut_off("booted");
    BOOST_TEST((m.state() == MachineState::running));
}

// Given up, as the storage is at hand and does not have it; where it is not, it may come yet.
BOOST_AUTO_TEST_CASE(what_a_machine_was_beside_its_disks_is_gone_and_so_is_the_snapshot) {
    const LabMachine m{with_raw_disk()};
    const auto overlay = [&](const fs::path& folder) {
        MachineSpec former = m.now()->spec;
        former.disks.at(0).format = "qcow2";
        former.disks.at(0).path = folder / ("disk." + make_guid() + ".qcow2");
        return former;
    };
    const auto late = note_of(back_to(m, make_guid(), overlay(host().folder() / "late")));
    is_refused(hv().start(within(patience), m.id()), Status::invalid_state, "wsvirt.snapshot.half_applied");
    fs::remove(late);
    note_of(back_to(m, make_guid(), overlay(fs::path(m.disk()).parent_path())));
    OK(hv().start(within(patience), m.id()));
}

// Of a machine that is saved: its memory was put aside.
libvirt::Unfinished back_with_memory_aside(const LabMachine& m) {
    OK(hv().start(within(patience), m.id()));
    OK(hv().save(within(patience), m.id()));
    auto noted = back_to(m, make_guid(), m.now()->spec);
    noted.back = true;
    for (const auto& e : fs::directory_iterator(saves()))
        noted.files.push_back(e.path().native() + ".before");
    BOOST_REQUIRE(noted.files.size() == 1u);
    return noted;
}

// Its end came between the two: the machine is what it was.
BOOST_AUTO_TEST_CASE(memory_that_was_put_back_stays_where_what_was_aside_is_removed_before_the_note) {
    const LabMachine m{with_raw_disk()};
    const auto noted = back_with_memory_aside(m);
    note_of(noted);
    is_refused(hv().check_whole(within(patience), m.id()), Status::busy, "wsvirt.snapshot.just_applied");
    BOOST_TEST((m.state() == MachineState::saved));
    OK(hv().start(within(patience), m.id()));
}

// Only then it has been put back for good; storage that is not there yet may hold it.
BOOST_AUTO_TEST_CASE(memory_that_is_aside_waits_for_its_storage) {
    const LabMachine m{with_raw_disk()};
    const auto noted = back_with_memory_aside(m);
    const fs::path before = noted.files.front(), saved = saves() / before.stem();
    fs::copy_file(saved, before);
    OK(hv().start(within(patience), m.id()));
    OK(hv().power_off(within(patience), m.id()));
    BOOST_REQUIRE(!fs::exists(saved));
    note_of(noted);
    {
        const NoSaves not_mounted;
        is_refused(hv().check_whole(within(patience), m.id()), Status::invalid_state,
                   "wsvirt.snapshot.half_applied");
    }
    is_refused(hv().check_whole(within(patience), m.id()), Status::busy, "wsvirt.snapshot.just_applied");
    BOOST_TEST(fs::exists(saved));
    BOOST_TEST((m.state() == MachineState::saved));
}

libvirt::Core& core() {
    return *dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core();
}

// As long as the machine of such a merge is busy with something else.
BOOST_AUTO_TEST_CASE(what_failed_is_tried_again_while_a_merge_takes_long) {
    const LabMachine merging;
    OK(hv().start(within(patience), merging.id()));
    const int pid = *merging.now()->pid;
    const auto unmerged = host().folder() / "state" / "unmerged-files" / merging.id();
    fs::create_directories(unmerged.parent_path());
    std::ofstream(unmerged) << "embedded\n";
    kill(pid, SIGSTOP);
    std::jthread busy([&] { (void)hv().suspend(within(patience), merging.id()); });
    HalfApplied it;
    auto noted = libvirt::read_unfinished(it.note);
    noted.applied = noted.settings = "";  // what is left is to look into its disk
    std::ofstream(it.note) << libvirt::text_of("embedded", noted);
    core().left_unfinished();
    const auto has_failed = [&] {
        std::ifstream note(it.note);
        const std::string text{std::istreambuf_iterator<char>(note), {}};
        return text.find("\nfailed ") != std::string::npos;
    };
    BOOST_TEST(eventually(has_failed));
    fs::rename(it.aside, it.disk);
    BOOST_TEST(eventually([&] { return !fs::exists(it.note); }, 40));
    kill(pid, SIGCONT);
    busy.join();
    fs::remove(unmerged);
}

BOOST_AUTO_TEST_SUITE_END()
