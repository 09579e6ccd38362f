// Settings of planned systems that wait for what the host does not have yet, and what ValidatePlannedSystem
// says of them and of their snapshots.
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

constexpr const char* connections = "Msvm_EthernetPortAllocationSettingData";

struct Setup {
    World w;

    std::vector<Instance> ports(const std::string& to) const {
        return {w.make("Msvm_SyntheticEthernetPortSettingData",
                       {{"InstanceID", "port"},
                        {"ResourceType", 10},
                        {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Ethernet Port"}}),
                w.make(connections, {{"ResourceType", 33},
                                     {"Parent", "port"},
                                     {"EnabledState", 2},
                                     {"HostResource", World::texts({to})}})};
    }
    MethodResult defined(const char* method, const Given& settings, const std::vector<Instance>& resources,
                         const std::string& like = {}) {
        Given in{{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", settings))},
                 {"ResourceSettings", World::list(resources)}};
        if (!like.empty()) in.emplace_back("ReferenceConfiguration", Value(planned_path(like)));
        return w.call(w.vsms(), method, in);
    }
    std::string plan(const Given& settings, const std::vector<Instance>& resources = {}) {
        const auto r = defined("DefinePlannedSystem", settings, resources);
        BOOST_TEST_REQUIRE(w.done(r) == 0U, w.text_of(r));
        return r.out.get("ResultingSystem").as_path()->key_string("Name");
    }
    static ObjectPath planned_path(const std::string& guid) {
        return vs::system_path("Msvm_PlannedComputerSystem", guid);
    }
    std::vector<JobError> problems(const std::string& guid) {
        const auto r =
            w.call(w.vsms(), "ValidatePlannedSystem", {{"PlannedSystem", Value(planned_path(guid))}});
        if (World::code(r) == 0) return {};
        return w.jobs.wait(r.out.get("Job").as_path()->key_string("InstanceID"), std::chrono::seconds(10))
            ->errors;
    }
    std::uint32_t realize(const std::string& guid) {
        return w.done(
            w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", Value(planned_path(guid))}}));
    }
    Instance connection(const std::string& guid) {
        auto all = w.query("SELECT * FROM " + std::string(connections) +
                           " WHERE InstanceID LIKE 'Microsoft:" + guid + "%'");
        BOOST_TEST_REQUIRE(all.size() == 1U);
        return all.front();
    }
    void give_secure_boot(bool yes) {
        auto h = w.hypervisor.host();
        h.uefi_available = true;
        h.secure_boot_available = yes;
        w.hypervisor.set_host(h);
    }
    // A snapshot of the planned system with the system's own settings, changed by `change`.
    std::string add_snapshot(const std::string& guid,
                             const std::function<void(backend::MachineSpec&)>& change = {}) {
        auto p = *vs::PlannedSystems(w.services).find(guid);
        backend::SnapshotInfo s;
        s.id = make_guid();
        s.spec = p.spec;
        if (change) change(s.spec);
        p.snapshots.push_back(s);
        BOOST_TEST_REQUIRE(vs::PlannedSystems(w.services).replace(p).ok());
        return s.id;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(planned_settings)

BOOST_FIXTURE_TEST_CASE(a_switch_that_is_to_come_is_read_back_and_used_when_it_is_there, Setup) {
    const auto guid = plan({{"ElementName", "early"}}, ports("later-switch"));
    BOOST_CHECK(connection(guid).get("HostResource") == World::texts({"later-switch"}));
    BOOST_TEST(connection(guid).uint("EnabledState") == 2U);
    // Sent back as it was read.
    BOOST_TEST(w.done(w.modify(connection(guid))) == 0U);
    const auto found = problems(guid);
    BOOST_TEST_REQUIRE(found.size() == 1U);
    BOOST_TEST(found[0].message.find("later-switch") != std::string::npos);
    BOOST_TEST(realize(guid) != 0U);
    w.hypervisor.add_switch({make_guid(), "later-switch", backend::NicLink::bridge, "br9"});
    BOOST_TEST(problems(guid).empty());
    BOOST_TEST(realize(guid) == 0U, w.last_text);
    const auto& nic = w.spec(guid).nics.at(0);
    BOOST_CHECK(nic.link == backend::NicLink::bridge);
    BOOST_TEST(nic.source == "br9");
    BOOST_TEST(connection(guid).get("HostResource").as_array()->size() == 1U);
    BOOST_TEST(connection(guid).uint("EnabledState") == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_machine_like_a_planned_system_needs_its_switches, Setup) {
    const auto guid = plan({{"ElementName", "early"}}, ports("later-switch"));
    const auto refused = defined("DefineSystem", {{"ElementName", "like"}}, {}, guid);
    BOOST_TEST(World::code(refused) == 32773U);
    BOOST_TEST(w.text_of(refused).find("later-switch") != std::string::npos);
    BOOST_TEST(w.hypervisor.machines().empty());
    w.hypervisor.add_switch({make_guid(), "later-switch", backend::NicLink::bridge, "br9"});
    const auto made = defined("DefineSystem", {{"ElementName", "like"}}, {}, guid);
    BOOST_TEST(w.done(made) == 0U, w.text_of(made));
    BOOST_TEST(w.hypervisor.machines().at(0)->spec.nics.at(0).source == "br9");
}

BOOST_FIXTURE_TEST_CASE(secure_boot_that_the_host_has_not_is_a_problem, Setup) {
    give_secure_boot(true);
    const auto guid = plan({{"ElementName", "secure"},
                            {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"},
                            {"SecureBootEnabled", true}});
    BOOST_TEST(problems(guid).empty());
    give_secure_boot(false);
    const auto found = problems(guid);
    BOOST_TEST_REQUIRE(found.size() == 1U);
    BOOST_TEST(found[0].code == 32770U);
    BOOST_TEST(found[0].message.find("SecureBootEnabled") != std::string::npos);
    BOOST_TEST(realize(guid) != 0U);
    BOOST_TEST(World::code(defined("DefineSystem", {{"ElementName", "like"}}, {}, guid)) == 32770U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(w.done(defined("DefineSystem", {{"ElementName", "like"}, {"SecureBootEnabled", false}}, {},
                              guid)) == 0U);
}

// They hold the keys that secure boot goes by.
BOOST_FIXTURE_TEST_CASE(imported_variables_are_not_kept_when_secure_boot_is_switched, Setup) {
    give_secure_boot(true);
    const auto guid = plan({{"ElementName", "imported"},
                            {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2"},
                            {"SecureBootEnabled", false}});
    vs::PlannedSystems all(w.services);
    auto p = *all.find(guid);
    const std::string variables(vs::planned_nvram);
    p.spec.attributes[variables] = "/exported/x.nvram";
    BOOST_TEST_REQUIRE(all.replace(p).ok());
    const auto change = [&](bool secure) {
        return w.done(w.call(w.vsms(), "ModifySystemSettings",
                             {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData",
                                                              {{"InstanceID", vs::setting_id(guid)},
                                                               {"ElementName", "changed"},
                                                               {"SecureBootEnabled", secure}}))}}));
    };
    BOOST_TEST(change(false) == 0U, w.last_text);
    BOOST_TEST(all.find(guid)->spec.attributes.contains(variables));
    BOOST_TEST(change(true) == 0U, w.last_text);
    BOOST_TEST(!all.find(guid)->spec.attributes.contains(variables));
    BOOST_TEST(all.find(guid)->spec.secure_boot);
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_of_a_planned_system_is_renamed, Setup) {
    const auto guid = plan({{"ElementName", "p"}});
    const auto other = add_snapshot(guid), id = add_snapshot(guid);
    const auto change = [&](const Given& more) {
        Given given{{"InstanceID", vs::setting_id(id)}};
        given.insert(given.end(), more.begin(), more.end());
        return w.call(w.vsms(), "ModifySystemSettings",
                      {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", given))}});
    };
    BOOST_TEST(w.done(change({{"ElementName", "renamed"}, {"Notes", World::texts({"one", "two"})}})) == 0U,
               w.last_text);
    const auto now = w.get(World::settings_of(id));
    BOOST_TEST(now.string("ElementName") == "renamed");
    BOOST_CHECK(now.get("Notes") == World::texts({"one", "two"}));
    BOOST_TEST(w.get(World::settings_of(other)).string("ElementName") != "renamed");
    BOOST_TEST(w.get(World::settings_of(guid)).string("ElementName") == "p");
    BOOST_TEST(World::code(change({{"SecureBootEnabled", true}})) == 32773U);
}

BOOST_FIXTURE_TEST_CASE(switches_of_snapshots_are_looked_at_too, Setup) {
    const auto guid = plan({{"ElementName", "p"}}, ports(w.hypervisor.switches().front().id));
    BOOST_TEST(problems(guid).empty());
    const auto id = add_snapshot(guid, [](backend::MachineSpec& s) {
        s.nics.at(0).link = backend::NicLink::bridge;
        s.nics.at(0).source = "elsewhere0";
    });
    const auto found = problems(guid);
    BOOST_TEST_REQUIRE(found.size() == 1U);
    BOOST_TEST(found[0].message.find("elsewhere0") != std::string::npos);
    BOOST_TEST(found[0].source.find(id) != std::string::npos);
    BOOST_TEST(realize(guid) != 0U);
    BOOST_TEST(w.hypervisor.machines().empty());
}

BOOST_AUTO_TEST_SUITE_END()
