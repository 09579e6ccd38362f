// The files of snapshots on real QEMU: inside and beside the disks of one machine, and of disks whose names
// are alike.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
using enum MachineState;
namespace fs = std::filesystem;

namespace {

SnapshotInfo take(const LabMachine& m, bool memory = true) {
    SnapshotRequest r;
    r.machine = m.id();
    r.id = make_guid();
    r.name = "of its files";
    r.memory = memory;
    auto s = hv().snapshot(within(patience), r);
    OK(s);
    return *s;
}

void drop(const LabMachine& m, const SnapshotInfo& s) {
    OK(hv().delete_snapshot(within(patience), m.id(), s.id, false));
}

void apply(const LabMachine& m, const SnapshotInfo& s) {
    OK(hv().revert(within(patience), m.id(), s.id, {}));
}

MachineSpec with_disk(const std::string& format) {
    MachineSpec s = host().bare();
    s.disks = {host().new_disk(format)};
    return s;
}

void add_drive(const LabMachine& m, Disk drive) {
    MachineSpec s = m.now()->spec;
    drive.unit = static_cast<unsigned>(s.disks.size());
    s.disks.push_back(std::move(drive));
    OK(hv().redefine(within(patience), s));
}

// Those that are named after the disk.
std::set<std::string> files_beside(const std::string& disk) {
    std::set<std::string> r;
    for (const auto& e : fs::directory_iterator(fs::path(disk).parent_path()))
        if (e.path().filename().native().starts_with(fs::path(disk).stem().native())) r.insert(e.path());
    return r;
}

void make_child(const std::string& path, const std::string& parent, const std::string& parent_format) {
    ImageSpec image{path, "qcow2", ImageSpec::Kind::differencing, 0, parent, 0};
    image.parent_format = parent_format;
    OK(hv().create_image(within(patience), image));
}

// A machine with a snapshot inside its disk, and then one beside its disks. It holds 1, 2 and 3.
struct Mixed {
    LabMachine m{with_disk("qcow2")};
    std::string disk = m.disk();
    SnapshotInfo inside, beside;

    explicit Mixed(bool with_memory = false) {
        write_pattern(disk, 1);
        if (with_memory) OK(hv().start(within(patience), m.id()));
        inside = take(m);
        if (with_memory) OK(hv().power_off(within(patience), m.id()));
        BOOST_TEST(!inside.external);
        write_pattern(disk, 2);
        add_drive(m, host().new_disk("raw"));
        beside = take(m);
        BOOST_TEST(beside.external);
        write_pattern(m.disk(), 3);
    }
    // Something else stands on the disk while the snapshot beside it is deleted: nothing is merged.
    void drop_beside_unmerged() const {
        const std::string other = disk.substr(0, disk.rfind('.')) + "." + make_guid() + ".qcow2";
        make_child(other, disk, "qcow2");
        drop(m, beside);
        BOOST_TEST(m.disk() != disk);
        fs::remove(other);
    }
    bool is_whole(int pattern) const {
        return m.disk() == disk && has_pattern(disk, pattern) && files_beside(disk) == std::set{disk};
    }
};

// Two disks that differ only in their ending.
struct Twins {
    LabMachine m{with_disk("raw")};
    std::string first = m.disk(), second = fs::path(first).replace_extension(".qcow2");

