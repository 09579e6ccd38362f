#include "backend/libvirt/domain_xml.hpp"

#include <boost/test/unit_test.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "backend/libvirt/secure_boot.hpp"
#include "base/text.hpp"
#include "support/random_spec.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using libvirt::DomainOptions;

namespace {

DomainOptions options() {
    DomainOptions o;
    o.firmware = {"/fw/CODE.fd", "/fw/VARS.fd", "/fw/CODE.secboot.fd", "/fw/VARS.ms.fd"};
    return o;
}

MachineSpec generation_one() {
    MachineSpec s;
    s.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100";
    s.name = "Tom & \"Jerry\" <\xF0\x9F\x90\xAD>";
    s.controllers = {{"IDE0", Bus::ide, 0, {}}, {"IDE1", Bus::ide, 1, {}}, {"SCSI0", Bus::scsi, 0, {}}};
    Disk hd;
    hd.id = "HD";
    hd.bus = Bus::ide;
    hd.path = "/vms/a disk.qcow2";
    hd.format = "qcow2";
    Disk dvd;
    dvd.id = "DVD";
    dvd.device = DiskDevice::cdrom;
    dvd.bus = Bus::ide;
    dvd.controller = 1;
    Disk data;
    data.id = "DATA";
    data.path = "/vms/data.vhdx";
    data.format = "vhdx";
    data.unit = 5;
    data.iops_limit = 100;
    s.disks = {hd, dvd, data};
    Nic n;
    n.id = "NIC";
    n.mac = "52:54:00:01:02:03";
    n.link = NicLink::user;
    s.nics = {n};
    s.serial_ports = {{"COM1", 0, SerialPort::Kind::pipe_server, "/run/com1", {}},
                      {"COM2", 1, SerialPort::Kind::none, "", {}}};
    s.displays = {{"DISPLAY", Display::Kind::vnc, 16384, {}}};
    return s;
}

std::string written(const MachineSpec& s, std::string_view existing = {}) {
    auto r = libvirt::write_domain({s, 1, 2}, options(), existing);
    BOOST_REQUIRE_MESSAGE(r, (r ? "" : r.error().full_text()));
    return *r;
}

MachineSpec read_back(std::string_view xml) {
    auto r = libvirt::read_domain(xml);
    BOOST_REQUIRE(r);
    return r->kept.spec;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    BOOST_REQUIRE_MESSAGE(text.find(from) != std::string::npos, from);
    return replace_all(text, from, to);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(domain_xml)

// As a start does that changes the accelerator first, and a move to a host with other settings.
BOOST_AUTO_TEST_CASE(that_variables_are_to_be_made_anew_stays_noted_when_it_is_written_again) {
    MachineSpec s;
    s.uuid = generation_one().uuid;
    s.firmware = Firmware::uefi;
    const auto awaiting = libvirt::awaiting_variables(written(s));
    BOOST_TEST(!libvirt::awaits_variables(written(s)));
    BOOST_TEST(libvirt::awaits_variables(awaiting));
    auto other = options();
    other.domain_type = "kvm";
    const auto changed = libvirt::write_domain({s, 1, 2}, other, awaiting);
    BOOST_REQUIRE(changed);
    BOOST_TEST(libvirt::read_domain(*changed)->domain_type == "kvm");
    BOOST_TEST(libvirt::awaits_variables(*changed));
    BOOST_TEST(!libvirt::awaits_variables(libvirt::awaiting_no_variables(*changed)));
}

BOOST_AUTO_TEST_CASE(settings_survive_domain_xml) {
    std::mt19937 random(11);
    for (int i = 0; i < 300; ++i) {
        const MachineSpec spec = testing::random_spec(random);
        auto xml = libvirt::write_domain({spec, 5, 6}, options());
        BOOST_REQUIRE_MESSAGE(xml, (xml ? "" : xml.error().full_text()));
        auto back = libvirt::read_domain(*xml);
        BOOST_REQUIRE(back);
        BOOST_TEST(back->ours);
        BOOST_TEST(back->kept.created_us == 5);
        BOOST_TEST(testing::dump(back->kept.spec) == testing::dump(spec));
        // writing over what exists changes nothing either
        auto again = libvirt::write_domain(back->kept, options(), *xml);
        BOOST_REQUIRE(again);
        BOOST_TEST(testing::dump(read_back(*again)) == testing::dump(spec));
    }
}

BOOST_AUTO_TEST_CASE(any_settings_can_replace_any_others) {
    std::mt19937 random(12);
    std::string xml;
    for (int i = 0; i < 200; ++i) {
        MachineSpec spec = testing::random_spec(random);
        spec.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100";
        auto next = libvirt::write_domain({spec, 5, 6}, options(), xml);
        BOOST_REQUIRE(next);
        BOOST_TEST(testing::dump(read_back(*next)) == testing::dump(spec));
        xml = *next;
    }
}

// A machine that others gave shares and a quota: libvirt goes by them, so they follow what a client sets.
BOOST_AUTO_TEST_CASE(processor_shares_of_others_follow_the_settings) {
    auto spec = generation_one();
    const std::string plain = written(spec);
    BOOST_TEST(plain.find("cputune") == std::string::npos);
    const std::string tuned =
        replaced(plain, "<devices>",
                 "<cputune><vcpupin vcpu='0' cpuset='0'/><shares>2048</shares><period>50000</period>"
                 "<quota>12500</quota></cputune><devices>");
    BOOST_TEST(read_back(tuned).cpu_limit_permille.value_or(0) == 250u);
    BOOST_TEST(read_back(tuned).cpu_weight.value_or(0) == 2048u);
    spec.cpu_limit_permille = 5;  // less than libvirt can do
    spec.cpu_weight = 300;
    std::string next = written(spec, tuned);
    for (const char* part :
         {"<shares>300</shares>", "<period>100000</period>", "<quota>1000</quota>", "<vcpupin "})
        BOOST_TEST(next.find(part) != std::string::npos, part);
    BOOST_TEST(testing::dump(read_back(next)) == testing::dump(spec));
    BOOST_TEST(read_back(replaced(next, "<quota>1000<", "<quota>-1<")).cpu_limit_permille.has_value() ==
               false);
    spec.cpu_limit_permille.reset();
    spec.cpu_weight.reset();
    next = written(spec, next);
    for (const char* part : {"shares", "period", "quota"})
        BOOST_TEST(next.find(part) == std::string::npos, part);
    BOOST_TEST(next.find("<vcpupin ") != std::string::npos);
    BOOST_TEST(testing::dump(read_back(next)) == testing::dump(spec));
    // A host without the cgroup controller starts no machine that has them.
    spec.cpu_limit_permille = 500;
    BOOST_TEST(written(spec, next).find("quota") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(disks_that_libvirt_cannot_name_are_served) {
    auto serving = options();
    serving.disk_server_dir = "/run/w/nbd";
    auto xml = libvirt::write_domain({generation_one(), 1, 2}, serving, {});
    BOOST_REQUIRE(xml);
    pugi::xml_document doc;
    BOOST_REQUIRE(doc.load_string(xml->c_str()));
    const auto disk = doc.child("domain").child("devices").find_child_by_attribute("disk", "type", "network");
    BOOST_TEST(disk.child("driver").attribute("type").value() == "raw");
    BOOST_TEST(disk.child("source").attribute("name").value() == "/vms/data.vhdx");
    BOOST_TEST(disk.child("source").child("host").attribute("socket").value() ==
               "/run/w/nbd/0f0e0d0c-0b0a-4908-8706-050403020100-sdf.vhdx.sock");
    BOOST_TEST(testing::dump(read_back(*xml)) == testing::dump(generation_one()));
    // Converted, and elsewhere where nothing is served.
    auto changed = generation_one();
    changed.disks[2].path = "/vms/data.qcow2";
    changed.disks[2].format = "qcow2";
    auto next = libvirt::write_domain({changed, 1, 2}, serving, *xml);
    BOOST_REQUIRE(next);
    BOOST_TEST(next->find("nbd") == std::string::npos);
    BOOST_TEST(testing::dump(read_back(*next)) == testing::dump(changed));
    next = libvirt::write_domain({generation_one(), 1, 2}, options(), *xml);
    BOOST_REQUIRE(next);
    BOOST_TEST(next->find("nbd") == std::string::npos);
    BOOST_TEST(testing::dump(read_back(*next)) == testing::dump(generation_one()));
    // A VHD, but not one that is a whole device.
    changed.disks[2].path = "/vms/data.vhd";
    changed.disks[2].format = "vpc";
    next = libvirt::write_domain({changed, 1, 2}, serving, *xml);
    BOOST_REQUIRE(next);
    BOOST_TEST(next->find("-sdf.vpc.sock") != std::string::npos);
    BOOST_TEST(testing::dump(read_back(*next)) == testing::dump(changed));
    changed.disks[2].path = "/dev/mapper/data";
    next = libvirt::write_domain({changed, 1, 2}, serving, *next);
    BOOST_REQUIRE(next);
    BOOST_TEST(next->find("nbd") == std::string::npos);
    BOOST_TEST(testing::dump(read_back(*next)) == testing::dump(changed));
}

BOOST_AUTO_TEST_CASE(generation_one_becomes_i440fx) {
    pugi::xml_document doc;
    BOOST_REQUIRE(doc.load_string(written(generation_one()).c_str()));
    const auto d = doc.child("domain");
    BOOST_TEST(d.attribute("type").value() == "qemu");
    BOOST_TEST(d.child("name").text().get() == "wsvirt-0f0e0d0c-0b0a-4908-8706-050403020100");
    BOOST_TEST(d.child("title").text().get() == generation_one().name);
    BOOST_TEST(d.child("os").child("type").attribute("machine").value() == "pc");
    BOOST_TEST(!d.child("os").child("loader"));
    const auto devices = d.child("devices");
    const auto hd = devices.find_child_by_attribute("disk", "device", "disk");
    BOOST_TEST(hd.child("target").attribute("dev").value() == "hda");
    const auto dvd = devices.find_child_by_attribute("disk", "device", "cdrom");
    BOOST_TEST(dvd.child("target").attribute("dev").value() == "hdc");
    BOOST_TEST(dvd.child("address").attribute("bus").as_int() == 1);
    BOOST_TEST(!dvd.child("source"));
    BOOST_TEST(bool(dvd.child("readonly")));
    const auto scsi = devices.find_child_by_attribute("controller", "type", "scsi");
    BOOST_TEST(scsi.attribute("model").value() == "virtio-scsi");
    BOOST_TEST(devices.child("serial").child("source").attribute("mode").value() == "bind");
}

BOOST_AUTO_TEST_CASE(generation_two_becomes_q35_with_uefi) {
    MachineSpec s = generation_one();
    s.firmware = Firmware::uefi;
    s.secure_boot = true;
    s.controllers = {{"SCSI0", Bus::scsi, 0, {}}};
    s.disks.erase(s.disks.begin(), s.disks.begin() + 2);
    s.boot_devices = {"DATA", "NIC"};
    pugi::xml_document doc;
    BOOST_REQUIRE(doc.load_string(written(s).c_str()));
    const auto d = doc.child("domain");
    BOOST_TEST(d.child("os").child("type").attribute("machine").value() == "q35");
    BOOST_TEST(d.child("os").child("loader").text().get() == "/fw/CODE.secboot.fd");
    BOOST_TEST(d.child("os").child("nvram").attribute("template").value() == "/fw/VARS.ms.fd");
    BOOST_TEST(d.child("features").child("smm").attribute("state").value() == "on");
    BOOST_TEST(d.child("devices").child("disk").child("boot").attribute("order").as_int() == 1);
    BOOST_TEST(d.child("devices").child("interface").child("boot").attribute("order").as_int() == 2);
    BOOST_TEST(!d.child("os").child("boot"));
}

// ExposeVirtualizationExtensions: vmx and svm are there, or they are not.
BOOST_AUTO_TEST_CASE(nested_virtualization_is_the_processors) {
    const auto cpu = [](bool nested, const char* type) {
        MachineSpec s = generation_one();
        s.nested_virtualization = nested;
        auto o = options();
        o.domain_type = type;
        auto xml = libvirt::write_domain({s, 1, 2}, o);
        BOOST_REQUIRE(xml);
        pugi::xml_document doc;
        BOOST_REQUIRE(doc.load_string(xml->c_str()));
        std::ostringstream out;
        doc.child("domain").child("cpu").print(out, "", pugi::format_raw);
        return out.str();
    };
    for (const char* name : {"vmx", "svm"}) {
        const auto without = "<feature policy=\"disable\" name=\"" + std::string(name) + "\"";
        BOOST_TEST(cpu(false, "kvm").find(without) != std::string::npos);
    }
    BOOST_TEST(cpu(true, "kvm").find("feature") == std::string::npos);
    BOOST_TEST(cpu(true, "kvm").find("mode=\"host-model\"") != std::string::npos);
    BOOST_TEST(cpu(true, "qemu").find("mode=\"maximum\"") != std::string::npos);
    BOOST_TEST(cpu(false, "qemu").find("Nehalem") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(changes_made_with_virsh_are_seen) {
    const std::string xml = written(generation_one());
    MachineSpec s = read_back(replaced(xml, "<vcpu>1</vcpu>", "<vcpu>3</vcpu>"));
    BOOST_TEST(s.processors == 3u);
    s = read_back(replaced(xml, "file=\"/vms/a disk.qcow2\"", "file=\"/vms/b.qcow2\""));
    BOOST_TEST(s.disks[0].path == "/vms/b.qcow2");
    BOOST_TEST(s.disks[0].id == "HD");
    s = read_back(
        replaced(xml, "<interface type=\"user\">", "<interface type=\"bridge\"><source bridge=\"br7\"/>"));
    BOOST_TEST((s.nics[0].link == NicLink::bridge));
    BOOST_TEST(s.nics[0].source == "br7");
    BOOST_TEST(s.nics[0].id == "NIC");
}

BOOST_AUTO_TEST_CASE(a_machine_made_by_others_is_read_and_survives_a_change) {
    const std::string xml =
        R"(<domain type='kvm'><name>web</name><uuid>0f0e0d0c-0b0a-4908-8706-050403020100</uuid>
      <metadata><x:y xmlns:x='urn:x'>keep</x:y></metadata>
      <memory unit='KiB'>2097153</memory><currentMemory unit='KiB'>1048576</currentMemory><vcpu current='2'>4</vcpu>
      <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
      <cpu><topology sockets='1' cores='4' threads='1'/></cpu>
      <cputune><shares>7</shares><period>33333</period><quota>12345</quota></cputune>
      <sysinfo type='fwcfg'><entry name='opt/a'>b</entry></sysinfo>
      <devices><emulator>/usr/bin/qemu</emulator>
      <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/><source file='/a.qcow2'/>
        <target dev='vda' bus='virtio'/><address type='pci' slot='0x04'/></disk>
      <disk type='network' device='disk'><source protocol='rbd' name='p/i'/><target dev='vdb' bus='virtio'/></disk>
      <interface type='network'><mac address='52:54:00:AA:00:01'/><source network='default'/><model type='virtio'/></interface>
      <interface type='direct'><mac address='52:54:00:aa:00:02'/><source dev='eth0' mode='bridge'/>
        <model type='e1000e'/></interface>
      <interface type='user'><mac address='52:54:00:aa:00:03'/><model type='vmxnet3'/><link state='down'/></interface>
      <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source><boot order='1'/></hostdev>
      <disk type='block' device='lun'><driver name='qemu' type='raw'/><source dev='/dev/sg7'/><target dev='sdb' bus='scsi'/></disk>
      <serial type='pty'><target port='0'/></serial><console type='pty'><target type='serial' port='0'/></console>
      <serial type='tcp'><source mode='connect' host='h' service='5555'/><protocol type='telnet'/><target port='1'/></serial>
      <serial type='unix'><source mode='connect' path='/run/other'/><target port='2'/></serial>
      <serial type='dev'><source path='/dev/ttyS9'/><target port='3'/></serial>
      <video><model type='qxl'/></video>
      <sound model='ich6'/></devices></domain>)";
    auto r = libvirt::read_domain(xml);
    BOOST_REQUIRE(r);
    BOOST_TEST(!r->ours);
    BOOST_TEST(r->domain_name == "web");
    MachineSpec s = r->kept.spec;
    BOOST_TEST(s.name == "web");
    BOOST_TEST(s.uuid == "0F0E0D0C-0B0A-4908-8706-050403020100");
    BOOST_TEST(s.processors == 2u);
    BOOST_TEST(s.memory_mib == 1024u);
    BOOST_TEST(s.memory_max_mib == 2048u);
    BOOST_REQUIRE(s.disks.size() == 3u);
    BOOST_TEST(is_guid(s.disks[0].id));
    BOOST_TEST(s.disks[0].id == read_back(xml).disks[0].id);
    BOOST_TEST(s.disks[0].id != s.disks[1].id);
    BOOST_TEST(s.nics[0].source == "default");
    s.description = "now described";
    auto o = options();
    o.domain_type = "kvm";
    auto changed = libvirt::write_domain({s, 0, 0}, o, xml);
    BOOST_REQUIRE(changed);
    for (const char* part :
         {"cache=\"none\"", "<sound model=\"ich6\"", "keep</x:y>", "protocol=\"rbd\"", "pc-q35-7.2",
          "slot=\"0x04\"", "<name>web</name>", "unit=\"KiB\">2097153<", "<vcpu current=\"2\">4</vcpu>",
          "<topology ", ">33333<", ">12345<", "<sysinfo type=\"fwcfg\">", "device=\"lun\""})
        BOOST_TEST(changed->find(part) != std::string::npos, part);
    BOOST_TEST(read_back(*changed).description == "now described");
}

// Of a device, too, only that changes what is set.
BOOST_AUTO_TEST_CASE(devices_that_the_settings_have_no_word_for_stay_as_others_made_them) {
    const std::string xml =
        R"(<domain type='qemu'><name>web</name><uuid>0f0e0d0c-0b0a-4908-8706-050403020100</uuid>
      <memory unit='KiB'>65536</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
      <interface type="direct"><mac address="52:54:00:aa:00:01"/><source dev="eth0" mode="bridge"/><model type="e1000e"/></interface>
      <interface type="user"><mac address="52:54:00:aa:00:02"/><model type="vmxnet3"/></interface>
      <hostdev mode="subsystem" type="usb"><boot order="1"/></hostdev>
      <serial type="tcp"><source mode="connect" host="h" service="5555"/><protocol type="telnet"/><target port="0"/></serial>
      <serial type="unix"><source mode="connect" path="/run/other"/><target port="1"/></serial>
      <serial type="dev"><source path="/dev/ttyS9"/><target port="2"/></serial>
      <video><model type="qxl"/></video></devices></domain>)";
    const auto devices = [](const std::string& of) {
        pugi::xml_document doc;
        BOOST_REQUIRE(doc.load_string(of.c_str()));
        std::ostringstream out;
        doc.child("domain").child("devices").print(out, "", pugi::format_raw);
        return out.str();
    };
    MachineSpec s = read_back(xml);
    s.description = "now described";
    std::string next = written(s, xml);
    BOOST_TEST(devices(next) == devices(xml));
    next = written(read_back(next), next);  // with metadata of ours
    BOOST_TEST(devices(next) == devices(xml));

    s = read_back(next);
    BOOST_REQUIRE(s.nics.size() == 2u);
    s.nics[0].mac = "52:54:00:aa:00:09";
    s.nics[0].link_up = false;
    s.nics[1].link = NicLink::network;
    s.nics[1].source = "default";
    s.boot_devices = {s.nics[0].id};
    s.serial_ports.at(0).kind = SerialPort::Kind::file;
    s.serial_ports.at(0).path = "/vms/log";
    s.serial_ports.at(1).kind = SerialPort::Kind::none;
    const std::string changed = written(s, next);
    BOOST_TEST(
        devices(changed) ==
        R"(<devices><interface type="direct"><mac address="52:54:00:aa:00:09"/><source dev="eth0" mode="bridge"/>)"
        R"(<model type="e1000e"/><link state="down"/><boot order="2"/></interface>)"
        R"(<interface type="network"><mac address="52:54:00:aa:00:02"/><model type="vmxnet3"/><source network="default"/></interface>)"
        R"(<hostdev mode="subsystem" type="usb"><boot order="1"/></hostdev>)"
        R"(<serial type="file"><target port="0"/><source path="/vms/log"/></serial>)"
        R"(<serial type="dev"><source path="/dev/ttyS9"/><target port="2"/></serial>)"
        R"(<video><model type="qxl"/></video></devices>)");
    s = read_back(changed);
    BOOST_TEST(s.nics[0].mac == "52:54:00:aa:00:09");
    s.nics[0].link_up = true;
    s.nics[1].link = NicLink::none;
    s.displays = {{"DISPLAY", Display::Kind::vnc, 16384, {}}};
    next = written(s, changed);
    for (const char* part : {"<interface type=\"direct\">", "<interface type=\"user\">",
                             "<model type=\"qxl\"", "<graphics type=\"vnc\">", "<link state=\"down\""})
        BOOST_TEST(next.find(part) != std::string::npos, part);
    BOOST_TEST((read_back(next).nics[1].link == NicLink::none));
    BOOST_TEST(read_back(next).nics[0].link_up);
}

// Settings may be those of another host; only what is defined here needs the firmware.
BOOST_AUTO_TEST_CASE(settings_are_written_without_the_firmware_that_they_need) {
    MachineSpec s;
    s.uuid = make_guid();
    s.name = "m";
    s.firmware = Firmware::uefi;
    s.secure_boot = true;
    const libvirt::DomainOptions none;
    const auto text = libvirt::write_domain({s, 0, 0}, none);
    BOOST_REQUIRE_MESSAGE(text, (text ? "" : text.error().full_text()));
    const auto back = read_back(*text);
    BOOST_TEST((back.firmware == Firmware::uefi));
    BOOST_TEST(back.secure_boot);
    const auto refused = libvirt::check_spec(s, none);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().status == Status::not_supported));
}

BOOST_AUTO_TEST_CASE(impossible_settings_are_refused_with_the_reason) {
    const auto refused = [](const MachineSpec& s) {
        auto r = libvirt::write_domain({s, 0, 0}, options());
        BOOST_REQUIRE(!r);
        BOOST_TEST((r.error().status == Status::invalid_parameter));
        return r.error().message_id;
    };
    MachineSpec s = generation_one();
    s.disks[1].controller = 0;
    BOOST_TEST(refused(s) == "wsvirt.disk.slot_taken");
    s.disks[1].unit = 4;
    BOOST_TEST(refused(s) == "wsvirt.disk.slot");
    s = generation_one();
    s.firmware = Firmware::uefi;
    BOOST_TEST(refused(s) == "wsvirt.disk.bus");
    s = generation_one();
    s.disks[0].path = "relative.img";
    BOOST_TEST(refused(s) == "wsvirt.disk.path");
    s = generation_one();
    s.uuid = "x";
    BOOST_TEST(refused(s) == "wsvirt.machine.uuid");
    s = generation_one();
    s.processors = 0;
    BOOST_TEST(refused(s) == "wsvirt.machine.processors");
    s = generation_one();
    s.nics.push_back(s.nics[0]);
    BOOST_TEST(refused(s) == "wsvirt.nic.mac_taken");
}

BOOST_AUTO_TEST_CASE(ide_units_two_and_three_are_the_second_channel) {
    MachineSpec s = generation_one();
    s.disks[1].controller = 0;
    s.disks[1].unit = 3;
    const std::string xml = written(s);
    BOOST_TEST(xml.find("dev=\"hdd\"") != std::string::npos);
    BOOST_TEST(testing::dump(read_back(xml)) == testing::dump(s));
}

BOOST_AUTO_TEST_CASE(derived_ids_are_stable_guids) {
    const auto a = derived_guid("0f0e0d0c-0b0a-4908-8706-050403020100", "disk vda");
    BOOST_TEST(is_guid(a));
    BOOST_TEST(a == derived_guid("0F0E0D0C-0B0A-4908-8706-050403020100", "disk vda"));
    BOOST_TEST(a != derived_guid("0F0E0D0C-0B0A-4908-8706-050403020100", "disk vdb"));
}

BOOST_AUTO_TEST_SUITE_END()
