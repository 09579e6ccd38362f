// root/HyperVCluster/v2: every machine of every host with its place, and DefineSystem that picks one.
#include "backend/cluster.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
namespace fs = std::filesystem;

namespace {

constexpr const char* cluster_v2 = "root/HyperVCluster/v2";

struct Fixture : TwoHosts {
    std::unique_ptr<backend::Hypervisor> all =
        backend::make_cluster({{"testhost", &hypervisor}, {"hvB", &second}});
    Services over_all = cluster_services(services, *all);
    const Namespace& cluster = *shipped_schema().find(cluster_v2);

    Fixture() { om.serve_apart(cluster_v2, over_all, provider_registry()); }

    Request there() const { return {admin, cluster, Clock::time_point::max(), {}, "test", ""}; }
    std::vector<Instance> ask(const std::string& wql) {
        auto r = om.wql(there(), wql);
        BOOST_TEST_REQUIRE(r.ok(), (r ? "" : r.error().full_text()));
        auto found = collect(*r->stream);
        BOOST_TEST_REQUIRE(found.ok());
        return std::move(*found);
    }
    MethodResult call_there(ObjectPath target, const char* method, const Given& in) {
        target.set_name_space(cluster_v2);
        Arguments arguments;
        for (const auto& [name, v] : in) arguments.set(name, v);
        auto r = om.invoke(there(), target, method, std::move(arguments));
        BOOST_TEST_REQUIRE(r.ok(), (r ? "" : r.error().full_text()));
        return std::move(*r);
    }
    std::string define_there(const char* service_host, Given settings = {{"ElementName", Value("new")}}) {
        const auto r = call_there(
            vs::service_path(service_host, "Msvm_VirtualSystemManagementService", "vmms"), "DefineSystem",
            {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData", settings))}});
        BOOST_TEST_REQUIRE(done(r) == 0U, text_of(r) + last_text);
        return r.out.get("ResultingSystem").as_path()->key_string("Name");
    }
    // Of a machine on the other host.
    std::uint32_t export_there(const std::string& guid, const Given& wishes = {}) {
        const auto r =
            call_there(vs::service_path("testhost", "Msvm_VirtualSystemManagementService", "vmms"),
                       "ExportSystemDefinition",
                       {{"ComputerSystem", Value(vs::system_path("Msvm_ComputerSystem", guid))},
                        {"ExportDirectory", Value((folder / "export").string())},
                        {"ExportSettingData", Value(make("Msvm_VirtualSystemExportSettingData", wishes))}});
        const auto code = done(r);
        text = text_of(r);
        return code;
    }
    std::string moved_to_the_other_host() {
        const auto guid = machine("traveller");
        BOOST_TEST_REQUIRE(done(to_host(guid)) == 0U, last_text);
        BOOST_TEST_REQUIRE(second.machine(guid) != nullptr);
        fs::create_directories(folder / "export");
        return guid;
    }
    std::set<std::string> disks_folder() const {
        std::set<std::string> names;
        for (const auto& e : fs::directory_iterator(folder / "disks"))
            names.insert(e.path().filename().string());
        return names;
    }
    std::string text;
    static void memory(testing::FakeHypervisor& h, unsigned free_mib) {
        auto info = h.host();
        info.free_memory_mib = free_mib;
        h.set_host(info);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cluster_namespace_suite, Fixture)

BOOST_AUTO_TEST_CASE(every_machine_of_every_host_is_seen_with_its_place) {
    const auto here = machine("here");
    backend::MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "there";
    BOOST_TEST_REQUIRE(second.define({}, spec).ok());
    BOOST_TEST(
        ask("SELECT * FROM Msvm_ComputerSystem WHERE Description = 'Microsoft Virtual Machine'").size() ==
        2U);
    BOOST_TEST(ask("SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemType = "
                   "'Microsoft:Hyper-V:System:Realized'")
                   .size() == 2U);
    // The local namespace stays the local host's.
    BOOST_TEST(
        query("SELECT * FROM Msvm_ComputerSystem WHERE Description = 'Microsoft Virtual Machine'").size() ==
        1U);
    const auto hosts =
        ask("ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name=\"" +
            spec.uuid + "\"} WHERE AssocClass = Msvm_HostedDependency");
    BOOST_TEST_REQUIRE(hosts.size() == 1U);
    BOOST_TEST(hosts[0].string("Name") == "hvB");
    BOOST_TEST(hosts[0].string("Description") == "Microsoft Hosting Computer System");
}

BOOST_AUTO_TEST_CASE(references_stay_in_the_namespace) {
    machine("here");
    for (const auto& link : ask("SELECT * FROM Msvm_HostedDependency")) {
        BOOST_TEST(iequals(link.get("Antecedent").as_path()->name_space(), cluster_v2));
        BOOST_TEST(iequals(link.get("Dependent").as_path()->name_space(), cluster_v2));
    }
    const auto disks = ask("SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID = '" +
                           replace_all(disk_id, "\\", "\\\\") + "'");
    BOOST_TEST_REQUIRE(disks.size() == 1U);
    BOOST_TEST(disks[0].string("Parent").find("HyperVCluster") != std::string::npos,
               disks[0].string("Parent"));
}

BOOST_AUTO_TEST_CASE(the_services_of_every_host_lead_to_it_and_to_what_they_can_do) {
    for (const char* cls : {"Msvm_VirtualSystemManagementService", "Msvm_VirtualSystemMigrationService"})
        for (const char* host_name : {"testhost", "hvB"}) {
            const auto found =
                ask(std::string("SELECT * FROM ") + cls + " WHERE SystemName = '" + host_name + "'");
            BOOST_TEST_REQUIRE(found.size() == 1U);
            const auto associated = [&](const char* association) {
                return ask("ASSOCIATORS OF {" + found[0].path(cluster_v2).relative_text() +
                           "} WHERE AssocClass = " + association);
            };
            const auto hosts = associated("Msvm_HostedService");
            BOOST_TEST_REQUIRE(hosts.size() == 1U, hosts.size()
                                                       << " hosts of " << cls << " of " << host_name);
            BOOST_TEST(hosts[0].string("Name") == host_name);
            BOOST_TEST(associated("Msvm_ElementCapabilities").size() == 1U, cls << " of " << host_name);
            BOOST_TEST(associated("Msvm_ElementSettingData").size() == 1U, cls << " of " << host_name);
        }
}

BOOST_AUTO_TEST_CASE(a_new_machine_goes_where_memory_and_processors_are_free) {
    memory(hypervisor, 512);
    memory(second, 64 * 1024);
    auto guid = define_there("testhost");
    BOOST_TEST(second.machine(guid) != nullptr);
    memory(hypervisor, 64 * 1024);
    memory(second, 512);
    guid = define_there("testhost");
    BOOST_TEST(hypervisor.machine(guid) != nullptr);
    BOOST_TEST(!hypervisor.machine(guid)->spec.attributes.contains("Cluster.Host"));
}

BOOST_AUTO_TEST_CASE(a_new_machine_goes_where_its_disks_are) {
    memory(hypervisor, 512);
    memory(second, 64 * 1024);
    const auto parent = image("parent.qcow2"), iso = image("its.iso", "raw");
    backend::ImageSpec child;
    child.path = (folder / "disks" / "child.qcow2").string();
    child.format = "qcow2";
    child.kind = backend::ImageSpec::Kind::differencing;
    child.parent = parent;
    BOOST_TEST_REQUIRE(hypervisor.create_image({}, child).ok());
    std::string why;
    // The host that a machine with these drives goes to; "" = none.
    const auto goes_to = [&](const std::string& named = {}) -> std::string {
        backend::MachineSpec spec;
        spec.uuid = make_guid();
        spec.disks.resize(2);
        spec.disks[0].path = child.path;
        spec.disks[1].path = iso;
        spec.disks[1].device = backend::DiskDevice::cdrom;
        if (!named.empty()) spec.attributes[std::string(backend::new_machine_host)] = named;
        const auto made = all->define({}, spec);
        if (!made) why = made.error().text;
        const auto m = all->machine(spec.uuid);
        if (m) BOOST_TEST_REQUIRE(all->undefine({}, spec.uuid).ok());
        return m ? m->host : std::string();
    };
    BOOST_TEST(goes_to() == "hvB");
    for (const auto& missing : {child.path, parent, iso}) {
        second.lose_file(missing);
        BOOST_TEST(goes_to() == "testhost");
        BOOST_TEST(goes_to("hvB") == "hvB");
        hypervisor.lose_file(missing);
        BOOST_TEST(goes_to().empty());
        BOOST_TEST(why.find(missing) != std::string::npos, why);
        hypervisor.lose_file({});
        second.lose_file({});
    }
    // A file of that name is there, but it is a machine's of that host.
    backend::MachineSpec others;
    others.uuid = make_guid();
    others.name = "others";
    others.disks.resize(1);
    others.disks[0].path = child.path;
    BOOST_TEST_REQUIRE(second.define({}, others).ok());
    BOOST_TEST(goes_to() == "testhost");
    BOOST_TEST_REQUIRE(second.undefine({}, others.uuid).ok());
    // One that cannot say is taken when no other is there.
    second.fail_always("has_file", Error(Status::not_supported, "test", "No."));
    BOOST_TEST(goes_to() == "testhost");
    hypervisor.set_connected(false);
    BOOST_TEST(goes_to() == "hvB");
}

BOOST_AUTO_TEST_CASE(a_machine_without_disks_is_made_without_asking_for_files) {
    define_there("testhost");
    BOOST_TEST(second.calls("has_file") + hypervisor.calls("has_file") == 0U);
}

// A disk of the host's own that a machine elsewhere has by name only.
BOOST_AUTO_TEST_CASE(a_disk_of_a_host_is_free_where_another_host_has_one_of_its_name) {
    const auto guid = define_there("hvB");
    const auto here = machine("here");
    auto spec = second.machine(guid)->spec;
    const auto drive = hypervisor.machine(here)->spec;
    spec.controllers = drive.controllers;
    spec.disks = drive.disks;
    const auto path = spec.disks.at(0).path;
    spec.disks[0].path.clear();
    BOOST_TEST_REQUIRE(second.redefine({}, spec).ok());
    const auto add_there = [&] {
        const auto id = replace_all(disk_id, here, guid);
        const auto parent = id.substr(0, id.rfind('\\'));
        const auto r = call_there(vs::service_path("testhost", "Msvm_VirtualSystemManagementService", "vmms"),
                                  "AddResourceSettings",
                                  {{"AffectedConfiguration", Value(settings_of(guid))},
                                   {"ResourceSettings", list({disk_in(parent + "\\D", path)})}});
        const auto code = done(r);
        text = text_of(r);
        return code;
    };
    BOOST_TEST(add_there() == 32774U, text);
    BOOST_TEST(text.find("testhost") != std::string::npos, text);
    second.has_own_files(true);
    BOOST_TEST(add_there() == 0U, text);
}

BOOST_AUTO_TEST_CASE(a_new_machine_may_have_a_disk_whose_name_another_host_uses) {
    const auto here = machine("here");
    const auto path = hypervisor.machine(here)->spec.disks.at(0).path;
    const auto define_with = [&](const char* service_host) {
        auto controller = make("Msvm_ResourceAllocationSettingData",
                               {{"ResourceType", 6U},
                                {"ResourceSubType", "Microsoft:Hyper-V:Synthetic SCSI Controller"},
                                {"InstanceID", "scsi"}});
        auto drive = make("Msvm_ResourceAllocationSettingData",
                          {{"ResourceType", 17U},
                           {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                           {"Parent", "scsi"},
                           {"InstanceID", "drive"}});
        auto disk = make("Msvm_StorageAllocationSettingData",
                         {{"ResourceType", 31U},
                          {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                          {"Parent", "drive"},
                          {"HostResource", texts({path})}});
        const auto r = call_there(
            vs::service_path(service_host, "Msvm_VirtualSystemManagementService", "vmms"), "DefineSystem",
            {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData", {{"ElementName", "new"}}))},
             {"ResourceSettings", list({controller, drive, disk})}});
        const auto code = done(r);
        text = text_of(r);
        return code;
    };
    // The folder of this test is that of both hosts.
    BOOST_TEST(define_with("hvB") == 32774U, text);
    BOOST_TEST(text.find("testhost") != std::string::npos, text);
    second.has_own_files(true);
    BOOST_TEST(define_with("hvB") == 0U, text);
    BOOST_TEST(second.machines().size() == 1U);
    BOOST_TEST(define_with("testhost") == 32774U, text);
    // And where a machine there has it, it is not free for another.
    BOOST_TEST(define_with("hvB") == 32774U, text);
}

BOOST_AUTO_TEST_CASE(a_new_machine_goes_where_its_switches_are) {
    second.add_switch({make_guid(), "LAN of B", backend::NicLink::bridge, "br7", true});
    memory(hypervisor, 64 * 1024);
    memory(second, 512);
    backend::MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "plugged";
    spec.nics.resize(2);
    spec.nics[0].link = backend::NicLink::user;
    spec.nics[1].link = backend::NicLink::bridge;
    spec.nics[1].source = "br7";
    BOOST_TEST(all->define({}, spec).ok());
    BOOST_TEST(second.machine(spec.uuid) != nullptr);
    const auto refused = [&] {
        spec.uuid = make_guid();
        const auto r = all->define({}, spec);
        BOOST_TEST_REQUIRE(!r.ok());
        BOOST_TEST((r.error().status == Status::invalid_parameter));
        return r.error().text;
    };
    spec.attributes[std::string(backend::new_machine_host)] = "testhost";
    BOOST_TEST(refused().find("br7") != std::string::npos);
    spec.attributes.clear();
    spec.nics[1].source = "br8";
    BOOST_TEST(refused().find("br8") != std::string::npos);
    BOOST_TEST(hypervisor.machines().empty());
}

BOOST_AUTO_TEST_CASE(ports_are_plugged_into_switches_of_the_machines_host) {
    second.add_switch({make_guid(), "LAN of B", backend::NicLink::bridge, "br7", true});
    const auto add_there = [&](const std::string& guid, const Instance& resource) {
        return call_there(
            vs::service_path("testhost", "Msvm_VirtualSystemManagementService", "vmms"),
            "AddResourceSettings",
            {{"AffectedConfiguration", Value(settings_of(guid))}, {"ResourceSettings", list({resource})}});
    };
    const auto plugged = [&](const std::string& guid) {
        const auto port =
            add_there(guid, make("Msvm_SyntheticEthernetPortSettingData",
                                 {{"ResourceType", 10U},
                                  {"ResourceSubType", Value("Microsoft:Hyper-V:Synthetic Ethernet Port")}}));
        BOOST_TEST_REQUIRE(done(port) == 0U, text_of(port) + last_text);
        const auto id =
            (*port.out.get("ResultingResourceSettings").as_array())[0].as_path()->key_string("InstanceID");
        return add_there(guid,
                         make("Msvm_EthernetPortAllocationSettingData",
                              {{"ResourceType", 33U},
                               {"Parent", Value(parent_text("Msvm_SyntheticEthernetPortSettingData", id))},
                               {"HostResource", texts({"LAN of B"})}}));
    };
    const auto on_b = plugged(define_there("hvB"));
    BOOST_TEST(done(on_b) == 0U, text_of(on_b) + last_text);
    const auto here = plugged(machine("here"));
    BOOST_TEST(code(here) == 32773U);
    BOOST_TEST(text_of(here).find("LAN of B") != std::string::npos, text_of(here));
}

BOOST_AUTO_TEST_CASE(the_service_of_a_host_names_the_host) {
    memory(hypervisor, 64 * 1024);
    memory(second, 512);
    const auto guid = define_there("hvB");
    BOOST_TEST(second.machine(guid) != nullptr);
    BOOST_TEST(!hypervisor.machine(guid));
    BOOST_TEST(!second.machine(guid)->spec.attributes.contains("Cluster.Host"));
}

BOOST_AUTO_TEST_CASE(a_service_without_its_host_is_the_first_hosts) {
    ObjectPath target;
    target.set_class_name("Msvm_VirtualSystemManagementService");
    target.set_key("CreationClassName", Value("Msvm_VirtualSystemManagementService"));
    target.set_name_space(cluster_v2);
    const auto found = om.get(there(), target);
    BOOST_TEST_REQUIRE(found.ok(), (found ? "" : found.error().full_text()));
    BOOST_TEST(found->string("SystemName") == "testhost");
}

// Also in the namespaces that show the local host only: the machine may come back to it.
BOOST_AUTO_TEST_CASE(an_identifier_is_one_machines_on_every_host) {
    std::filesystem::create_directories(folder / "export");
    const auto guid = machine("away");
    const auto place = (folder / "export" / "e").string();
    const Value wish(make("Msvm_VirtualSystemExportSettingData", {{"CreateVmExportSubdirectory", false}}));
    BOOST_TEST(done(call(vsms(), "ExportSystemDefinition",
                         {{"ComputerSystem", system(guid)},
                          {"ExportDirectory", Value(place)},
                          {"ExportSettingData", wish}})) == 0U);
    const Value settings(make("Msvm_VirtualSystemSettingData",
                              {{"ElementName", "twin"}, {"VirtualSystemIdentifier", Value(guid)}}));
    const Given import{{"SystemDefinitionFile", Value(place + "/Virtual Machines/" + guid + ".xml")},
                       {"GenerateNewSystemIdentifier", false}};
    const auto spec = hypervisor.machine(guid)->spec;
    BOOST_TEST(hypervisor.undefine({}, guid).ok());
    BOOST_TEST(done(call(vsms(), "ImportSystemDefinition", import)) == 0U);
    BOOST_TEST(second.define({}, spec).ok());
    for (const char* method : {"ValidatePlannedSystem", "RealizePlannedSystem"})
        BOOST_TEST(done(call(vsms(), method,
                             {{"PlannedSystem",
                               Value(vs::system_path("Msvm_PlannedComputerSystem", guid))}})) == 32773U);
    BOOST_TEST(vs::PlannedSystems(services).remove(guid).ok());
    BOOST_TEST(!vs::PlannedSystems(services).add({spec, {}}).ok());
    BOOST_TEST(code(call(vsms(), "ImportSystemDefinition", import)) == 32773U);
    for (const char* method : {"DefineSystem", "DefinePlannedSystem"})
        BOOST_TEST(code(call(vsms(), method, {{"SystemSettings", settings}})) == 32773U);
    BOOST_TEST(!hypervisor.machine(guid));
}

BOOST_AUTO_TEST_CASE(a_machine_is_changed_and_moved_where_it_is) {
    const auto guid = define_there("hvB");
    const auto system = vs::system_path("Msvm_ComputerSystem", guid);
    BOOST_TEST(done(call_there(system, "RequestStateChange", {{"RequestedState", 2U}})) == 0U, last_text);
    BOOST_TEST((second.machine(guid)->state == backend::MachineState::running));
    const auto r = call_there(service(), "MigrateVirtualSystemToHost",
                              {{"ComputerSystem", Value(system)}, {"DestinationHost", Value("testhost")}});
    BOOST_TEST(done(r) == 0U, text_of(r) + last_text);
    BOOST_TEST(hypervisor.machine(guid) != nullptr);
    BOOST_TEST(!second.machine(guid));
}

BOOST_AUTO_TEST_CASE(files_are_made_and_opened_in_the_folders_of_the_own_host) {
    services.hosts[1].storage_folders = {"/only/there"};
    BOOST_TEST(cluster_services(services, *all).host.storage_folders == services.host.storage_folders,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_machine_of_another_host_is_exported_from_files_that_both_see) {
    const auto guid = moved_to_the_other_host();
    const auto before = disks_folder();
    BOOST_TEST(export_there(guid) == 0U, last_text);
    const auto exported = folder / "export" / "traveller";
    BOOST_TEST(fs::exists(exported / "Virtual Hard Disks" / "traveller.qcow2"));
    BOOST_TEST((disks_folder() == before));
    BOOST_TEST(store->list("shared_mark")->empty());
}

BOOST_AUTO_TEST_CASE(memory_that_cannot_be_read_is_not_saved_for_an_export) {
    const auto guid = moved_to_the_other_host();
    BOOST_TEST_REQUIRE(second.start({}, guid).ok());
    second.fail_always("saved_state_size",
                       Error(Status::not_supported, "test", "Its files are out of reach."));
    for (const bool saved : {false, true}) {
        if (saved) BOOST_TEST_REQUIRE(second.save({}, guid).ok());
        const auto saves = second.calls("save");
        BOOST_TEST(export_there(guid) == 32770U);
        BOOST_TEST(text.find("CopyVmRuntimeInformation") != std::string::npos, text);
        BOOST_TEST(second.calls("save") == saves);
        BOOST_TEST(fs::is_empty(folder / "export"));
        const Given without = saved ? Given{{"CopyVmRuntimeInformation", Value(false)}}
                                    : Given{{"CaptureLiveState", Value(0U)}};
        BOOST_TEST(export_there(guid, without) == 0U, last_text);
        fs::remove_all(folder / "export" / "traveller");
    }
}

// The own host answers, and says nothing of it.
BOOST_AUTO_TEST_CASE(a_host_that_falls_silent_meanwhile_may_have_let_its_machine_run) {
    const auto guid = moved_to_the_other_host();
    const auto copied = hypervisor.calls("convert_image");
    hypervisor.hold("convert_image");
    auto meanwhile = std::async(std::launch::async, [&] {  // must not speak to Boost.Test
        for (int n = 0; n < 1000 && hypervisor.calls("convert_image") == copied; ++n)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        second.set_connected(false);
        hypervisor.release("convert_image");
        return hypervisor.calls("convert_image") > copied;
    });
    BOOST_TEST(export_there(guid) == 32777U);
    BOOST_TEST(meanwhile.get());
    BOOST_TEST(fs::is_empty(folder / "export"));
}

// There is a file of the same name here, which may be what was left of an earlier move.
BOOST_AUTO_TEST_CASE(another_file_of_the_same_name_is_not_exported) {
    const auto guid = moved_to_the_other_host();
    const auto before = disks_folder();
    second.has_own_files(true);
    BOOST_TEST(export_there(guid) == 32770U);
    BOOST_TEST(text.find("CopyVmStorage") != std::string::npos, text);
    BOOST_TEST(text.find("hvB") != std::string::npos, text);
    BOOST_TEST(fs::is_empty(folder / "export"));
    BOOST_TEST((disks_folder() == before));
    BOOST_TEST(export_there(guid, {{"CopyVmStorage", Value(false)}}) == 0U, last_text);
    second.fail_always("has_file", Error(Status::unavailable, "test", "The host does not answer."));
    BOOST_TEST(export_there(guid, {{"CreateVmExportSubdirectory", Value(true)}}) == 32773U);  // it is there
    fs::remove_all(folder / "export" / "traveller");
    BOOST_TEST(export_there(guid) == 32777U);
}

BOOST_AUTO_TEST_CASE(a_link_is_no_file_that_both_see) {
    const auto guid = moved_to_the_other_host();
    fs::rename(disk_path, disk_path + ".real");
    fs::create_symlink(disk_path + ".real", disk_path);
    BOOST_TEST(export_there(guid) == 32770U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_program_asked_is_forgotten) {
    const auto mark = folder / "disks" / ".wsvirt-mark";
    std::ofstream(mark) << "";
    BOOST_TEST_REQUIRE(store->put("shared_mark", mark.string(), "").ok());
    BOOST_TEST_REQUIRE(store->put("shared_mark", (folder / "disks" / "gone").string(), "").ok());
    recover(services);
    BOOST_TEST(!fs::exists(mark));
    BOOST_TEST(store->list("shared_mark")->empty());
}

// Its files were looked at here, wherever there is more memory.
BOOST_AUTO_TEST_CASE(a_planned_system_with_files_becomes_a_machine_of_this_host) {
    memory(hypervisor, 2048);
    memory(second, 64 * 1024);
    const auto guid = machine("original");
    const auto where = folder / "export";
    fs::create_directories(where);
    BOOST_TEST_REQUIRE(export_there(guid) == 0U, last_text);
    const auto imported = call_there(
        vs::service_path("testhost", "Msvm_VirtualSystemManagementService", "vmms"), "ImportSystemDefinition",
        {{"SystemDefinitionFile",
          Value((where / "original" / "Virtual Machines" / (guid + ".xml")).string())},
         {"GenerateNewSystemIdentifier", Value(true)}});
    BOOST_TEST_REQUIRE(done(imported) == 0U, text_of(imported));
    const auto planned = *imported.out.get("ImportedSystem").as_path();
    const auto r = call_there(vs::service_path("testhost", "Msvm_VirtualSystemManagementService", "vmms"),
                              "RealizePlannedSystem", {{"PlannedSystem", Value(planned)}});
    BOOST_TEST(done(r) == 0U, last_text);
    const auto made = hypervisor.machine(planned.key_string("Name"));
    BOOST_TEST_REQUIRE(made != nullptr);
    BOOST_TEST(!made->spec.attributes.contains("Cluster.Host"));
    BOOST_TEST(!second.machine(planned.key_string("Name")));
}

BOOST_AUTO_TEST_CASE(a_host_that_does_not_answer_gets_no_new_machine) {
    memory(hypervisor, 512);
    memory(second, 64 * 1024);
    second.set_connected(false);
    BOOST_TEST(hypervisor.machine(define_there("testhost")) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
