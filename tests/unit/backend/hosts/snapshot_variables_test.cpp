// Going back over a change of secure boot on another host, where snapshots have no copies of UEFI variables.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "base/text.hpp"
#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;

namespace {

// On host B, without disks: those of a machine with such firmware would keep its snapshots from being
// applied.
struct OverThere {
    std::unique_ptr<Hypervisor> b = open_host("WSVIRT_LAB_B");
    MachineSpec spec;

    OverThere() {
        spec.uuid = make_guid();
        spec.name = "variables over there";
        spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = 64;
        spec.firmware = Firmware::uefi;
        OK(b->define(patiently(), spec));
    }
    ~OverThere() {
        b->power_off(patiently(), spec.uuid);
        b->undefine(patiently(), spec.uuid);
    }
    OverThere(const OverThere&) = delete;
    OverThere& operator=(const OverThere&) = delete;
    void start_once() {
        OK(b->start(patiently(), spec.uuid));
        OK(b->power_off(patiently(), spec.uuid));
    }
    std::string snapshot() {
        SnapshotRequest r;
        r.machine = spec.uuid;
        r.id = make_guid();
        r.name = "without variables";
        const auto taken = b->snapshot(patiently(), r);
        OK(taken);
        BOOST_TEST(taken->nvram_file.empty());
        return r.id;
    }
    void go_back(const std::string& id, AfterRevert::Memory memory) {
        OK(b->revert(patiently(), spec.uuid, id, {memory, {}, {}}));
        BOOST_TEST(!b->machine(spec.uuid)->spec.secure_boot);
        BOOST_TEST(!awaits());
    }
    // Whatever is noted would be done by a later start of ours, though somebody else has started it since.
    bool awaits() {
        const auto core = dynamic_cast<libvirt::LibvirtHypervisor&>(*b).core();
        const auto found = core->workers->run<bool>(
            patiently(), {"", {}, false, {}, {}}, [&](libvirt::Session& s) -> Result<bool> {
                const auto d = libvirt::find_domain(s.connection, spec.uuid);
                return libvirt::awaits_variables(
                    libvirt::take(virDomainGetXMLDesc(d.get(), VIR_DOMAIN_XML_INACTIVE)));
            });
        OK(found);
        return *found;
    }
    bool keys() {
        const std::string file = b->machine(spec.uuid)->nvram_file, root = "/var/lib/libvirt";
        BOOST_TEST_REQUIRE(file.starts_with(root));
        std::ifstream in(lab() + "/hvB/lib" + file.substr(root.size()), std::ios::binary);
        const std::string all((std::istreambuf_iterator<char>(in)), {});
        BOOST_TEST(!all.empty());
        return all.find("Microsoft") != std::string::npos;
    }
    void with_keys() {
        MachineSpec s = b->machine(spec.uuid)->spec;
        s.secure_boot = true;
        OK(b->redefine(patiently(), s));
        start_once();
        BOOST_TEST(keys());
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_variables)

BOOST_AUTO_TEST_CASE(a_machine_over_there_gets_the_keys_that_belong_to_the_snapshot) {
    OverThere it;
    it.start_once();
    const auto off = it.snapshot();
    OK(it.b->start(patiently(), it.spec.uuid));
    OK(it.b->save(patiently(), it.spec.uuid));
    const auto saved = it.snapshot();
    it.go_back(off, AfterRevert::Memory::dropped);
    for (const auto& id : {off, saved}) {
        it.with_keys();
        it.go_back(id, AfterRevert::Memory::saved);
        BOOST_TEST((it.b->machine(it.spec.uuid)->state == MachineState::saved) == (id == saved));
        it.start_once();
        BOOST_TEST(!it.keys());
        it.start_once();
        BOOST_TEST(!it.keys());
    }
}

BOOST_AUTO_TEST_SUITE_END()
