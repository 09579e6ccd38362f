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

namespace {

// An import that brought memory along: with a disk, an adapter on a switch and a pipe at COM 1.
struct Imported : Setup {
    std::string path = w.image("a.qcow2");
    std::string guid = plan({{"ElementName", "imported"}}, resources());

    Imported() {
        vs::PlannedSystems all(w.services);
        auto p = *all.find(guid);
        p.spec.attributes[std::string(vs::planned_saved)] = "/exported/x.vmrs";
        BOOST_TEST_REQUIRE(all.replace(p).ok());
    }
    Instance serial(const char* name, const char* pipe) const {
        return w.make("Msvm_SerialPortSettingData", {{"ResourceType", 21},
                                                     {"ResourceSubType", "Microsoft:Hyper-V:Serial Port"},
                                                     {"ElementName", name},
                                                     {"Connection", World::texts({pipe})}});
    }
    Instance drive(const char* address) const {
        return w.make("Msvm_ResourceAllocationSettingData",
                      {{"InstanceID", "drive"},
                       {"ResourceType", 17},
                       {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                       {"Parent", "ide"},
                       {"AddressOnParent", address}});
    }
    Instance medium(const std::string& parent, const std::string& file) const {
        return w.make("Msvm_StorageAllocationSettingData",
                      {{"ResourceType", 31},
                       {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                       {"Parent", parent},
                       {"HostResource", World::texts({file})}});
    }
    std::vector<Instance> resources() {
        auto all = ports(w.hypervisor.switches().front().id);
        all.push_back(w.make("Msvm_ResourceAllocationSettingData",
                             {{"InstanceID", "ide"},
                              {"ResourceType", 5},
                              {"ResourceSubType", "Microsoft:Hyper-V:Emulated IDE Controller"},
                              {"Address", "0"}}));
        all.push_back(drive("0"));
        all.push_back(medium("drive", path));
        all.push_back(drive("1"));  // stays empty
        all.push_back(serial("COM 1", R"(\\.\pipe\one)"));
        return all;
    }
    std::string id(const char* cls, std::size_t n = 0) {
        auto all =
            w.query("SELECT * FROM " + std::string(cls) + " WHERE InstanceID LIKE 'Microsoft:" + guid + "%'");
        BOOST_TEST_REQUIRE(all.size() > n);
        return all[n].string("InstanceID");
    }
    std::uint32_t change(const char* cls, const std::string& what, Given to) {
        to.emplace_back("InstanceID", what);
        return w.done(w.modify(w.make(cls, to)));
    }
    std::string drive_id(const char* address) const {
        return vs::setting_id(guid,
                              R"(83F8638B-8DCA-4152-9EDA-2CA8B33039B4\0\)" + std::string(address) + R"(\D)");
    }
    backend::MachineSpec now() { return vs::PlannedSystems(w.services).find(guid)->spec; }
};

}  // namespace

// It is the memory that says what the guest sees: none of this would be there when it goes on.
BOOST_FIXTURE_TEST_CASE(memory_that_comes_along_keeps_its_devices, Imported) {
    const char *nic = "Msvm_SyntheticEthernetPortSettingData", *rasd = "Msvm_ResourceAllocationSettingData";
    const auto before = w.services.hypervisor.spec_to_text(now());
    BOOST_TEST(change("Msvm_ProcessorSettingData", id("Msvm_ProcessorSettingData"),
                      {{"VirtualQuantity", 2}}) == 32775U);
    BOOST_TEST(change("Msvm_MemorySettingData", id("Msvm_MemorySettingData"), {{"VirtualQuantity", 2048}}) ==
               32775U);
    BOOST_TEST(change(nic, id(nic), {{"Address", "00155D0A0B0C"}}) == 32775U);
    BOOST_TEST(w.done(w.add(guid, ports("x").front())) == 32775U);
    BOOST_TEST(w.done(w.remove(nic, id(nic))) == 32775U);
    BOOST_TEST(w.done(w.remove(rasd, drive_id("1"))) == 32775U);
    BOOST_TEST(w.done(w.add(guid, medium(w.parent_text(rasd, drive_id("1")), w.image("b.qcow2")))) == 32775U);
    BOOST_TEST(change("Msvm_SerialPortSettingData", id("Msvm_SerialPortSettingData", 1),
                      {{"Connection", World::texts({R"(\\.\pipe\two)"})}}) == 32775U);
    const auto scsi =
        w.add(guid, w.make(rasd, {{"ResourceType", 6},
                                  {"ResourceSubType", "Microsoft:Hyper-V:Synthetic SCSI Controller"}}));
    BOOST_TEST(w.done(scsi) == 32775U);
    const auto diskettes = "Microsoft:" + guid + R"(\8F0D2762-0B00-4E04-AF4F-19010527CB93\0\0\D)";
    BOOST_TEST(change(rasd, diskettes, {{"ElementName", "mine"}}) == 32775U);
    BOOST_TEST(w.text_of(scsi).find("saved memory") != std::string::npos, w.text_of(scsi));
    BOOST_TEST(w.done(w.call(w.vsms(), "ModifySystemSettings",
                             {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData",
                                                              {{"InstanceID", vs::setting_id(guid)},
                                                               {"ChassisAssetTag", "tag"}}))}})) == 32775U);
    BOOST_TEST(*w.services.hypervisor.spec_to_text(now()) == *before);
}

