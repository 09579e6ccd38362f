// What a migration asks of the host that the machine is on, and what its job keeps.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <functional>

#include "backend/cluster.hpp"
#include "cim/providers/cluster.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

constexpr const char* cluster_v2 = "root/HyperVCluster/v2";

struct Watched : testing::FakeHypervisor {
    using FakeHypervisor::FakeHypervisor;
    std::shared_ptr<const backend::Machine> machine(std::string_view uuid) const override {
        if (looked) looked();
        return FakeHypervisor::machine(uuid);
    }
    Result<void> migrate(const Call& call, const backend::MigrationRequest& request,
                         backend::Hypervisor& destination) override {
        asked = request;
        return FakeHypervisor::migrate(call, request, destination);
    }
    std::function<void()> looked;
    backend::MigrationRequest asked;
};

struct Third {
    Watched third{"hvC"};
};

struct Fixture : Third, TwoHosts {
    std::unique_ptr<backend::Hypervisor> all;
    std::unique_ptr<Services> over_all;

    Fixture() {
        add_host(third);
        all = backend::make_cluster({{"testhost", &hypervisor}, {"hvB", &second}, {"hvC", &third}});
        over_all = std::make_unique<Services>(cluster_services(services, *all));
        om.serve_apart(cluster_v2, *over_all, provider_registry());
        second.has_own_files(true);
    }
    // A machine with one disk on hvC.
    std::string far_machine() {
        const auto guid = machine(make_guid());
        const auto spec = hypervisor.machine(guid)->spec;
        hypervisor.remove_behind_back(guid);
        BOOST_TEST_REQUIRE(third.define({}, spec).ok());
        return guid;
    }
    MethodResult moved(const std::string& guid, unsigned type, Given wishes = {}) {
        wishes.emplace_back("MigrationType", type);
        auto target = service();
        target.set_name_space(cluster_v2);
        Arguments arguments;
        arguments.set("ComputerSystem", system(guid));
        arguments.set("DestinationHost", Value("hvB"));
        arguments.set("MigrationSettingData", settings(wishes));
        const Request there{admin, *shipped_schema().find(cluster_v2), Clock::time_point::max(), {}, "test",
                            ""};
        auto r = om.invoke(there, target, "MigrateVirtualSystemToHost", std::move(arguments));
        BOOST_TEST_REQUIRE(r.ok(), (r ? "" : r.error().full_text()));
        BOOST_TEST(done(*r) == 0U, last_text);
        BOOST_TEST(second.machine(guid) != nullptr);
        return std::move(*r);
    }
    bool compressed(Given wishes) {
        second.has_own_files(false);
        (void)moved(far_machine(), 32768U, std::move(wishes));
        return third.asked.compress;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(migration_request, Fixture)

BOOST_AUTO_TEST_CASE(originals_stay_where_that_is_asked_for) {
    struct Case {
        Given wishes;
        bool stay;
    };
    for (const auto& what :
         {Case{{}, false}, Case{{{"AvoidRemovingVHDs", true}}, true},
          Case{{{"RetainVhdCopiesOnSource", true}}, true},
          Case{{{"AvoidRemovingVHDs", false}, {"RetainVhdCopiesOnSource", false}}, false}}) {
        const auto guid = far_machine();
        const auto job = job_of(moved(guid, 32771U, what.wishes));
        BOOST_TEST(job.extra.contains("Source.Originals") == !what.stay);
        BOOST_TEST(std::filesystem::exists(disk_path) == what.stay);
    }
}

BOOST_AUTO_TEST_CASE(memory_is_compressed_as_the_call_or_else_the_service_says) {
    for (const bool usually : {false, true}) {
        const auto r =
            call(service(), "ModifyServiceSettings",
                 {{"ServiceSettingData", Value(make("Msvm_VirtualSystemMigrationServiceSettingData",
                                                    {{"EnableCompression", usually}}))}});
        BOOST_TEST(code(r) == 0U, text_of(r));
        BOOST_TEST(compressed({}) == usually);
        BOOST_TEST(compressed({{"EnableCompression", true}}));
        BOOST_TEST(!compressed({{"EnableCompression", false}}));
    }
}

// It may be cut off, and then the job is all that is known.
BOOST_AUTO_TEST_CASE(the_job_keeps_a_disk_that_came_just_before_the_machine_was_locked) {
    const auto guid = far_machine();
    const auto late = image("late.qcow2");
    bool added = false;
    third.looked = [&] {
        if (added || jobs.lock(guid).ok()) return;
        added = true;
        auto spec = third.machine(guid)->spec;
        auto disk = spec.disks.at(0);
        disk.id = make_guid();
        disk.path = late;
        ++disk.unit;
        spec.disks.push_back(disk);
        BOOST_TEST_REQUIRE(third.redefine({}, spec).ok());
    };
    const auto job = job_of(moved(guid, 32771U));
    BOOST_TEST(added);
    for (const char* files : {"Destination.Copies", "Source.Originals"})
        BOOST_TEST(job.extra.at(files) == disk_path + '\n' + late + '\n');
}

BOOST_AUTO_TEST_SUITE_END()
