#include "backend/libvirt/definition_text.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/unknown_in.hpp"
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

// Our own machines have some of these kinds themselves.
BOOST_AUTO_TEST_CASE(devices_of_another_kind_than_ours_are_named) {
    MachineSpec spec;
    spec.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100";
    spec.name = "m";
    const auto with = [&](const std::string& device) {
        const auto read = libvirt::read_domain(
            "<domain type='qemu'><name>m</name><os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>"
            "</os><devices>" +
            device + "</devices></domain>");
        BOOST_REQUIRE(read);
        BOOST_TEST(read->unknown.disks == "");
        BOOST_TEST(read->unknown.devices == "");
        return read->unknown.connections;
    };
    for (const char* known :
         {"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
          "<serial type='pty'><target type='isa-serial' port='0'/></serial>"
          "<console type='pty'><target type='serial' port='0'/></console>",
          "<input type='mouse' bus='ps2'/><input type='keyboard' bus='ps2'/>",
          "<graphics type='vnc' port='-1'/><video><model type='vga' vram='16384'/></video>",
          "<video><model type='none'/></video><memballoon model='none'/><audio id='1' type='none'/>",
          "<controller type='usb' index='0' model='piix3-uhci'/>",
          "<controller type='scsi' index='0' model='virtio-scsi'/><controller type='virtio-serial'/>",
          "<interface type='user'><model type='e1000'/></interface>"})
        BOOST_TEST(with(known) == "", known);
    const std::pair<const char*, const char*> others[] = {
        {"<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>",
         "channel com.redhat.spice.0"},
        {"<input type='tablet' bus='usb'/>", "input tablet of bus usb"},
        {"<graphics type='vnc'/><graphics type='spice'/>", "graphics of type spice"},
        {"<video><model type='qxl'/></video>", "video of model qxl"},
        {"<memballoon model='virtio-transitional'/>", "memballoon of model virtio-transitional"},
        {"<controller type='usb' index='0' model='ich9-ehci1'/>", "controller usb of model ich9-ehci1"},
        {"<controller type='usb' index='1' model='qemu-xhci'/>", "controller usb of model qemu-xhci"},
        {"<controller type='scsi' index='0' model='lsilogic'/>", "controller scsi of model lsilogic"},
        {"<serial type='pty'><target type='usb-serial'/></serial>", "serial of type usb-serial"},
        {"<interface type='user'><model type='e1000e'/></interface>", "interface of model e1000e"}};
    for (const auto& [device, name] : others) BOOST_TEST(with(device) == name);
    const auto console = libvirt::read_domain(
        "<domain><devices><console type='pty'><target type='virtio' port='1'/></console></devices></domain>");
    BOOST_REQUIRE(console);
    BOOST_TEST(console->unknown.devices == "console of type pty");
}

