#include "cim/codec/export_definition.hpp"

#include <boost/test/unit_test.hpp>

using wsvirt::Status;
using wsvirt::cim::export_definition_from_text;
using wsvirt::cim::export_definition_to_text;
using wsvirt::cim::ExportDefinition;

BOOST_AUTO_TEST_SUITE(export_definition)

namespace {

constexpr const char* system_id = "11111111-2222-3333-4444-555555555555";
constexpr const char* snapshot_id = "66666666-7777-8888-9999-AAAAAAAAAAAA";

ExportDefinition with_snapshot() {
    ExportDefinition d;
    d.id = system_id;
    d.name = "machine";
    d.settings = "<domain/>";
    d.disks.push_back({"/vms/a.raw", "Virtual Hard Disks/a.raw", "raw", 42, "digest"});
    d.snapshots.push_back({snapshot_id, "", 17, true, true, "<domain/>"});
    return d;
}

}  // namespace

BOOST_AUTO_TEST_CASE(snapshots_in_files_of_their_own_come_back_as_such) {
    auto d = with_snapshot();
    d.snapshots[0].external = true;
    d.snapshots[0].name = "as <virsh> calls it";
    d.snapshots[0].memory.push_back({"", "Snapshots/x.save", "", 7, "other"});
    d.snapshots[0].firmware.push_back({"", "Snapshots/x.nvram", "", 8, "its"});
    d.firmware.push_back({"", "Virtual Machines/x.nvram", "", 9, "of it"});
    const auto text = export_definition_to_text(d);
    BOOST_TEST(text.find("Version=\"2\"") != std::string::npos);
    const auto r = export_definition_from_text(text);
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST_REQUIRE(r->snapshots.size() == 1U);
    const auto& s = r->snapshots[0];
    BOOST_TEST(s.id == snapshot_id);
    BOOST_TEST((s.external && s.has_memory && s.current));
    BOOST_TEST(s.name == "as <virsh> calls it");
    BOOST_TEST_REQUIRE(s.memory.size() == 1U);
    BOOST_TEST(s.memory[0].path == "Snapshots/x.save");
    BOOST_TEST(s.memory[0].size == 7U);
    BOOST_TEST(s.memory[0].digest == "other");
    BOOST_TEST_REQUIRE(s.firmware.size() == 1U);
    BOOST_TEST(s.firmware[0].size == 8U);
    BOOST_TEST_REQUIRE(r->firmware.size() == 1U);
    BOOST_TEST(r->firmware[0].path == "Virtual Machines/x.nvram");
}

// A reader of version 1 understands what has nothing new in it.
BOOST_AUTO_TEST_CASE(the_version_is_the_lowest_that_says_it_all) {
    const auto text = export_definition_to_text(with_snapshot());
    BOOST_TEST(text.find("Version=\"1\"") != std::string::npos);
    const auto r = export_definition_from_text(text);
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(!r->snapshots[0].external);
    BOOST_TEST(r->snapshots[0].memory.empty());
}

BOOST_AUTO_TEST_CASE(memory_inside_the_disks_names_its_hardware) {
    auto d = with_snapshot();
    d.snapshots[0].hardware = "<domain type='qemu'>\n  <devices/>\n</domain>";
    const auto text = export_definition_to_text(d);
    BOOST_TEST(text.find("Version=\"2\"") != std::string::npos);
    const auto r = export_definition_from_text(text);
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(r->snapshots[0].hardware == d.snapshots[0].hardware);
}

BOOST_AUTO_TEST_CASE(disks_that_hold_changes_name_their_base) {
    auto d = with_snapshot();
    d.disks[0].base = "../../base/Virtual Hard Disks/a.raw";
    d.disks[0].base_size = 5;
    d.disks[0].base_digest = "of the base";
    const auto text = export_definition_to_text(d);
    BOOST_TEST(text.find("Version=\"2\"") != std::string::npos);
    const auto r = export_definition_from_text(text);
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(r->disks[0].base == d.disks[0].base);
    BOOST_TEST(r->disks[0].base_size == 5U);
    BOOST_TEST(r->disks[0].base_digest == "of the base");
}

// Nothing would tell that the file is another one.
BOOST_AUTO_TEST_CASE(every_file_has_a_digest) {
    auto whole = with_snapshot();
    whole.disks[0].base = "../../base/Virtual Hard Disks/a.raw";
    whole.disks[0].base_digest = "of the base";
    whole.saved_state.push_back({"", "Virtual Machines/x.save", "", 7, "a"});
    whole.firmware.push_back({"", "Virtual Machines/x.nvram", "", 9, "b"});
    whole.snapshots[0].memory.push_back({"", "Snapshots/x.save", "", 7, "c"});
    whole.snapshots[0].firmware.push_back({"", "Snapshots/x.nvram", "", 8, "d"});
    BOOST_TEST(export_definition_from_text(export_definition_to_text(whole)).ok());
    const auto text = export_definition_to_text(whole);
    for (const char* digest : {" Digest=\"digest\"", " BaseDigest=\"of the base\"", " Digest=\"a\"",
                               " Digest=\"b\"", " Digest=\"c\"", " Digest=\"d\""})
        for (const auto& instead : {std::string(), std::string(" Digest=\"\"")}) {
            auto lacking = text;
            const auto at = lacking.find(digest);
            BOOST_TEST_REQUIRE(at != std::string::npos, digest);
            lacking.replace(at, std::string(digest).size(), digest[1] == 'B' ? "" : instead);
            const auto r = export_definition_from_text(lacking);
            BOOST_TEST_REQUIRE(!r.ok(), digest);
            BOOST_TEST(r.error().message_id == "wsvirt.import.digest");
            BOOST_TEST(r.error().text.find("Digest") != std::string::npos, r.error().text);
        }
}

BOOST_AUTO_TEST_CASE(unknown_versions_are_refused) {
    for (const char* version : {"0", "3", "", "x"}) {
        auto text = export_definition_to_text(with_snapshot());
        const auto at = text.find("Version=\"1\"");
        text.replace(at, 11, "Version=\"" + std::string(version) + "\"");
        const auto r = export_definition_from_text(text);
        BOOST_TEST_REQUIRE(!r.ok(), version);
        BOOST_TEST((r.error().status == Status::malformed));
    }
}

BOOST_AUTO_TEST_CASE(the_memory_of_a_snapshot_stays_in_the_folder_too) {
    for (const char* path : {"../x", "/etc/passwd", "a/../../x", "", "a//b"}) {
        auto d = with_snapshot();
        d.snapshots[0].memory.push_back({"", path, "", 7, "any"});
        BOOST_TEST(!export_definition_from_text(export_definition_to_text(d)).ok(), path);
        auto f = with_snapshot();
        f.firmware.push_back({"", path, "", 7, "any"});
        BOOST_TEST(!export_definition_from_text(export_definition_to_text(f)).ok(), path);
    }
}

BOOST_AUTO_TEST_SUITE_END()
