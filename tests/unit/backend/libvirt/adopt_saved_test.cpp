// Saved memory that comes from somewhere else says how QEMU is to be started; it must not say more than the
// definition of the machine that it is imported for.
#include <boost/test/unit_test.hpp>
#include <string>

#include "backend/libvirt/save_image.hpp"

using wsvirt::backend::libvirt::adopt_saved_xml;

namespace {

std::string domain(const std::string& name, const std::string& disk, const std::string& os,
                   const std::string& devices, const std::string& more = "") {
    return "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>" + name +
           "</name><uuid>6f6c8a9e-7b1c-4d3e-9f10-0123456789ab</uuid>"
           "<metadata><w:machine xmlns:w='urn:w' path='/anything'/></metadata>"
           "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>" +
           os +
           "</os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
           "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='" +
           disk +
           "'/><target dev='hda' bus='ide'/>"
           "<address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>" +
           devices + "</devices>" + more + "</domain>";
}

const std::string ports =
    "<serial type='unix'><source mode='bind' path='/new/pipes/a'/><target port='0'/></serial>"
    "<interface type='network'><mac address='00:15:5d:00:00:01'/><source network='inside'/></interface>"
    "<graphics type='vnc'><listen type='socket'/></graphics>";
const std::string own_rng = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>";
const std::string here = domain("here", "/new/a.qcow2", "", ports + own_rng + "<input type='tablet'/>");

}  // namespace

BOOST_AUTO_TEST_SUITE(adopt_saved)

BOOST_AUTO_TEST_CASE(host_side_comes_from_the_definition) {
    const auto r = adopt_saved_xml(
        domain("there", "/old/a.qcow2", "",
               "<serial type='unix'><source mode='bind' path='/old/pipes/a'/><target port='0'/></serial>"
               "<interface type='bridge'><mac address='00:15:5D:00:00:01'/><source bridge='br9'/>"
               "<model type='virtio'/></interface>" +
                   own_rng + "<graphics type='vnc' port='5900' listen='0.0.0.0'/>",
               "<resource><partition>/machine</partition></resource>"),
        here);
    BOOST_TEST_REQUIRE(r.ok());
    for (const char* gone : {"there", "/old", "br9", "0.0.0.0", "/machine"})
        BOOST_TEST(r->find(gone) == std::string::npos, gone);
    for (const char* kept :
         {"<name>here</name>", "/new/a.qcow2", "/new/pipes/a", "network=\"inside\"", "model type=\"virtio\""})
        BOOST_TEST(r->find(kept) != std::string::npos, kept << " in " << *r);
}

BOOST_AUTO_TEST_CASE(what_the_definition_lacks_leads_nowhere) {
    const auto r = adopt_saved_xml(
        domain("there", "/old/a.qcow2", "",
               ports + "<serial type='tcp'><source host='192.0.2.1' service='1'/><target port='1'/></serial>"
                       "<serial type='file'><source path='/x'/><log file='/x'/><target port='3'/></serial>"
                       "<interface type='bridge'><mac address='00:15:5d:00:00:02'/>"
                       "<source bridge='br9'/></interface>"
                       "<interface type='ethernet'><mac address='1'/><script path='evil'/>"
                       "<target dev='br9' managed='no'/></interface>"
                       "<disk type='network' device='cdrom'><target dev='hdc' bus='ide'/></disk>",
               "<seclabel type='static' model='dac' relabel='no'><label>root:root</label></seclabel>"
               "<cputune><emulatorpin cpuset='9'/></cputune><numatune><memory nodeset='9'/></numatune>"),
        here);
    BOOST_TEST_REQUIRE(r.ok());
    for (const char* gone :
         {"192.0.2.1", "br9", "/x", "evil", "seclabel", "root:root", "cpuset", "nodeset", "network\" device"})
        BOOST_TEST(r->find(gone) == std::string::npos, gone);
}