BOOST_AUTO_TEST_CASE(what_a_machine_has_beside_its_devices_is_named) {
    const auto with = [&](const std::string& parts) {
        const auto read = libvirt::read_domain("<domain type='kvm'><name>m</name>" + parts + "</domain>");
        BOOST_REQUIRE(read);
        return std::pair(read->unknown.devices, read->unknown.connections);
    };
    using Pair = std::pair<std::string, std::string>;
    const auto is = [&](const std::string& parts, const Pair& expected) {
        BOOST_CHECK_MESSAGE(with(parts) == expected,
                            parts << ": " << with(parts).first << " / " << with(parts).second);
    };
    const std::string os = "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>";
    for (const auto& known :
         {os + "<boot dev='hd'/><bootmenu enable='no'/><smbios mode='sysinfo'/></os>",
          std::string("<vcpu placement='static'>2</vcpu><cputune><shares>9</shares><period>100000</period>"
                      "<quota>5000</quota></cputune>"),
          std::string("<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model>"
                      "</cpu><features><acpi/><apic/></features><clock offset='utc'/>"),
          std::string("<cpu mode='host-model' check='partial'><feature policy='disable' name='vmx'/></cpu>"),
          std::string("<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
                      "<on_crash>destroy</on_crash>"),
          std::string("<sysinfo type='smbios'><system><entry name='serial'>1</entry></system></sysinfo>")})
        is(known, {});
    is("<memoryBacking><hugepages/></memoryBacking>", {"memoryBacking", ""});
    is("<qemu:commandline xmlns:qemu='q'><qemu:arg value='-S'/></qemu:commandline>",
       {"qemu:commandline", ""});
    is(os + "<kernel>/k</kernel><bootmenu enable='yes'/></os>", {"os kernel", "bootmenu"});
    is("<os><type arch='aarch64' machine='virt'>hvm</type></os>",
       {"", "architecture aarch64, machine type virt"});
    is("<cputune><shares>9</shares><vcpupin vcpu='0' cpuset='1'/></cputune><numatune/>",
       {"", "cputune vcpupin, numatune"});
    is("<vcpu cpuset='1-2' current='1'>2</vcpu>", {"", "vcpu cpuset, vcpu current"});
    is("<features><acpi/><hyperv><relaxed state='on'/></hyperv><vmport state='off'/></features>",
       {"", "features hyperv, features vmport"});
    is("<cpu mode='host-passthrough'><topology sockets='1' cores='2' threads='1'/></cpu>",
       {"", "cpu host-passthrough, cpu topology"});
    is("<clock offset='localtime'><timer name='hpet' present='no'/></clock>",
       {"", "clock localtime, clock timer hpet"});
    is("<on_crash>preserve</on_crash><pm><suspend-to-mem enabled='no'/></pm>", {"", "on_crash preserve, pm"});
    is("<sysinfo type='smbios'><system><entry name='product'>x</entry></system></sysinfo>",
       {"", "sysinfo system product"});
    is("<sysinfo type='fwcfg'><entry name='opt/x'>y</entry></sysinfo>", {"sysinfo fwcfg", ""});
    // What whoever takes up the memory could not tell from a path of the host, or is of the host.
    is("<clock offset='timezone' timezone='Europe/Berlin'/>", {"clock timezone", ""});
    is("<sysinfo type='smbios'><bios><entry name='date'>04/01/2014</entry></bios></sysinfo>",
       {"sysinfo bios date", ""});
    is(os + "<smbios mode='host'/></os>", {"smbios of the host", ""});
}

BOOST_AUTO_TEST_CASE(devices_of_a_running_machine_alone_are_named) {
    const auto domain = [](const std::string& devices) {
        return "<domain><devices><disk type='file'><target dev='hda' bus='ide'/></disk>"
               "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>" +
               devices + "</devices></domain>";
    };
    const auto beside = [&](const std::string& settings, const std::string& running) {
        UnknownDevices r{"", "tpm", ""};
        libvirt::add_devices_beside(r, domain(settings), domain(running));
        return std::pair(r.devices, r.connections);
    };
    const std::string rng = "<rng model='virtio'/>",
                      disk = "<disk type='file'><target dev='vdb' bus='virtio'/></disk>",
                      nic = "<interface type='user'><mac address='52:54:00:00:00:02'/></interface>";
    using Pair = std::pair<std::string, std::string>;
    BOOST_CHECK(beside("", "<controller type='scsi'/><graphics type='vnc'/><audio id='1'/>") ==
                Pair("tpm", ""));
    BOOST_CHECK(beside(rng + disk, rng + disk) == Pair("tpm", ""));
    BOOST_CHECK(beside(rng + nic, "") == Pair("tpm", ""));
    BOOST_CHECK(beside("", rng + disk + nic) ==
                Pair("tpm, disk vdb of type file of the running machine alone, "
                     "rng of the running machine alone",
                     "interface of type user of the running machine alone"));
    // None that leads nowhere can take its place where the machine has none.
    const std::string serial = "<serial type='pty'><target port='0'/></serial>";
    BOOST_CHECK(beside("", serial) == Pair("tpm, serial of type pty of the running machine alone", ""));
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
