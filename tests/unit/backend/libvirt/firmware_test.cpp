// What a host without some firmware refuses before libvirt is asked.
#include <boost/test/unit_test.hpp>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;

BOOST_AUTO_TEST_SUITE(firmware)

BOOST_AUTO_TEST_CASE(secure_boot_needs_firmware_with_keys) {
    libvirt::Settings s;
    s.uri = "qemu+unix:///system?socket=/nowhere/wsvirt-test";
    s.name = "there";
    s.start_disconnected = true;
    s.open_limit = std::chrono::milliseconds(200);
    s.firmware.code = "/firmware/code.fd";
    s.firmware.vars = "/firmware/vars.fd";
    auto h = libvirt::open_libvirt(s);
    BOOST_TEST_REQUIRE(h.ok());
    MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "guarded";
    spec.firmware = Firmware::uefi;
    spec.secure_boot = true;
    const auto refused = (*h)->define({}, spec);
    BOOST_TEST_REQUIRE(!refused.ok());
    BOOST_TEST(refused.error().message_id == "wsvirt.firmware.secure_boot_missing");
    BOOST_TEST((refused.error().status == Status::not_supported));
    BOOST_TEST(refused.error().text.find("secure boot") != std::string::npos, refused.error().text);
    spec.secure_boot = false;
    const auto asked = (*h)->define({}, spec);
    BOOST_TEST_REQUIRE(!asked.ok());
    BOOST_TEST((asked.error().status == Status::unavailable), asked.error().full_text());
}

BOOST_AUTO_TEST_SUITE_END()
