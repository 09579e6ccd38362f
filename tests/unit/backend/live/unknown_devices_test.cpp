// What libvirt makes of definitions: what it adds by itself is nothing that an export would lose.
#include <boost/test/unit_test.hpp>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
using enum MachineState;

namespace {

void by_others(const std::function<Result<void>(libvirt::Session&)>& what) {
    auto& core = *dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core();
    OK(core.workers->run<void>(within(patience), {"", {}, false, {}, {}}, what));
}

// As virsh defines it.
struct Foreign {
    const std::string id = make_guid();
    explicit Foreign(const std::string& parts, const std::string& devices = "") {
        const std::string xml =
            "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
            "<name>foreign</name><uuid>" +
            to_lower(id) + "</uuid><memory unit='MiB'>16</memory>" + parts + "<devices>" + devices +
            "</devices></domain>";
        by_others([&](libvirt::Session& s) {
            const libvirt::DomainHandle d(virDomainDefineXML(s.connection, xml.c_str()));
            return d ? Result<void>() : libvirt::last_error("define it");
        });
        BOOST_REQUIRE(eventually([&] { return bool(hv().machine(id)); }));
    }
    ~Foreign() { host().remove(id); }
    Foreign(const Foreign&) = delete;
    Foreign& operator=(const Foreign&) = delete;
    UnknownDevices unknown() const { return hv().machine(id)->unknown; }
};

MachineSpec with_all(Firmware firmware) {
    MachineSpec s = host().bare();
    s.firmware = firmware;
    const bool uefi = firmware == Firmware::uefi;
    if (uefi) s.memory_mib = s.memory_max_mib = s.memory_min_mib = 64;
    if (uefi) s.boot_order.clear();
    s.controllers.push_back({make_guid(), Bus::scsi, 0, {}});
    Disk d = host().new_disk();
    d.bus = Bus::scsi;
    s.disks = {d};
    Nic n;
    n.id = make_guid();
    n.link = NicLink::user;
    s.nics = {n, n};
    s.nics[1].id = make_guid();
    s.nics[1].link = NicLink::none;
    s.displays = {{make_guid(), Display::Kind::vnc, 16384, {}}};
    s.serial_ports = {{make_guid(), 0, SerialPort::Kind::pty, "", {}}};
    s.serial_number = "17";
    return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unknown_devices_live)

BOOST_AUTO_TEST_CASE(of_our_own_machines_all_is_known) {
    for (const auto firmware : {Firmware::bios, Firmware::uefi}) {
        if (firmware == Firmware::uefi && !hv().host().uefi_available) continue;
        LabMachine m(with_all(firmware));
        const auto unknown = [&] { return names_of(m.now()->unknown); };
        BOOST_TEST(unknown() == "");
        OK(hv().start(within(patience), m.id()));
        BOOST_TEST(unknown() == "");
        if (firmware == Firmware::bios) {
            SnapshotRequest r;
            r.machine = m.id();
            r.id = make_guid();
            OK(hv().snapshot(within(patience), r));
            BOOST_TEST(names_of(m.now()->snapshots.at(0).unknown) == "");
        }
        OK(hv().save(within(patience), m.id()));
        BOOST_TEST(unknown() == "");
        OK(hv().discard_saved_state(within(patience), m.id()));
    }
}

BOOST_AUTO_TEST_CASE(of_a_plain_machine_that_others_define_all_is_known) {
    for (const char* machine : {"pc", "q35"}) {
        const Foreign plain(std::string("<os><type arch='x86_64' machine='") + machine + "'>hvm</type></os>",
                            "<interface type='user'/><serial type='pty'/><graphics type='vnc'/>"
                            "<video><model type='vga'/></video>");
        BOOST_TEST(names_of(plain.unknown()) == "", machine);
        OK(hv().start(within(patience), plain.id));
        BOOST_TEST(names_of(plain.unknown()) == "", machine);
        OK(hv().power_off(within(patience), plain.id));
    }
}

BOOST_AUTO_TEST_CASE(what_others_have_given_to_a_machine_is_named) {
    const Foreign m(
        "<os><type arch='x86_64' machine='pc'>hvm</type><bootmenu "
        "enable='yes'/></os><features><acpi/></features>"
        "<memoryBacking><nosharepages/></memoryBacking>"
        "<qemu:commandline><qemu:env name='X' value='1'/></qemu:commandline>",
        "<input type='tablet' bus='usb'/><console type='pty'><target type='virtio'/></console>");
    const std::string needed = "console of type pty, memoryBacking, qemu:commandline",
                      others = "bootmenu, input tablet of bus usb";
    BOOST_TEST(m.unknown().devices == needed);
    BOOST_TEST(m.unknown().connections == others);
    OK(hv().start(within(patience), m.id));
    BOOST_TEST(m.unknown().devices == needed);
    by_others([&](libvirt::Session& s) {
        const auto d = libvirt::find_domain(s.connection, m.id);
        return libvirt::checked(
            virDomainAttachDeviceFlags(
                d.get(), "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
                VIR_DOMAIN_AFFECT_LIVE),
            "attach it");
    });
    const std::string alone = needed + ", rng of the running machine alone";
    BOOST_TEST(eventually([&] { return m.unknown().devices == alone; }), m.unknown().devices);
    OK(hv().save(within(patience), m.id));
    BOOST_TEST(m.unknown().devices == alone);
    BOOST_TEST(m.unknown().connections == others);
}

BOOST_AUTO_TEST_SUITE_END()