    Twins() {
        ImageSpec image;
        image.path = second;
        image.format = "qcow2";
        image.size = 8 << 20;
        OK(hv().create_image(within(patience), image));
        Disk d = m.now()->spec.disks.at(0);
        d.id = make_guid();
        d.path = second;
        d.format = "qcow2";
        add_drive(m, d);
        write(1, 2);
    }
    std::string path(std::size_t n) const { return m.now()->spec.disks.at(n).path; }
    void write(int a, int b) const {
        write_pattern(path(0), a);
        write_pattern(path(1), b);
    }
    bool hold(int a, int b) const { return has_pattern(path(0), a) && has_pattern(path(1), b); }
    bool stand_on(const std::string& a, const std::string& b) const {
        const auto one = hv().image_info(within(patience), path(0));
        const auto other = hv().image_info(within(patience), path(1));
        return one && other && one->backing_file == a && other->backing_file == b;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_files)

BOOST_AUTO_TEST_CASE(what_lies_beside_a_disk_is_merged_into_it_with_the_snapshots_inside) {
    const Mixed one;
    drop(one.m, one.beside);
    BOOST_TEST(one.is_whole(3));
    apply(one.m, one.inside);
    BOOST_TEST(one.is_whole(1));
    drop(one.m, one.inside);
    BOOST_TEST(one.is_whole(1));

    const Mixed other;
    drop(other.m, other.inside);
    BOOST_TEST(other.m.disk() != other.disk);
    drop(other.m, other.beside);
    BOOST_TEST(other.is_whole(3));

    const Mixed running;
    OK(hv().start(within(patience), running.m.id()));
    drop(running.m, running.beside);
    OK(hv().power_off(within(patience), running.m.id()));
    BOOST_TEST(running.is_whole(3));
    apply(running.m, running.inside);
    BOOST_TEST(running.is_whole(1));
}

BOOST_AUTO_TEST_CASE(a_machine_with_snapshots_inside_and_beside_its_disk_leaves_it_as_it_was_last) {
    const Mixed it;
    OK(hv().undefine(within(patience), it.m.id()));
    BOOST_TEST(has_pattern(it.disk, 3));
    BOOST_TEST(files_beside(it.disk) == std::set{it.disk}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_could_not_be_merged_goes_with_the_snapshot_inside_or_with_going_back_to_it) {
    const Mixed back;
    back.drop_beside_unmerged();
    apply(back.m, back.inside);
    BOOST_TEST(back.is_whole(1));

    const Mixed gone;
    gone.drop_beside_unmerged();
    drop(gone.m, gone.inside);
    BOOST_TEST(gone.is_whole(3));
}

BOOST_AUTO_TEST_CASE(what_could_not_be_merged_goes_although_the_memory_cannot_be_saved) {
    const Mixed one(true);
    one.drop_beside_unmerged();
    const auto place = host().folder() / "state/qemu/lib/qemu/save", aside = host().folder() / "save";
    const bool there = fs::exists(place);
    if (there) fs::rename(place, aside);
    std::ofstream(place) << "no folder";
    const auto done =
        hv().revert(within(patience), one.m.id(), one.inside.id, {AfterRevert::Memory::saved, {}, {}});
    fs::remove(place);
    if (there) fs::rename(aside, place);
    BOOST_TEST(!done);
    BOOST_TEST((one.m.state() == off));
    BOOST_TEST(one.is_whole(1));
}

BOOST_AUTO_TEST_CASE(what_another_machine_has_by_now_is_not_merged_into) {
    LabMachine m(with_disk("raw"));
    const std::string disk = m.disk();
    write_pattern(disk, 1);
    const SnapshotInfo a = take(m);
    write_pattern(m.disk(), 2);
    MachineSpec other = host().bare();
    other.disks = {m.now()->spec.disks.at(0)};
    other.disks.at(0).id = make_guid();
    other.disks.at(0).path = disk;
    other.disks.at(0).format = "raw";
    {
        const LabMachine of_others(other);
        drop(m, a);
        BOOST_TEST(m.disk() != disk);
        BOOST_TEST(has_pattern(disk, 1));
        BOOST_TEST(has_pattern(m.disk(), 2));
        // Nor what its snapshots alone have.
        const SnapshotInfo theirs = take(of_others);
        const std::string overlay = of_others.disk();
        MachineSpec without = of_others.now()->spec;
        without.disks.clear();
        OK(hv().redefine(within(patience), without));
        fs::remove(overlay);
        drop(m, take(m));
        BOOST_TEST(has_pattern(disk, 1));
        drop(of_others, theirs);
    }
    drop(m, take(m));
    BOOST_TEST(m.disk() == disk);
    BOOST_TEST(has_pattern(disk, 2));
}

BOOST_AUTO_TEST_CASE(disks_that_differ_in_their_ending_have_overlays_of_their_own) {
    const Twins it;
    const SnapshotInfo a = take(it.m);
    BOOST_TEST(it.stand_on(it.first, it.second));
    it.write(3, 4);
    OK(hv().start(within(patience), it.m.id()));
    const std::string first = it.path(0), second = it.path(1);
    const SnapshotInfo b = take(it.m, false);
    BOOST_TEST(it.stand_on(first, second));
    OK(hv().power_off(within(patience), it.m.id()));
    apply(it.m, a);
    BOOST_TEST(it.stand_on(it.first, it.second));
    BOOST_TEST(it.hold(1, 2));
    apply(it.m, b);
    BOOST_TEST(it.hold(3, 4));
    drop(it.m, a);
    drop(it.m, b);
    BOOST_TEST(it.path(0) == it.first);
    BOOST_TEST(it.path(1) == it.second);
    BOOST_TEST(it.hold(3, 4));
    BOOST_TEST(files_beside(it.first).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_lost_does_not_keep_the_one_named_like_it_from_being_merged) {
    const Twins it;
    const SnapshotInfo a = take(it.m);
    it.write(3, 4);
    fs::remove(it.first);
    drop(it.m, a);
    BOOST_TEST(it.path(0) != it.first);
    BOOST_TEST(it.path(1) == it.second);
    BOOST_TEST(has_pattern(it.second, 4));
}

BOOST_AUTO_TEST_CASE(a_drive_that_is_left_out_of_snapshots_keeps_none_from_being_taken) {
    for (const bool floppy : {true, false}) {
        BOOST_TEST_CONTEXT(floppy) {
            LabMachine m(with_disk("qcow2"));
            const std::string disk = m.disk();
            Disk drive = host().new_disk("raw");
            if (floppy) {
                drive.device = DiskDevice::floppy;
                drive.bus = Bus::fdc;
            } else {
                drive.shareable = true;
                drive.bus = Bus::scsi;
            }
            MachineSpec s = m.now()->spec;
            if (floppy) {  // one that is empty is in nobody's way
                Disk empty = drive;
                empty.path = empty.format = "";
                s.disks.push_back(empty);
                OK(hv().redefine(within(patience), s));
                BOOST_TEST(!take(m).external);
                drop(m, m.now()->snapshots.at(0));
                s.disks.pop_back();
            } else {
                s.controllers.push_back({make_guid(), Bus::scsi, 0, {}});
            }
            s.disks.push_back(drive);
            OK(hv().redefine(within(patience), s));
            write_pattern(disk, 1);
            const SnapshotInfo a = take(m);
            BOOST_TEST(a.external);
            OK(hv().start(within(patience), m.id()));
            const SnapshotInfo b = take(m);
            BOOST_TEST(b.has_memory);
            OK(hv().power_off(within(patience), m.id()));
            write_pattern(m.disk(), 2);
            apply(m, b);
            BOOST_TEST((m.state() == running));
            apply(m, a);
            BOOST_TEST((m.state() == off));
            BOOST_TEST(has_pattern(m.disk(), 1));
            BOOST_TEST(m.now()->spec.disks.back().path == drive.path);
            drop(m, b);
            drop(m, a);
            BOOST_TEST(m.disk() == disk);
            BOOST_TEST(files_beside(disk).size() == 1U);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
