#include "backend/libvirt/spec_xml.hpp"

#include <boost/test/unit_test.hpp>

#include "support/random_spec.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;

BOOST_AUTO_TEST_SUITE(spec_xml)

BOOST_AUTO_TEST_CASE(every_field_survives_text) {
    std::mt19937 random(7);
    for (int i = 0; i < 200; ++i) {
        const MachineSpec spec = testing::random_spec(random);
        const std::string text = libvirt::spec_text({spec, 12, 34});
        auto back = libvirt::spec_from_text(text);
        BOOST_REQUIRE(back);
        BOOST_TEST(back->created_us == 12);
        BOOST_TEST(back->config_changed_us == 34);
        BOOST_TEST(back->spec.name == spec.name);
        BOOST_TEST(back->spec.description == spec.description);
        BOOST_TEST(back->spec.attributes == spec.attributes);
        BOOST_TEST(back->spec.disks.size() == spec.disks.size());
        BOOST_TEST(testing::dump(back->spec) == testing::dump(spec));
    }
}

BOOST_AUTO_TEST_CASE(text_that_xml_cannot_hold_survives) {
    MachineSpec spec;
    spec.name = std::string("nul \0 tab \t bell \a bad \xff\xfe", 24);
    spec.attributes["\x02key"] = "\xEF\xBF\xBF";
    auto back = libvirt::spec_from_text(libvirt::spec_text({spec, 0, 0}));
    BOOST_REQUIRE(back);
    BOOST_TEST(back->spec.name == spec.name);
    BOOST_TEST(back->spec.attributes == spec.attributes);
}

BOOST_AUTO_TEST_CASE(damaged_text_is_refused) {
    for (const char* text : {"", "x", "<a/>", "<wsvirt:machine xmlns:wsvirt='urn:other'/>",
                             "<w:machine xmlns:w='https://wsvirt.org/ns/domain/1' processors='-1'/>",
                             "<w:machine xmlns:w='https://wsvirt.org/ns/domain/1' firmware='coreboot'/>",
                             "<w:machine xmlns:w='https://wsvirt.org/ns/domain/1'>"}) {
        auto r = libvirt::spec_from_text(text);
        BOOST_REQUIRE(!r);
        BOOST_TEST((r.error().status == Status::malformed));
        BOOST_TEST(!r.error().text.empty());
    }
}

BOOST_AUTO_TEST_CASE(another_prefix_and_unknown_parts_are_read) {
    auto r = libvirt::spec_from_text(
        "<w:machine xmlns:w='https://wsvirt.org/ns/domain/1' name='x' future='1'><w:later/>"
        "<w:nic id='N' mac='52:54:00:00:00:01'/></w:machine>");
    BOOST_REQUIRE(r);
    BOOST_TEST(r->spec.name == "x");
    BOOST_REQUIRE(r->spec.nics.size() == 1u);
    BOOST_TEST(r->spec.nics[0].id == "N");
}

BOOST_AUTO_TEST_SUITE_END()
