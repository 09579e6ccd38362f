// What leads from a machine, its settings, a snapshot and a job to the rest is the same in each namespace
// that serves them, and stays there.
#include <boost/test/unit_test.hpp>
#include <map>

#include "backend/cluster.hpp"
#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

struct Setup : TwoHosts {
    std::unique_ptr<backend::Hypervisor> all =
        backend::make_cluster({{"testhost", &hypervisor}, {"hvB", &second}});
    Services over_all = cluster_services(services, *all);

    Setup() { om.serve_apart(cluster_namespace, over_all, provider_registry()); }

    std::vector<Instance> ask(const std::string& name_space, const std::string& wql) {
        const Request request{admin, *shipped_schema().find(name_space), Clock::time_point::max(), {}, "test",
                              ""};
        auto r = om.wql(request, wql);
        BOOST_TEST_REQUIRE(r.ok(), (r ? "" : r.error().full_text()));
        auto found = collect(*r->stream);
        BOOST_TEST_REQUIRE(found.ok(), (found ? "" : found.error().full_text()));
        return std::move(*found);
    }
    // How many of each class lead from the object, and how many things they lead to.
    std::map<std::string, int> around(const std::string& name_space, ObjectPath object) {
        object.set_name_space({});
        std::map<std::string, int> counted;
        for (const auto& link : ask(name_space, "REFERENCES OF {" + object.relative_text() + "}")) {
            ++counted[link.cls().name()];
            for (std::size_t i = 0; i < link.size(); ++i)
                if (const auto* end = link.at(i).as_path())
                    BOOST_TEST(iequals(end->name_space(), name_space),
                               link.cls().name() + ": " + end->to_text());
        }
        for (const auto& other : ask(name_space, "ASSOCIATORS OF {" + object.relative_text() + "}"))
            ++counted["to " + other.cls().name()];
        return counted;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(namespaces, Setup)

BOOST_AUTO_TEST_CASE(the_same_leads_from_a_thing_in_every_namespace) {
    const auto guid = machine();
    const auto taken = call(vs::service_path("testhost", "Msvm_VirtualSystemSnapshotService", "vssnapsvc"),
                            "CreateSnapshot", {{"AffectedSystem", system(guid)}, {"SnapshotType", 2U}});
    BOOST_TEST_REQUIRE(done(taken) == 0U, last_text);
    const auto snapshots = ask("root/virtualization/v2",
                               "SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemType = "
                               "'Microsoft:Hyper-V:Snapshot:Realized'");
    BOOST_TEST_REQUIRE(snapshots.size() == 1U);
    const std::map<std::string, ObjectPath> things{
        {"machine", vs::system_path("Msvm_ComputerSystem", guid)},
        {"settings", settings_of(guid)},
        {"snapshot", vs::setting_path("Msvm_VirtualSystemSettingData", snapshots[0].string("InstanceID"))},
        {"job", *taken.out.get("Job").as_path()}};
    for (const auto& [name, path] : things) {
        const auto expected = around("root/virtualization/v2", path);
        BOOST_TEST(!expected.empty(), name);
        for (const auto* name_space : {"root/virtualization", cluster_namespace}) {
            const auto found = around(name_space, path);
            BOOST_TEST(found == expected, name << " in " << name_space);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
