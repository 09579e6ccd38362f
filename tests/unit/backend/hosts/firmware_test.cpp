// Which UEFI firmware another host has.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "base/text.hpp"
#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;

BOOST_AUTO_TEST_SUITE(firmware)

// Not what this process finds in its own folders.
BOOST_AUTO_TEST_CASE(is_what_the_other_host_has) {
    {
        const auto with = open_host("WSVIRT_LAB_B");
        BOOST_TEST(with->host().uefi_available);
        BOOST_TEST(with->host().secure_boot_available);
    }
    const std::string there = std::string("nsenter -t ") + getenv("WSVIRT_LAB_HOLDER_hvB") + " -m ";
    BOOST_REQUIRE(std::system((there + "mount -t tmpfs none /usr/share/OVMF").c_str()) == 0);
    const auto without = open_host("WSVIRT_LAB_B");
    BOOST_TEST(std::system((there + "umount /usr/share/OVMF").c_str()) == 0);
    BOOST_TEST(!without->host().uefi_available);
    BOOST_TEST(!without->host().secure_boot_available);
    MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "guarded";
    spec.firmware = Firmware::uefi;
    const auto refused = without->define(patiently(), spec);
    BOOST_TEST_REQUIRE(!refused.ok());
    BOOST_TEST(refused.error().message_id == "wsvirt.firmware.missing");
}

BOOST_AUTO_TEST_SUITE_END()
