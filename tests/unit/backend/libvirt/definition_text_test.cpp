#include "backend/libvirt/definition_text.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/unknown_devices.hpp"
#include "base/text.hpp"
#include "support/random_spec.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;

namespace {

std::string written(const MachineSpec& spec) {
    libvirt::DomainOptions options;
    options.firmware = {"/fw/CODE.fd", "/fw/VARS.fd", "/fw/CODE.secboot.fd", "/fw/VARS.ms.fd"};
    options.disk_server_dir = "/run/disks";
    options.emulator = "/usr/bin/qemu-system-x86_64";
    auto r = libvirt::write_domain({spec, 1, 2}, options);
    BOOST_REQUIRE_MESSAGE(r, (r ? "" : r.error().full_text()));
    return *r;
}

std::string unknown(const std::string& text) {
    auto r = libvirt::read_definition(text);
    BOOST_REQUIRE_MESSAGE(r, (r ? "" : r.error().full_text()));
    const auto it = r->attributes.find(std::string(unknown_devices));
    return it == r->attributes.end() ? "" : it->second;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(definition_text)

BOOST_AUTO_TEST_CASE(all_of_what_we_write_is_known) {
    std::mt19937 random(7);
    for (int i = 0; i < 200; ++i) {
        const auto text = written(testing::random_spec(random));
        BOOST_TEST(unknown(text) == "", text);
    }
}

BOOST_AUTO_TEST_CASE(what_we_have_no_place_for_is_named) {
    MachineSpec spec;
    spec.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100";
    spec.name = "m";
    const auto with = [&](const std::string& device) {
        return replace_all(written(spec), "</devices>", device + "</devices>");
    };
    BOOST_TEST(unknown(with("<hostdev mode='subsystem' type='pci'/><tpm/><!-- no device -->")) ==
               "hostdev of type pci, tpm");
    BOOST_TEST(unknown(with("<interface type='hostdev'/>")) == "interface of type hostdev");
    BOOST_TEST(unknown(with("<disk type='network'><source protocol='rbd' name='p/i'/>"
                            "<target dev='sdq' bus='scsi'/></disk>")) == "disk sdq of type network");
    BOOST_TEST(unknown(with("<disk type='file'><target dev='ubda' bus='uml'/></disk>")) ==
               "disk ubda of type file");
    BOOST_TEST(unknown(with("<serial type='tcp'/>")) == "serial of type tcp");
}

BOOST_AUTO_TEST_CASE(what_is_lost_with_it_is_told_apart) {
    MachineSpec spec;
    spec.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100";
    spec.name = "m";
    const auto read = libvirt::read_domain(replace_all(
        written(spec), "</devices>",
        "<disk type='file'><source file='/d'/><target dev='sdz' bus='usb'/></disk>"
        "<disk type='volume' device='lun'><source pool='p' volume='v'/><target dev='sdb' bus='scsi'/></disk>"
        "<disk type='file' device='cdrom'><target dev='sdy' bus='usb'/></disk>"
        "<interface type='direct'/><serial type='tcp'/><rng model='virtio'/>"
        // What libvirt adds to every q35 machine by itself.
        "<controller type='sata' index='0'/><watchdog model='itco' action='reset'/></devices>"));
    BOOST_REQUIRE(read);
    BOOST_TEST(read->unknown.disks == "disk sdb of type volume, disk sdz of type file");
    BOOST_TEST(read->unknown.devices == "disk sdy of type file, rng, serial of type tcp");
    BOOST_TEST(read->unknown.connections == "interface of type direct");
}

BOOST_AUTO_TEST_CASE(settings_that_are_none_are_an_error) {
    MachineSpec spec;
    spec.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100";
    spec.name = "m";
    const auto text = written(spec);
    BOOST_REQUIRE(text.find("firmware=\"bios\"") != std::string::npos);
    const auto r = libvirt::read_definition(replace_all(text, "firmware=\"bios\"", "firmware=\"coreboot\""));
    BOOST_REQUIRE(!r);
    BOOST_CHECK(r.error().status == Status::malformed);
}

BOOST_AUTO_TEST_SUITE_END()
