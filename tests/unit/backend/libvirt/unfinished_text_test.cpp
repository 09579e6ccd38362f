// What is noted of an operation on snapshots is read as it was written.
#include "backend/libvirt/unfinished_text.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::backend::libvirt;

BOOST_AUTO_TEST_SUITE(unfinished_text)

// Settings have lines of their own, and texts of people in them.
BOOST_AUTO_TEST_CASE(what_a_machine_was_is_read_as_it_was_noted) {
    Unfinished noted;
    noted.machine = make_guid();
    noted.id = make_guid();
    noted.applied = make_guid();
    noted.back = noted.host_holds = true;
    noted.then = {AfterRevert::Memory::dropped, "Applied", "17"};
    noted.held = {"/vms/a disk.qcow2", "/vms/b\nC:\\new.qcow2"};
    noted.settings = "<domain>\n  <description>C:\\new\nfile x\\\\</description>\n</domain>\n";
    noted.files = {"/state/a.save.before"};
    noted.stands_on = {make_guid(), make_guid()};
    const auto file = std::filesystem::temp_directory_path() / ("wsvirt-note-" + std::to_string(::getpid()));
    std::ofstream(file) << text_of("here", noted);
    const Unfinished seen = read_unfinished(file);
    std::filesystem::remove(file);
    BOOST_TEST(seen.host == "here");
    BOOST_TEST(seen.machine == noted.machine);
    BOOST_TEST(seen.id == noted.id);
    BOOST_TEST(seen.applied == noted.applied);
    BOOST_TEST(seen.back);
    BOOST_TEST(seen.host_holds);
    BOOST_TEST((seen.then.memory == noted.then.memory));
    BOOST_TEST(seen.then.mark == "Applied");
    BOOST_TEST(seen.then.value == "17");
    BOOST_TEST(seen.held == noted.held);
    BOOST_TEST(seen.settings == noted.settings);
    BOOST_TEST(seen.files == noted.files);
    BOOST_TEST(seen.stands_on == noted.stands_on);
}

BOOST_AUTO_TEST_SUITE_END()
