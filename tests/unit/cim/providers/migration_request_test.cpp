// What a migration asks of the host that the machine is on, and what its job keeps.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <functional>

#include "backend/cluster.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/virtual_system/kept.hpp"
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

// Every property of the settings has its effect or is refused by name (the table in the manual).
BOOST_AUTO_TEST_CASE(each_property_has_its_effect_or_is_refused) {
    using Asked = backend::MigrationRequest;
    struct Row {
        const char* property;
        std::vector<Value> nothing, refused;  // said without effect, and refused
        std::vector<std::pair<Given, std::function<bool(const Asked&)>>> effects;
    };
    const auto tls = [](bool yes) { return [yes](const Asked& a) { return a.tls == yes; }; };
    const auto rate = [](std::uint64_t mib) {
        return [mib](const Asked& a) { return a.bandwidth_mib_s == mib; };
    };
    const Value free("free text"), flag(true), no(false), none(0U), one(1U);
    const std::vector<Row> table{
        {"InstanceID", {free}, {}, {}},
        {"Caption", {free}, {}, {}},
        {"Description", {free}, {}, {}},
        {"ElementName", {free}, {}, {}},
        {"MigrationType",
         {},
         {Value(1U), Value(32767U), Value(32773U)},
         {{{}, [](const Asked& a) { return a.kind == Asked::Kind::machine; }}}},
        {"TransportType",
         {},
         {Value(1U), Value(2U), Value(6U), Value(32768U)},
         {{{}, tls(false)},
          {{{"TransportType", 0U}}, tls(false)},
          {{{"TransportType", 3U}}, tls(true)},
          {{{"TransportType", 4U}}, tls(true)},
          {{{"TransportType", 5U}}, tls(false)}}},
        {"Priority", {none}, {one}, {}},
        {"Bandwidth", {none}, {}, {{{}, rate(0)}, {{{"Bandwidth", 8U}}, rate(8)}}},
        {"BandwidthUnit",
         {free},  // of no limit
         {},
         {{{{"Bandwidth", 80U}, {"BandwidthUnit", Value("bit per second * 10^6")}}, rate(10)}}},
        {"OtherTransportType", {Value("")}, {free}, {}},
        {"RemoveSourceUnmanagedVhds", {no}, {flag}, {}},
        {"AvoidRemovingVHDs", {no, flag}, {}, {}},        // originals_stay_where_that_is_asked_for
        {"RetainVhdCopiesOnSource", {no, flag}, {}, {}},  // the same
        {"CPUCappingMagnitude", {none}, {one, Value(2U)}, {}},
        {"CancelIfBlackoutThresholdExceeded",
         {},
         {},
         {{{}, [](const Asked& a) { return !a.max_downtime; }},
          {{{"CancelIfBlackoutThresholdExceeded", true}},
           [](const Asked& a) { return a.max_downtime == std::chrono::milliseconds(300); }}}},
        {"AllowOverwriteExistingFile", {no}, {flag}, {}},
        {"UnmanagedVhds", {texts({})}, {texts({"C:\\x.vhd"})}, {}},
        {"DestinationPlannedVirtualSystemId", {Value("")}, {free, Value(make_guid())}, {}},
        {"DestinationIPAddressList",
         {texts({})},
         {texts({"not an address"})},
         {{{}, [](const Asked& a) { return a.migrate_uri == "tcp://hvb.example.com"; }},
          {{{"DestinationIPAddressList", texts({"192.0.2.7", "192.0.2.8"})}},
           [](const Asked& a) { return a.migrate_uri == "tcp://192.0.2.7"; }}}},
        {"EnableCompression",
         {},
         {},
         {{{{"EnableCompression", true}}, [](const Asked& a) { return a.compress; }},
          {{{"EnableCompression", false}}, [](const Asked& a) { return !a.compress; }}}},
        {"AdvancedOptions", {Value("")}, {free}, {}},
        {"EnableVhdCompression", {no}, {flag}, {}},
    };
    const auto declared = make("Msvm_VirtualSystemMigrationSettingData", {}).cls().properties();
    for (const auto* p : declared)
        BOOST_TEST(
            std::any_of(table.begin(), table.end(), [&](const Row& r) { return r.property == p->name; }),
            p->name);
    second.has_own_files(false);
    const auto guid = machine("stays");
    for (const auto& row : table) {
        for (const auto& v : row.nothing) (void)moved(far_machine(), 32768U, {{row.property, v}});
        for (const auto& v : row.refused) {
            const auto r = to_host(guid, {{"MigrationSettingData", settings({{row.property, v}})}});
            BOOST_TEST((code(r) == 32770U || code(r) == 32773U), row.property << ": " << code(r));
            BOOST_TEST(text_of(r).find(row.property) != std::string::npos, text_of(r));
        }
        for (const auto& [wishes, holds] : row.effects) {
            (void)moved(far_machine(), 32768U, wishes);
            BOOST_TEST(holds(third.asked), row.property);
        }
    }
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_CASE(memory_goes_through_the_network_of_the_lowest_metric) {
    second.has_own_files(false);
    services.hosts[1].migration_data_address = over_all->hosts[1].migration_data_address = "fd00::2";
    const auto metric_of_4_and_6 = [&](unsigned four, unsigned six) {
        for (const auto& n : query("SELECT * FROM Msvm_VirtualSystemMigrationNetworkSettingData"))
            BOOST_TEST(code(call(service(), "RemoveNetworkSettings",
                                 {{"NetworkSettings",
                                   Value(Value::Array{Value(n.path("root/virtualization/v2"))})}})) == 0U);
        const auto network = [&](const char* subnet, unsigned bits, unsigned metric) {
            return make("Msvm_VirtualSystemMigrationNetworkSettingData",
                        {{"SubnetNumber", Value(subnet)}, {"PrefixLength", bits}, {"Metric", metric}});
        };
        BOOST_TEST(code(call(service(), "AddNetworkSettings",
                             {{"NetworkSettings",
                               list({network("10.99.0.0", 16, four), network("fd00::", 8, six)})}})) == 0U);
    };
    const auto went_to = [&](Given wishes) {
        (void)moved(far_machine(), 32768U, std::move(wishes));
        return third.asked.migrate_uri;
    };
    metric_of_4_and_6(1, 9);
    BOOST_TEST(went_to({}) == "tcp://10.99.0.2");
    metric_of_4_and_6(9, 1);
    BOOST_TEST(went_to({}) == "tcp://[fd00::2]");
    // Of those that are given the first in a network that is allowed.
    BOOST_TEST(went_to({{"DestinationIPAddressList", texts({"192.0.2.7", "10.99.0.7", "fd00::7"})}}) ==
               "tcp://10.99.0.7");
}

// As Microsoft's sample does: the addresses that the destination's service lists are given to the source's.
BOOST_AUTO_TEST_CASE(memory_goes_to_the_addresses_that_the_destinations_service_lists) {
    second.has_own_files(false);
    services.hosts[2].migration_data_address = over_all->hosts[2].migration_data_address = "10.99.0.3";
    const Request there{admin, *shipped_schema().find(cluster_v2), Clock::time_point::max(), {}, "test", ""};
    const auto listed = [&](const char* host) {
        auto path = vs::service_path(host, "Msvm_VirtualSystemMigrationService", "migrationwmi");
        path.set_name_space(cluster_v2);
        auto i = om.get(there, path);
        BOOST_TEST_REQUIRE(i.ok(), (i ? "" : i.error().full_text()));
        std::vector<std::string> out;
        for (const auto& a : *i->get("MigrationServiceListenerIPAddressList").as_array())
            out.push_back(a.string_or({}));
        return out;
    };
    const auto has = [](const std::vector<std::string>& among, const char* address) {
        return std::find(among.begin(), among.end(), address) != among.end();
    };
    BOOST_TEST(has(listed("hvB"), "10.99.0.2"));
    BOOST_TEST(!has(listed("hvB"), "10.99.0.3"));
    BOOST_TEST(has(listed("hvC"), "10.99.0.3"));
    BOOST_TEST(!has(listed("hvC"), "10.99.0.2"));
    BOOST_TEST(!has(listed("testhost"), "10.99.0.2"));
    const auto went_to = [&](std::vector<std::string> addresses) {
        (void)moved(far_machine(), 32768U, {{"DestinationIPAddressList", texts(std::move(addresses))}});
        return third.asked.migrate_uri;
    };
    BOOST_TEST(went_to(listed("hvB")) == "tcp://10.99.0.2");
    BOOST_TEST(went_to({"10.99.0.3", "10.99.0.2", "192.0.2.7"}) == "tcp://10.99.0.2");
    BOOST_TEST(went_to({"192.0.2.7", "10.99.0.3", "10.99.0.2"}) == "tcp://192.0.2.7");  // as the client likes
    const auto guid = machine("stays");
    REFUSED(to_host(guid, {{"MigrationSettingData",
                            settings({{"DestinationIPAddressList", texts({"10.99.0.3"})}})}}),
            32773U);
}

BOOST_AUTO_TEST_CASE(settings_of_the_service_are_read_back) {
    const Given changes{{"EnableVirtualSystemMigration", false},
                        {"MaximumActiveVirtualSystemMigration", 7U},
                        {"MaximumActiveStorageMigration", 5U},
                        {"AuthenticationType", 1U},
                        {"EnableCompression", false},
                        {"EnableSmbTransport", false}};
    for (const auto& change : changes) {
        const auto r = call(
            service(), "ModifyServiceSettings",
            {{"ServiceSettingData", Value(make("Msvm_VirtualSystemMigrationServiceSettingData", {change}))}});
        BOOST_TEST(code(r) == 0U, text_of(r));
    }
    const auto now = query("SELECT * FROM Msvm_VirtualSystemMigrationServiceSettingData").at(0);
    for (const auto& [name, value] : changes) BOOST_TEST(vs::same_value(now.get(name), value), name);
}

BOOST_AUTO_TEST_CASE(as_many_disks_move_at_a_time_as_the_service_allows) {
    const auto most =
        Value(make("Msvm_VirtualSystemMigrationServiceSettingData", {{"MaximumActiveStorageMigration", 1U}}));
    BOOST_TEST(code(call(service(), "ModifyServiceSettings", {{"ServiceSettingData", most}})) == 0U);
    const auto move_disk = [&](const char* name) {
        const auto guid = machine(name);
        const auto to = (folder / "disks" / (std::string("moved-") + name)).string();
        return to_host(guid,
                       {{"MigrationSettingData", settings({{"MigrationType", 32769U}})},
                        {"NewResourceSettingData", disk_at(to)}},
                       nullptr);
    };
    hypervisor.hold("migrate");
    const auto first = move_disk("first");
    BOOST_TEST(get(service()).uint("ActiveStorageMigrationCount") == 1U);
    const auto second_one = move_disk("second");
    BOOST_TEST(code(second_one) == 32774U);
    BOOST_TEST(text_of(second_one).find("MaximumActiveStorageMigration") != std::string::npos);
    hypervisor.release("migrate");
    BOOST_TEST(done(first) == 0U, last_text);
    BOOST_TEST(done(move_disk("third")) == 0U, last_text);
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
