// What machines look like in QEMU: UEFI, secure boot, devices, pictures, changes by others.
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
using enum MachineState;

namespace {

MachineSpec generation_two() {
    MachineSpec s = host().bare("second");
    s.firmware = Firmware::uefi;
    s.memory_mib = s.memory_max_mib = s.memory_min_mib = 64;
    s.controllers = {{make_guid(), Bus::scsi, 0, {}}};
    s.boot_order.clear();
    Disk d = host().new_disk();
    d.bus = Bus::scsi;
    s.disks = {d};
    Nic n;
    n.id = make_guid();
    n.link = NicLink::user;
    s.nics = {n};
    s.boot_devices = {s.disks[0].id, n.id};
    s.displays = {{make_guid(), Display::Kind::vnc, 16384, {}}};
    return s;
}

std::string command_line(const LabMachine& m) {
    std::ifstream in("/proc/" + std::to_string(*m.now()->pid) + "/cmdline", std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    std::replace(text.begin(), text.end(), '\0', ' ');
    return text;
}

// What QEMU says of its one disk.
unsigned long long iops_in_qemu(const LabMachine& m) {
    const auto connection = dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core()->connector->open();
    OK(connection);
    const libvirt::DomainHandle domain(virDomainLookupByUUIDString(connection->get(), m.id().c_str()));
    BOOST_REQUIRE(domain);
    const auto xml = libvirt::take(virDomainGetXMLDesc(domain.get(), 0));
    const auto disk = xml.find("device='disk'"), at = xml.find("<target dev='", disk) + 13;
    BOOST_REQUIRE(disk != std::string::npos);
    std::array<virTypedParameter, 64> all{};
    int count = all.size();
    BOOST_REQUIRE(virDomainGetBlockIoTune(domain.get(), xml.substr(at, xml.find('\'', at) - at).c_str(),
                                          all.data(), &count, VIR_DOMAIN_AFFECT_LIVE) == 0);
    unsigned long long found = 0;
    virTypedParamsGetULLong(all.data(), count, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC, &found);
    virTypedParamsClear(all.data(), count);
    return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(machines)

BOOST_AUTO_TEST_CASE(uefi_with_and_without_secure_boot) {
    if (!hv().host().uefi_available) return;
    for (const bool secure : {false, true}) {
        MachineSpec s = generation_two();
        s.secure_boot = secure;
        LabMachine m(s);
        OK(hv().start(within(patience), m.id()));
        const std::string line = command_line(m);
        BOOST_TEST(line.find("pc-q35") != std::string::npos);
        BOOST_TEST((line.find("secboot") != std::string::npos) == secure);
        BOOST_TEST(line.find("virtio-scsi") != std::string::npos);
        auto picture = hv().screenshot(within(patience), m.id());
        OK(picture);
        BOOST_TEST(picture->starts_with("P6"));
        BOOST_TEST(!m.now()->spec.nics[0].mac.empty());
        SnapshotRequest r;
        r.machine = m.id();
        r.id = make_guid();
        auto taken = hv().snapshot(within(patience), r);
        OK(taken);
        BOOST_TEST(taken->external);
        BOOST_TEST(taken->has_memory);
        OK(hv().revert(within(patience), m.id(), r.id, {}));
        BOOST_TEST((m.state() == running));
        OK(hv().power_off(within(patience), m.id()));
    }
}

BOOST_AUTO_TEST_CASE(variables_that_were_half_written_go_with_the_machine) {
    if (!hv().host().uefi_available) return;
    std::string half;
    {
        const LabMachine m(generation_two());
        OK(hv().start(within(patience), m.id()));
        half = m.now()->nvram_file + ".new";
        std::ofstream(half) << "half of them";
    }
    BOOST_TEST(!std::filesystem::exists(half));
}

void start_once(const LabMachine& m) {
    OK(hv().start(within(patience), m.id()));
    OK(hv().power_off(within(patience), m.id()));
}
std::string variables_of(const LabMachine& m) {
    std::ifstream in(m.now()->nvram_file, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {});
}

// libvirt takes the template with the keys only where there is no file yet.
BOOST_AUTO_TEST_CASE(secure_boot_that_is_switched_gets_the_keys_that_belong_to_it) {
    if (!hv().host().secure_boot_available) return;
    MachineSpec s = generation_two();
    LabMachine m(s);
    const auto keys = [&] {
        const auto content = variables_of(m);
        BOOST_TEST_REQUIRE(!content.empty());
        return content.find("Microsoft") != std::string::npos;
    };
    start_once(m);
    BOOST_TEST(!keys());
    const std::string file = m.now()->nvram_file;
    s = m.now()->spec;
    s.description = "other settings leave them alone";
    std::ofstream(file, std::ios::app | std::ios::binary) << "mark";
    const auto size = std::filesystem::file_size(file);
    OK(hv().redefine(within(patience), s));
    BOOST_TEST(std::filesystem::file_size(file) == size);
    s.secure_boot = true;
    MachineSpec wrong = s;  // libvirt has no CDs on this bus
    wrong.disks.push_back({});
    wrong.disks.back().id = make_guid();
    wrong.disks.back().device = DiskDevice::cdrom;
    wrong.disks.back().bus = Bus::virtio;
    BOOST_TEST(!hv().redefine(within(patience), wrong));
    BOOST_TEST(!m.now()->spec.secure_boot);
    BOOST_TEST(std::filesystem::file_size(file) == size);
    std::filesystem::resize_file(file, size - 4);
    for (const bool secure : {true, false}) {
        s.secure_boot = secure;
        OK(hv().redefine(within(patience), s));
        BOOST_TEST(m.now()->nvram_file == file);
        start_once(m);
        BOOST_TEST(keys() == secure);
    }
    OK(hv().start(within(patience), m.id()));
    s.secure_boot = true;
    const auto refused = hv().redefine(within(patience), s);
    BOOST_TEST_REQUIRE(!refused);
    BOOST_TEST((refused.error().status == Status::invalid_state));
}

// A kill between the two leaves the definition and variables of before, without keys.
BOOST_AUTO_TEST_CASE(a_switch_of_secure_boot_that_was_cut_off_is_finished_by_the_next_start) {
    if (!hv().host().secure_boot_available) return;
    MachineSpec s = generation_two();
    LabMachine m(s);
    start_once(m);
    const std::string before = variables_of(m);
    s = m.now()->spec;
    s.secure_boot = true;
    OK(hv().redefine(within(patience), s));
    auto& core = *dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core();
    const auto definition = [&](const std::function<std::string(const std::string&)>& change) {
        std::string now;
        OK(core.workers->run<void>(within(patience), {"", {}, false, {}, {}}, [&](libvirt::Session& session) {
            const auto d = libvirt::find_domain(session.connection, m.id());
            now = libvirt::take(virDomainGetXMLDesc(d.get(), VIR_DOMAIN_XML_INACTIVE));
            const auto other = change(now);
            const libvirt::DomainHandle defined(virDomainDefineXML(session.connection, other.c_str()));
            return defined ? Result<void>() : libvirt::last_error("test");
        }));
        return now;
    };
    definition(libvirt::awaiting_variables);
    std::ofstream(m.now()->nvram_file, std::ios::binary) << before;
    start_once(m);
    BOOST_TEST((variables_of(m).find("Microsoft") != std::string::npos));
    BOOST_TEST(!libvirt::awaits_variables(definition([](const auto& xml) { return xml; })));
}

BOOST_AUTO_TEST_CASE(a_machine_of_the_second_generation_takes_adapters_while_it_runs) {
    MachineSpec s = generation_two();
    LabMachine m(s);
    OK(hv().start(within(patience), m.id()));
    s = m.now()->spec;
    Nic extra;
    extra.id = make_guid();
    extra.link = NicLink::none;
    s.nics.push_back(extra);
    s.nics[0].link_up = false;
    OK(hv().redefine(within(patience), s));
    BOOST_TEST(m.now()->spec.nics.size() == 2u);
    BOOST_TEST((m.now()->spec.nics[1].link == NicLink::none));
    BOOST_TEST(!m.now()->spec.nics[0].link_up);
}

// Nothing in a bare machine answers a request to give a device back.
BOOST_AUTO_TEST_CASE(an_adapter_that_the_guest_keeps_is_not_said_to_be_gone) {
    MachineSpec s = host().bare();
    Nic n;
    n.id = make_guid();
    n.link = NicLink::user;
    s.nics = {n};
    LabMachine m(s);
    OK(hv().start(within(patience), m.id()));
    s = m.now()->spec;
    const std::string mac = "<mac address='" + s.nics.at(0).mac + "'/>";
    s.nics.clear();
    const auto connection = dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core()->connector->open();
    OK(connection);
    const libvirt::DomainHandle domain(virDomainLookupByUUIDString(connection->get(), m.id().c_str()));
    BOOST_REQUIRE(domain);
    const auto live = [&] { return libvirt::take(virDomainGetXMLDesc(domain.get(), 0)); };
    for (int tries = 0; tries < 2; ++tries) {  // QEMU refuses to ask a guest again
        auto kept = hv().redefine(within(patience), s);
        BOOST_REQUIRE(!kept);
        BOOST_TEST(kept.error().text.find("does not give the network adapter back") != std::string::npos,
                   kept.error().full_text());
        BOOST_TEST(m.now()->spec.nics.size() == 1u);
        BOOST_TEST(live().find(mac) != std::string::npos);
        BOOST_TEST(live().find("<link state='down'/>") == std::string::npos);
    }
    OK(hv().power_off(within(patience), m.id()));
    OK(hv().redefine(within(patience), s));
    BOOST_TEST(m.now()->spec.nics.empty());
}

BOOST_AUTO_TEST_CASE(text_form_is_complete) {
    const MachineSpec s = generation_two();
    auto text = hv().spec_to_text(s);
    OK(text);
    auto back = hv().spec_from_text(*text);
    OK(back);
    BOOST_TEST(back->disks[0].id == s.disks[0].id);
    BOOST_TEST(back->name == s.name);
}

BOOST_AUTO_TEST_CASE(the_host_is_described) {
    const HostInfo h = hv().host();
    BOOST_TEST(h.name == "embedded");
    BOOST_TEST(is_guid(h.uuid));
    BOOST_TEST(h.arch == "x86_64");
    BOOST_TEST(h.accelerator == "tcg");
    BOOST_TEST(h.cpus > 0u);
    BOOST_TEST(h.memory_mib > h.free_memory_mib);
    BOOST_TEST(h.free_memory_mib > 0u);
    BOOST_TEST(!h.hypervisor_version.empty());
    BOOST_TEST(hv().switches().front().name == "Default Switch");
}

BOOST_AUTO_TEST_CASE(a_bridge_has_its_configured_name) {
    const auto all = hv().switches();
    const auto named = std::find_if(all.begin(), all.end(), [](const auto& s) { return s.name == "LAN"; });
    BOOST_REQUIRE(named != all.end());
    BOOST_TEST((named->link == NicLink::bridge));
    BOOST_TEST(named->source == "wsvirt-lan");
    BOOST_TEST(is_guid(named->id));
    BOOST_TEST(std::count_if(all.begin(), all.end(), [](const auto& s) { return s.link == NicLink::user; }) ==
               1);
}

BOOST_AUTO_TEST_CASE(limits_and_serial_ports_reach_qemu) {
    MachineSpec s = host().bare();
    s.disks = {host().new_disk()};
    s.disks[0].iops_limit = 77;
    s.disks[0].serial = "WD-1";
    s.serial_number = "SN 1";
    s.cpu_limit_permille = 500;  // without cgroups only kept
    s.serial_ports = {{make_guid(), 0, SerialPort::Kind::file, host().folder() / "com1.log", {}},
                      {make_guid(), 1, SerialPort::Kind::pipe_server, host().folder() / "com2.sock", {}}};
    LabMachine m(s);
    OK(hv().start(within(patience), m.id()));
    const std::string line = command_line(m);
    for (const char* part : {"WD-1", "SN 1", "isa-serial"})
        BOOST_TEST(line.find(part) != std::string::npos, part);
    BOOST_TEST(iops_in_qemu(m) == 77u);
    for (const char* file : {"com1.log", "com2.sock"})
        BOOST_TEST(std::filesystem::exists(host().folder() / file));
    MachineSpec changed = m.now()->spec;
    changed.disks[0].iops_limit = 99;
    changed.cpu_limit_permille = 250;
    changed.cpu_weight = 200;
    OK(hv().redefine(within(patience), changed));
    BOOST_TEST(*m.now()->spec.disks[0].iops_limit == 99u);
    BOOST_TEST(iops_in_qemu(m) == 99u);
    BOOST_TEST(*m.now()->spec.cpu_limit_permille == 250u);
    BOOST_TEST(*m.now()->spec.cpu_weight == 200u);
}

BOOST_AUTO_TEST_SUITE_END()