// As libvirt counts them: through all sorts, the serial one first.
BOOST_AUTO_TEST_CASE(a_console_is_the_one_of_its_sort_and_place) {
    const auto console = [](const std::string& sort, int port, const std::string& file) {
        return "<console type='file'><source path='" + file + "'/><target type='" + sort + "' port='" +
               std::to_string(port) + "'/></console>";
    };
    const auto r = adopt_saved_xml(
        domain("there", "/old/a.qcow2", "",
               console("serial", 0, "/old/log") + console("virtio", 1, "/old/1") +
                   console("virtio", 2, "/old/2") + console("virtio", 3, "/old/3")),
        domain("here", "/new/a.qcow2", "", console("virtio", 0, "/new/1") + console("virtio", 1, "/new/2")));
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(r->find("/old/") == std::string::npos);
    const auto serial = r->find("<console type=\"null\""), first = r->find("/new/1"),
               second = r->find("/new/2"), third = r->rfind("<console type=\"null\"");
    BOOST_TEST(first != std::string::npos);
    BOOST_TEST(second != std::string::npos);
    BOOST_TEST((serial < first && first < second && second < third));
}

// Not which of the host's processors the machine was bound to.
BOOST_AUTO_TEST_CASE(the_number_of_processors_is_that_of_the_memory) {
    const auto r = adopt_saved_xml(domain("there", "/old/a.qcow2", "", ports,
                                          "<vcpu placement='static' cpuset='90-99' current='2'>4</vcpu>"),
                                   domain("here", "/new/a.qcow2", "", ports, "<vcpu cpuset='0'>1</vcpu>"));
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(r->find("<vcpu cpuset=\"0\" current=\"2\">4</vcpu>") != std::string::npos, *r);
}

BOOST_AUTO_TEST_CASE(what_reaches_further_is_refused) {
    const auto with = [](const char* devices, const char* more = "", const char* os = "") {
        return domain("there", "/old/a.qcow2", os, ports + devices, more);
    };
    for (const auto& bad :
         {with("", "<qemu:commandline><qemu:arg value='-chardev'/></qemu:commandline>"),
          with("<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>"),
          with("<filesystem type='mount'><source dir='/'/><target dir='all'/></filesystem>"),
          with("<disk type='file' device='disk'><source file='/etc/shadow'/><target dev='hdb' "
               "bus='ide'/></disk>"),
          with("<disk type='file' device='disk'><source file='etc/shadow'/><target dev='hdb' "
               "bus='ide'/></disk>"),
          with("<disk type='network' device='disk'><source protocol='nbd' name='x'>"
               "<host name='127.0.0.1' port='10899'/></source><target dev='hdb' bus='ide'/></disk>"),
          with("<disk type='network' device='cdrom'><source protocol='nbd' name='x'>"
               "<host name='127.0.0.1' port='10899'/></source><target dev='hdb' bus='ide'/></disk>"),
          with("<disk type='volume' device='disk'><source pool='default' volume='x'/>"
               "<target dev='hdb' bus='ide'/></disk>"),
          with("<disk type='network' device='disk'><source protocol='nbd' name='x'/>"
               "<target dev='sda' bus='usb'/></disk>"),
          with("<rng model='virtio'><backend model='egd' type='tcp'><source mode='connect' "
               "host='192.0.2.1' service='1'/></backend></rng>"),
          with("<input type='evdev'><source path='event1'/></input>"),
          with("",
               "<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-S'/>"
               "</commandline>"),
          with("",
               "<devices><disk type='network' device='disk'><source protocol='nbd' name='x'/>"
               "<target dev='hdb' bus='ide'/></disk></devices>"),
          with("", "<os><kernel>vmlinuz</kernel></os>"),
          with("", "<sysinfo type='fwcfg'><entry name='x' file='vmlinuz'/></sysinfo>"),
          with("", "<sysinfo type='fwcfg'><entry name='x'>vmlinuz</entry></sysinfo>"),
          with("", "<launchSecurity type='sev'/>"),
          with("", "<idmap><uid start='0' target='0'/></idmap>"),
          with("", "", "<kernel>vmlinuz</kernel>"),
          with("", "", "<acpi><table type='slic'>/etc/shadow</table></acpi>"),
          with("", "<memoryBacking><source type='file' path='/etc/x'/></memoryBacking>")}) {
        const auto r = adopt_saved_xml(bad, here);
        BOOST_TEST(!r.ok(), bad);
    }
    const auto emulator = std::string(with("")).replace(with("").find("/usr/bin/qemu"), 8, "/tmp/bad");
    const auto r = adopt_saved_xml(emulator, here);
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(r->find("/tmp/bad") == std::string::npos);
    BOOST_TEST(!adopt_saved_xml("<x/>", here).ok());
}

BOOST_AUTO_TEST_SUITE_END()
