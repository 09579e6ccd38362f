// What is written on a snapshot is told from what its machine brought along.
#include "backend/libvirt/snapshot_xml.hpp"

#include <boost/test/unit_test.hpp>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/spec_xml.hpp"
#include "backend/machine.hpp"

using namespace wsvirt::backend;
using namespace wsvirt::backend::libvirt;

namespace {

const std::string machine = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A02";

std::string snapshot_of(const std::string& name, const std::string& domain) {
    return "<domainsnapshot><name>" + name + "</name><description>" + name +
           "</description><creationTime>1700000000</creationTime>" + domain + "</domainsnapshot>";
}

std::string domain_in(const std::string& snapshot) {
    const auto from = snapshot.find("<domain "), end = snapshot.find("</domain>");
    return snapshot.substr(from, end + 9 - from);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_xml)

BOOST_AUTO_TEST_CASE(the_note_of_the_snapshot_applied_last_is_not_the_next_ones) {
    SnapshotNote note;
    note.created_us = 1'700'000'000'123'456;
    note.attributes = {{std::string(snapshot_name), "first"}, {"notes", "of the first"}};
    const auto first = with_note(snapshot_of("first", "<domain type='qemu'><name>m</name></domain>"), note);
    BOOST_REQUIRE(first);
    BOOST_TEST(read_layout(*first)->note.created_us == note.created_us);
    BOOST_TEST(read_snapshot(*first, machine)->created_us == note.created_us);

    // The machine has these settings since, and somebody takes a snapshot.
    const std::string second = snapshot_of("second", domain_in(*first));
    BOOST_TEST(read_layout(second)->note.created_us == 0);
    const auto seen = read_snapshot(second, machine);
    BOOST_REQUIRE(seen);
    BOOST_TEST(seen->spec.attributes.at(std::string(snapshot_name)) == "second");
    BOOST_TEST(!seen->spec.attributes.contains("notes"));
    BOOST_TEST(seen->created_us == 1'700'000'000'000'000);
}

// An import of a snapshot once made them the machine's.
BOOST_AUTO_TEST_CASE(what_is_said_of_another_snapshot_is_not_said_of_one_that_others_take) {
    MachineSpec spec;
    spec.uuid = machine;
    spec.name = "m";
    spec.attributes = {{"Snapshot.Type", "32768"}, {"snapshot.name", "old"}, {"kept", "x"}};
    const auto domain = write_domain({spec, 0, 0}, {});
    BOOST_REQUIRE(domain);
    const auto seen = read_snapshot(snapshot_of("virsh", domain_in(*domain)), machine);
    BOOST_REQUIRE(seen);
    const Attributes expected{{std::string(snapshot_name), "virsh"}, {"kept", "x"}};
    BOOST_TEST((seen->spec.attributes == expected));
}

// libvirt gives every element of it our namespace, and copies it into the snapshot.
BOOST_AUTO_TEST_CASE(a_note_that_the_machine_has_beforehand_is_the_snapshots) {
    MachineSpec spec;
    spec.uuid = machine;
    spec.name = "noted";
    spec.attributes["kept"] = "<&>";
    SnapshotNote note;
    note.attributes = {{"kept", "then"}, {std::string(snapshot_name), "before"}};
    note.created_us = 1'700'000'000'000'001;
    note.disks_only = true;
    const auto written = write_domain({spec, 1, 2}, {});
    BOOST_TEST_REQUIRE(bool(written));
    const std::string& domain = *written;
    const std::string element = noted_machine(domain, "noted", note);
    BOOST_TEST(element.find("wsvirt") == std::string::npos, element);
    const auto begin = domain.find("<wsvirt:machine"),
               end = domain.find("</wsvirt:machine>") + std::string("</wsvirt:machine>").size();
    BOOST_TEST_REQUIRE(end > begin);
    std::string prefixed;
    for (std::size_t at = 0; at < element.size(); ++at) {
        prefixed += element[at];
        const bool closes = element.compare(at, 2, "</") == 0;
        if (element[at] != '<') continue;
        if (closes) prefixed += element[++at];
        prefixed += "wsvirt:";
    }
    prefixed.insert(prefixed.find(' '), " xmlns:wsvirt='" + std::string(metadata_uri) + "'");
    const std::string now = domain.substr(0, begin) + prefixed + domain.substr(end);
    const auto read = read_domain(now);
    BOOST_TEST_REQUIRE(bool(read));
    BOOST_TEST((read->kept.spec == read_domain(domain)->kept.spec));
    const auto taken = read_snapshot(snapshot_of("noted", now), machine);
    BOOST_TEST_REQUIRE(bool(taken));
    BOOST_TEST(taken->spec.attributes == note.attributes);
    BOOST_TEST(taken->created_us == note.created_us);
    const auto others = read_snapshot(snapshot_of("by others", now), machine);
    BOOST_TEST_REQUIRE(bool(others));
    BOOST_TEST(others->spec.attributes.at("kept") == "<&>");
    BOOST_TEST(noted_machine("<domain><name>by others</name></domain>", "x", note).empty());
}

BOOST_AUTO_TEST_CASE(a_snapshot_knows_what_its_settings_have_no_word_for) {
    const auto seen = read_snapshot(
        snapshot_of("first", "<domain type='qemu'><name>m</name><devices><rng/></devices></domain>"),
        machine);
    BOOST_REQUIRE(seen);
    BOOST_TEST(seen->unknown.devices == "rng");
}

BOOST_AUTO_TEST_SUITE_END()
