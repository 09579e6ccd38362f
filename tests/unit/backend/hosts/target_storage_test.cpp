// Files that a move makes for its disks on a real libvirt host.
#include "backend/libvirt/target_storage.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "backend/libvirt/file_marks.hpp"
#include "backend/libvirt/handles.hpp"
#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(target_storage)

BOOST_AUTO_TEST_CASE(only_files_that_were_made_are_removed) {
    const libvirt::ConnectHandle b(virConnectOpen(getenv("WSVIRT_LAB_B")));
    BOOST_REQUIRE(b);
    const std::string ours = "/vms/made/ours.qcow2", theirs = "/vms/made/theirs.qcow2";
    std::map<std::string, std::string> marks;
    {
        libvirt::TargetStorage storage(b.get(), libvirt::HostKind::remote,
                                       [&](const auto& file, const auto& mark) -> Result<void> {
                                           marks[file] = mark;
                                           return {};
                                       });
        OK(storage.prepare({ours, theirs}));
        std::ofstream(on_b(theirs)) << "somebody's";
        OK(storage.make(ours, "qcow2", 1 << 20));
        BOOST_TEST(fs::exists(on_b(ours)));
        BOOST_TEST(!storage.make(theirs, "qcow2", 1 << 20));
        storage.remove_new();
    }
    BOOST_TEST(!fs::exists(on_b(ours)));
    BOOST_TEST(fs::file_size(on_b(theirs)) == 10U);
    BOOST_TEST(marks[theirs].empty());
}

// Who is killed when a file has been made and not noted yet finds it again by what was noted before.
BOOST_AUTO_TEST_CASE(what_is_noted_first_proves_a_file_as_long_as_it_is_empty) {
    const libvirt::ConnectHandle c(virConnectOpen(getenv("WSVIRT_LAB_B")));
    BOOST_REQUIRE(c);
    const auto b = open_host("WSVIRT_LAB_B");
    for (const std::string format : {"qcow2", "raw"}) {
        const std::string file = "/vms/bare/new." + format;
        std::vector<std::string> marks;
        {
            libvirt::TargetStorage storage(c.get(), libvirt::HostKind::remote,
                                           [&](const auto&, const auto& mark) {
                                               BOOST_TEST(fs::exists(on_b(file)) == !marks.empty());
                                               marks.push_back(mark);
                                               return Result<void>();
                                           });
            OK(storage.prepare({file}));
            OK(storage.make(file, format, 3 << 20));
        }
        BOOST_REQUIRE(marks.size() == 2U);
        for (const auto& mark : marks) BOOST_TEST(b->is_made(patiently(), file, mark).value_or(false), mark);
        BOOST_TEST(!b->is_made(patiently(), file + ".gone", marks[0]).value_or(true));
        BOOST_TEST(!b->is_made(patiently(), file, libvirt::bare_mark(format, 4 << 20)).value_or(true));
        {
            std::fstream work(on_b(file), std::ios::in | std::ios::out | std::ios::binary);
            work.seekp(format == "raw" ? 1 << 20 : 300 << 10) << "somebody's";
        }
        BOOST_TEST(!b->is_made(patiently(), file, marks[0]).value_or(true));
        fs::remove(on_b(file));
    }
}

BOOST_AUTO_TEST_SUITE_END()
