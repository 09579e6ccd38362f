// A machine of which going back to a snapshot is noted and can be neither finished nor taken back yet.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

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
        note = host().folder() / "state" / "unfinished-snapshots" / noted.id;
        fs::create_directories(note.parent_path());
        fs::rename(disk, aside);
        std::ofstream(note) << libvirt::text_of("embedded", noted);
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
    std::ofstream(it.note) << libvirt::text_of("embedded", noted);
    OK(hv().undefine(within(patience), it.m.id()));
    BOOST_TEST(!fs::exists(it.note));
    BOOST_TEST(!fs::exists(it.memory));
}

BOOST_AUTO_TEST_SUITE_END()
