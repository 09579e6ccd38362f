// Going back over a change of secure boot to snapshots that have no copy of the UEFI variables, as those that
// virsh takes.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "backend/libvirt/snapshot_xml.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
using enum MachineState;

namespace {

MachineSpec with_firmware(bool secure) {
    MachineSpec s = host().bare("variables");
    s.firmware = Firmware::uefi;
    s.secure_boot = secure;
    s.memory_mib = s.memory_max_mib = s.memory_min_mib = 64;
    s.controllers = {{make_guid(), Bus::scsi, 0, {}}};
    Disk d = host().new_disk();
    d.bus = Bus::scsi;
    s.disks = {d};
    return s;
}

struct Switched {
    LabMachine m;

    explicit Switched(bool secure) : m(with_firmware(secure)) {}
    void start_once() const {
        OK(hv().start(within(patience), m.id()));
        off();
    }
    void off() const { OK(hv().power_off(within(patience), m.id())); }
    void secure_boot(bool on) const {
        MachineSpec s = m.now()->spec;
        s.secure_boot = on;
        OK(hv().redefine(within(patience), s));
    }
    // As the layer below has it.
    void with_domain(const std::function<bool(libvirt::Session&, virDomainPtr)>& work) const {
        auto& core = *dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core();
        OK(core.workers->run<void>(within(patience), {"", {}, false, {}, {}}, [&](libvirt::Session& session) {
            const auto d = libvirt::find_domain(session.connection, m.id());
            return work(session, d.get()) ? Result<void>() : libvirt::last_error("test");
        }));
    }
    std::string definition() const {
        std::string xml;
        with_domain([&](libvirt::Session&, virDomainPtr d) {
            xml = libvirt::take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
            return !xml.empty();
        });
        return xml;
    }
    bool awaits() const { return libvirt::awaits_variables(definition()); }
    // As virsh does it. Its id.
    std::string snapshot(const std::string& name, bool memory) const {
        libvirt::NewSnapshot wanted;
        wanted.name = wanted.title = name;
        if (memory) wanted.memory_file = host().folder() / (m.id() + ".mem");
        const std::string xml = libvirt::new_snapshot_xml(wanted);
        const unsigned flags = memory ? 0u : unsigned{VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY};
        with_domain([&](libvirt::Session&, virDomainPtr d) {
            return bool(libvirt::SnapshotHandle(virDomainSnapshotCreateXML(d, xml.c_str(), flags)));
        });
        auto& core = *dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core();
        with_domain([&](libvirt::Session& session, virDomainPtr) {
            return bool(libvirt::refresh(session.connection, m.id(), *core.connector, *core.inventory));
        });
        return snapshot_id(m.id(), name);
    }
    void go_back(const std::string& id, AfterRevert::Memory memory) const {
        OK(hv().revert(within(patience), m.id(), id, {memory, {}, {}}));
    }
    bool has(const std::string& text) const {
        std::ifstream in(m.now()->nvram_file, std::ios::binary);
        const std::string all((std::istreambuf_iterator<char>(in)), {});
        return all.find(text) != std::string::npos;
    }
    bool keys() const { return has("Microsoft"); }
    // Where the firmware keeps nothing.
    void write(const std::string& text) const {
        std::fstream out(m.now()->nvram_file, std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(-16, std::ios::end);
        out << text;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_variables)

BOOST_AUTO_TEST_CASE(a_machine_that_goes_back_over_a_switch_of_secure_boot_gets_the_keys_that_belong_to_it) {
    if (!hv().host().secure_boot_available) return;
    for (const bool secure : {false, true}) {
        const Switched it(secure);
        it.start_once();
        const auto id = it.snapshot("by virsh", false);
        it.write("MARK");
        it.go_back(id, AfterRevert::Memory::dropped);
        BOOST_TEST(it.has("MARK"));  // the same keys: they stay
        it.secure_boot(!secure);
        it.start_once();
        BOOST_TEST(it.keys() == !secure);
        it.go_back(id, AfterRevert::Memory::dropped);
        BOOST_TEST(it.m.now()->spec.secure_boot == secure);
        BOOST_TEST(!it.awaits());
        it.start_once();
        BOOST_TEST(it.keys() == secure);
    }
}

// QEMU writes what they were from its memory.
BOOST_AUTO_TEST_CASE(the_memory_of_a_snapshot_brings_the_variables_that_it_has_no_copy_of) {
    if (!hv().host().secure_boot_available) return;
    const Switched it(true);
    it.start_once();
    it.write("MARK");
    OK(hv().start(within(patience), it.m.id()));
    const auto id = it.snapshot("by virsh", true);
    it.off();
    for (const auto memory :
         {AfterRevert::Memory::runs, AfterRevert::Memory::saved, AfterRevert::Memory::dropped}) {
        it.secure_boot(false);
        it.start_once();
        BOOST_TEST(!it.keys());
        it.go_back(id, memory);
        BOOST_TEST(it.m.now()->spec.secure_boot);
        BOOST_TEST(!it.awaits());
        const bool dropped = memory == AfterRevert::Memory::dropped;
        if (memory == AfterRevert::Memory::runs) it.off();
        it.start_once();
        BOOST_TEST(it.keys());
        BOOST_TEST(it.has("MARK") == !dropped);
        it.start_once();
        BOOST_TEST(it.keys());
    }
}

// A newer libvirt goes back by itself, and knows nothing of the note.
BOOST_AUTO_TEST_CASE(going_back_that_was_cut_off_compares_with_what_the_machine_was_before) {
    if (!hv().host().secure_boot_available) return;
    const Switched it(false);
    const auto id = it.snapshot("by virsh", false);
    const std::string gone_back = it.definition();
    it.secure_boot(true);
    it.start_once();
    BOOST_TEST(it.keys());
    libvirt::Unfinished noted;
    noted.machine = it.m.id();
    noted.id = make_guid();
    noted.applied = id;
    noted.settings = it.definition();
    it.with_domain([&](libvirt::Session& session, virDomainPtr) {
        return bool(libvirt::DomainHandle(virDomainDefineXML(session.connection, gone_back.c_str())));
    });
    const auto folder = host().folder() / "state" / "unfinished-snapshots";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / noted.id) << libvirt::text_of("embedded", noted);
    it.start_once();
    BOOST_TEST(!it.m.now()->spec.secure_boot);
    BOOST_TEST(!it.keys());
    BOOST_TEST(!std::filesystem::exists(folder / noted.id));
}

BOOST_AUTO_TEST_SUITE_END()