// Memory that this host cannot give is no dead end.
BOOST_FIXTURE_TEST_CASE(memory_that_comes_along_can_be_given_up, Imported) {
    const auto self = planned_path(guid);
    const auto asked = [&](unsigned state) {
        return World::code(w.call(self, "RequestStateChange", {{"RequestedState", state}}));
    };
    auto host = w.hypervisor.host();
    host.memory_mib = 512;
    w.hypervisor.set_host(host);
    const auto smaller = [&] {
        return change("Msvm_MemorySettingData", id("Msvm_MemorySettingData"), {{"VirtualQuantity", 256}});
    };
    const auto found = problems(guid);
    BOOST_TEST(std::any_of(found.begin(), found.end(), [](const JobError& e) {
        return e.message.find("discard its saved state (RequestedState 3) and then lower") !=
               std::string::npos;
    }));
    BOOST_TEST(smaller() == 32775U);
    for (const unsigned state : {2U, 6U, 9U}) BOOST_TEST(asked(state) == 32775U);
    {
        const auto busy = w.jobs.lock(guid);
        BOOST_TEST(asked(3) == 32775U);
    }
    BOOST_TEST(w.get(self).uint("EnabledState") == 6U);
    BOOST_TEST(asked(3) == 0U);
    BOOST_TEST(w.get(self).uint("EnabledState") == 3U);
    BOOST_TEST(asked(3) == 32775U);
    BOOST_TEST(smaller() == 0U, w.last_text);
    BOOST_TEST(problems(guid).empty());
    BOOST_TEST(realize(guid) == 0U, w.last_text);
    BOOST_TEST(!w.hypervisor.machine(guid)->has_saved_state);
}

// What a device is on the host is the business of the settings, which the memory is fitted to.
BOOST_FIXTURE_TEST_CASE(memory_that_comes_along_leads_where_the_settings_say, Imported) {
    const char *storage = "Msvm_StorageAllocationSettingData", *serial_class = "Msvm_SerialPortSettingData";
    const auto disk = id(storage), to = id(connections), com = id(serial_class);
    const auto other = w.image("b.qcow2");
    BOOST_TEST(change(storage, disk, {{"HostResource", World::texts({other})}}) == 0U, w.last_text);
    BOOST_TEST(now().disks.at(0).path == other);
    BOOST_TEST(change(storage, disk, {{"IOPSLimit", 100}}) == 0U, w.last_text);
    BOOST_TEST(w.done(w.remove(storage, disk)) == 0U, w.last_text);
    BOOST_TEST(w.done(w.add(guid, medium(w.parent_text("Msvm_ResourceAllocationSettingData", drive_id("0")),
                                         path))) == 0U,
               w.last_text);
    BOOST_TEST(now().disks.at(0).path == path);
    BOOST_TEST(change(connections, to, {{"EnabledState", 3}}) == 0U, w.last_text);
    BOOST_TEST(!now().nics.at(0).link_up);
    BOOST_TEST(w.done(w.remove(connections, to)) == 0U, w.last_text);
    BOOST_CHECK(now().nics.at(0).link == backend::NicLink::none);
    for (const char* pipe : {R"(\\.\pipe\other)", "", R"(\\.\pipe\one)"})
        BOOST_TEST(change(serial_class, com, {{"Connection", World::texts({pipe})}}) == 0U, w.last_text);
    BOOST_TEST(w.done(w.call(w.vsms(), "ModifySystemSettings",
                             {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData",
                                                              {{"InstanceID", vs::setting_id(guid)},
                                                               {"ElementName", "renamed"}}))}})) == 0U);
}

// Memory with a hard disk needs one; of a drive that was empty it knows.
BOOST_FIXTURE_TEST_CASE(a_hard_disk_that_memory_has_is_missed, Imported) {
    const char* storage = "Msvm_StorageAllocationSettingData";
    const auto said = [&] {
        const auto found = problems(guid);
        return std::count_if(found.begin(), found.end(), [&](const JobError& e) {
            return e.message.find("Put a disk in") != std::string::npos &&
                   e.source.find("Msvm_ResourceAllocationSettingData") != std::string::npos;
        });
    };
    BOOST_TEST(said() == 0);
    BOOST_TEST_REQUIRE(w.done(w.remove(storage, id(storage))) == 0U, w.last_text);
    BOOST_TEST(said() == 1);
    BOOST_TEST(realize(guid) != 0U);
    BOOST_TEST_REQUIRE(
        w.done(w.add(guid, medium(w.parent_text("Msvm_ResourceAllocationSettingData", drive_id("0")),
                                  w.image("b.qcow2")))) == 0U,
        w.last_text);
    BOOST_TEST(said() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
