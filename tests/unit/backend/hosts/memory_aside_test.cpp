// Memory that a machine of another computer had before it went back to a snapshot, put aside over there.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "base/text.hpp"
#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(memory_aside)

// As on the service's own host: that it is not seen does not say that it has been put back.
BOOST_AUTO_TEST_CASE(memory_that_is_aside_over_there_waits_for_its_storage) {
    const char* const state = "memory_aside";
    libvirt::Settings settings;
    settings.name = "hvB";
    const auto b = open_with(settings, getenv("WSVIRT_LAB_B"), state);
    MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "aside";
    spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = 16;
    OK(b->define(patiently(), spec));
    OK(b->start(patiently(), spec.uuid));
    OK(b->save(patiently(), spec.uuid));
    const fs::path saves = lab() + "/hvB/lib/qemu/save";
    const std::string file = libvirt::domain_name_for(spec.uuid) + ".save";
    BOOST_REQUIRE(fs::exists(saves / file));
    fs::copy_file(saves / file, saves / (file + ".before"));
    OK(b->start(patiently(), spec.uuid));
    OK(b->power_off(patiently(), spec.uuid));
    BOOST_REQUIRE(!fs::exists(saves / file));
    libvirt::Unfinished noted;
    noted.machine = spec.uuid;
    noted.id = make_guid();
    noted.applied = make_guid();
    noted.back = true;
    noted.files = {"/var/lib/libvirt/qemu/save/" + file + ".before"};
    const auto text = b->spec_to_text(b->machine(spec.uuid)->spec);
    OK(text);
    noted.settings = *text;
    const fs::path notes = lab() + "/" + state + "/unfinished-snapshots", note = notes / noted.id;
    fs::create_directories(notes);
    std::ofstream(note) << libvirt::text_of("hvB", noted);
    const auto tried = [&] {
        const auto done = b->check_whole(patiently(), spec.uuid);
        return done ? std::string() : done.error().message_id;
    };
    fs::rename(saves, saves.native() + ".aside");
    const auto without = tried();
    fs::rename(saves.native() + ".aside", saves);
    BOOST_TEST(without == "wsvirt.snapshot.half_applied");
    BOOST_TEST(fs::exists(note));
    BOOST_TEST(tried() == "wsvirt.snapshot.just_applied");
    BOOST_TEST((b->machine(spec.uuid)->state == MachineState::saved));
    BOOST_TEST(!fs::exists(saves / (file + ".before")));
    OK(b->undefine(patiently(), spec.uuid));
}

BOOST_AUTO_TEST_SUITE_END()
