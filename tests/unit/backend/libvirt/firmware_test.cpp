// Which files are a host's UEFI firmware, and what one without some refuses before libvirt is asked.
#include "backend/libvirt/firmware.hpp"

#include <boost/test/unit_test.hpp>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;

BOOST_AUTO_TEST_SUITE(firmware)

BOOST_AUTO_TEST_CASE(each_pair_is_looked_for_by_itself) {
    using libvirt::FirmwareFiles;
    const std::string folder = "/usr/share/OVMF/";
    const auto everywhere = [](const auto&, const auto&) { return true; };
    const auto found = libvirt::with_found({}, everywhere);
    BOOST_TEST(found.code == folder + "OVMF_CODE_4M.fd");
    BOOST_TEST(found.vars == folder + "OVMF_VARS_4M.fd");
    BOOST_TEST(found.secure_code == folder + "OVMF_CODE_4M.secboot.fd");
    BOOST_TEST(found.secure_vars == folder + "OVMF_VARS_4M.ms.fd");
    const auto plain = libvirt::with_found(FirmwareFiles{"/fw/c", "/fw/v", "", ""}, everywhere);
    BOOST_TEST(plain.code == "/fw/c");
    BOOST_TEST(plain.vars == "/fw/v");
    BOOST_TEST(plain.secure_code == found.secure_code);
    const auto secure = libvirt::with_found(FirmwareFiles{"", "", "/fw/sc", "/fw/sv"}, everywhere);
    BOOST_TEST(secure.code == found.code);
    BOOST_TEST(secure.secure_code == "/fw/sc");
    BOOST_TEST(secure.secure_vars == "/fw/sv");
    // Variables go with the firmware that they are made for.
    const auto small = libvirt::with_found({}, [](const std::string& code, const std::string& variables) {
        return code.find("4M") == std::string::npos && variables.find("4M") == std::string::npos;
    });
    BOOST_TEST(small.code == folder + "OVMF_CODE.fd");
    BOOST_TEST(small.vars == folder + "OVMF_VARS.fd");
    const auto none = libvirt::with_found({}, [](const auto&, const auto&) { return false; });
    BOOST_TEST((none.code.empty() && none.vars.empty() && none.secure_code.empty()));
}

BOOST_AUTO_TEST_CASE(what_libvirt_says_of_another_host) {
    const auto some = libvirt::loaders_in(
        "<domainCapabilities><os supported='yes'><loader supported='yes'><value>/a.fd</value>"
        "<value>/b.fd</value><enum name='type'><value>rom</value></enum></loader></os></domainCapabilities>");
    BOOST_TEST_REQUIRE(some.has_value());
    BOOST_TEST((*some == std::set<std::string>{"/a.fd", "/b.fd"}));
    const auto none = libvirt::loaders_in(
        "<domainCapabilities><os supported='yes'><loader supported='no'/></os></domainCapabilities>");
    BOOST_TEST_REQUIRE(none.has_value());
    BOOST_TEST(none->empty());
    BOOST_TEST(!libvirt::loaders_in("").has_value());
    BOOST_TEST(!libvirt::loaders_in("<domainCapabilities/>").has_value());
}

BOOST_AUTO_TEST_CASE(secure_boot_needs_firmware_with_keys) {
    libvirt::Settings s;
    s.uri = "qemu+unix:///system?socket=/nowhere/wsvirt-test";
    s.name = "there";
    s.start_disconnected = true;
    s.open_limit = std::chrono::milliseconds(200);
    s.firmware.code = "/firmware/code.fd";
    s.firmware.vars = "/firmware/vars.fd";
    s.find_firmware = false;
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
