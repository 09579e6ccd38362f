// What is seen of a machine's snapshots when one is added, against libvirt's test driver.
#include <boost/test/unit_test.hpp>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "backend/libvirt/observe.hpp"
#include "backend/libvirt/snapshot_xml.hpp"
#include "base/text.hpp"
#include "tests/unit/backend/libvirt/libvirt_calls.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;

namespace {

struct Machines {
    std::unique_ptr<Hypervisor> h;
    MachineSpec spec;
    libvirt::CorePtr core;

    Machines() {
        libvirt::Settings s;
        s.uri = "test:///default";
        h = *libvirt::open_libvirt(s);
        core = dynamic_cast<libvirt::LibvirtHypervisor&>(*h).core();
        spec.uuid = make_guid();
        spec.name = "with snapshots";
        BOOST_TEST_REQUIRE(bool(h->define({}, spec)));
        BOOST_TEST_REQUIRE(bool(h->start({}, spec.uuid)));
    }
    void run(const std::function<Result<void>(libvirt::Session&, virDomainPtr)>& work) const {
        const auto done = core->workers->run<void>({}, {"", {}, false, {}, {}}, [&](libvirt::Session& s) {
            return work(s, libvirt::find_domain(s.connection, spec.uuid).get());
        });
        BOOST_TEST_REQUIRE(bool(done));
    }
    void write(const std::string& name, const std::string& title, unsigned flags) const {
        libvirt::NewSnapshot wanted;
        wanted.name = name;
        wanted.title = title;
        wanted.internal_memory = true;
        run([&](libvirt::Session&, virDomainPtr d) -> Result<void> {
            std::string xml = libvirt::new_snapshot_xml(wanted);
            const libvirt::SnapshotHandle old(virDomainSnapshotLookupByName(d, name.c_str(), 0));
            if (old) {
                xml = libvirt::take(virDomainSnapshotGetXMLDesc(old.get(), 0));
                const auto at = xml.find("<description>") + std::string("<description>").size();
                xml.replace(at, xml.find('<', at) - at, title);
            }
            const libvirt::SnapshotHandle made(virDomainSnapshotCreateXML(d, xml.c_str(), flags));
            return made ? Result<void>() : libvirt::last_error("test");
        });
    }
    void take(const std::string& name, const std::string& title) const { write(name, title, 0); }
    void change(const std::string& name, const std::string& title) const {
        write(name, title, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE);
    }
    void look(const std::string& added = {}) const {
        run([&](libvirt::Session& s, virDomainPtr) {
            return libvirt::refresh(s.connection, spec.uuid, *core->connector, *core->inventory, added);
        });
    }
    std::string title(const std::string& id) const {
        for (const auto& s : h->machine(spec.uuid)->snapshots)
            if (s.id == id) return s.spec.attributes.at(std::string(snapshot_name));
        return "";
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(added_snapshots)

// Somebody may have looked at it before all was written on it.
BOOST_AUTO_TEST_CASE(the_one_that_was_added_is_read_whatever_was_seen_of_it_before) {
    const Machines it;
    const auto first = make_guid(), second = make_guid();
    it.take(first, "first");
    it.look();
    BOOST_TEST(it.title(first) == "first");
    it.take(second, "half");
    it.look();
    BOOST_TEST(it.title(second) == "half");
    it.change(second, "whole");
    const int before = testing::snapshots_read;
    it.look(second);
    BOOST_TEST(testing::snapshots_read == before + 1);
    BOOST_TEST(it.title(first) == "first");
    BOOST_TEST(it.title(second) == "whole");
}

// As uuidgen writes it.
BOOST_AUTO_TEST_CASE(a_name_that_is_a_guid_in_lower_case_is_found) {
    const Machines it;
    const auto id = make_guid();
    it.take(to_lower(id), "by virsh");
    it.look();
    const auto has = it.h->snapshot_hardware({}, it.spec.uuid, id);
    BOOST_REQUIRE_MESSAGE(has, (has ? "" : has.error().full_text()));
    BOOST_TEST(has->find("<domain") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
