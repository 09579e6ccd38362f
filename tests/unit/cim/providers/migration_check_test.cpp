// The questions beforehand, and the settings of the migration service.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>

#include "base/text.hpp"
#include "cim/providers/migration_service/wishes.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

struct Fixture : TwoHosts {
    MethodResult check(const std::string& guid, Given more = {}, const char* where = "hvB") {
        more.emplace_back("ComputerSystem", system(guid));
        if (where) more.emplace_back("DestinationHost", Value(where));
        return call(service(), "CheckVirtualSystemIsMigratable", more);
    }
    MethodResult check_host(const std::string& guid, Given more = {}, const char* where = "hvB") {
        more.emplace_back("ComputerSystem", system(guid));
        more.emplace_back("DestinationHost", Value(where));
        return call(service(), "CheckVirtualSystemIsMigratableToHost", more);
    }
    MethodResult check_system(const std::string& guid, Given more = {}, const char* where = "hvB") {
        more.emplace_back("ComputerSystem", system(guid));
        more.emplace_back("DestinationSystem", host(where));
        return call(service(), "CheckVirtualSystemIsMigratableToSystem", more);
    }
    void add_network(const char* subnet, unsigned prefix, unsigned metric = 0) {
        const auto r = call(
            service(), "AddNetworkSettings",
            {{"NetworkSettings",
              list({make("Msvm_VirtualSystemMigrationNetworkSettingData", {{"SubnetNumber", Value(subnet)},
                                                                           {"PrefixLength", prefix},
                                                                           {"Metric", metric},
                                                                           {"Tags", texts({"fast"})}})})}});
        BOOST_TEST(code(r) == 0U, text_of(r));
    }
    Instance service_settings() {
        return query("SELECT * FROM Msvm_VirtualSystemMigrationServiceSettingData").at(0);
    }
    std::uint32_t modify_service(const Given& given) {
        const auto r = call(
            service(), "ModifyServiceSettings",
            {{"ServiceSettingData", Value(make("Msvm_VirtualSystemMigrationServiceSettingData", given))}});
        return code(r);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(migration_check, Fixture)

BOOST_AUTO_TEST_CASE(disks_that_are_not_copied_keep_their_machine) {
    const auto guid = machine();
    const auto original = hypervisor.machine(guid)->spec;
    const Given both{{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                     {"NewResourceSettingData", disk_at((folder / "disks" / "copy.qcow2").string())}};
    BOOST_TEST(done(check(guid, both)) == 0U, last_text);
    const auto refused = [&](auto change) {
        auto spec = original;
        change(spec.disks.at(0));
        BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
        BOOST_TEST(done(check(guid, both)) == 32770U);
        BOOST_TEST(last_text.find("cannot be copied") != std::string::npos, last_text);
        BOOST_TEST(code(to_host(guid, both)) == 32770U);
    };
    refused([](backend::Disk& d) { d.shareable = true; });
    refused([](backend::Disk& d) { d.read_only = true; });
    refused([](backend::Disk& d) { d.path = "/dev/null"; });
    refused([](backend::Disk& d) { d.path += "\nother"; });
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_CASE(a_disk_that_another_machine_has_there) {
    const auto guid = machine();
    backend::MachineSpec other;
    other.uuid = make_guid();
    other.name = "other";
    other.disks = {backend::Disk{}};
    other.disks[0].path = disk_path;
    BOOST_TEST_REQUIRE(second.define({}, other).ok());
    BOOST_TEST(done(check(guid)) == 32774U);
    BOOST_TEST(code(to_host(guid)) == 32774U);
    other.disks[0].shareable = true;
    BOOST_TEST_REQUIRE(second.redefine({}, other).ok());
    BOOST_TEST(done(check(guid)) == 32774U);  // the machine that would come does not share it
    auto mine = hypervisor.machine(guid)->spec;
    mine.disks.at(0).shareable = true;
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, mine).ok());
    BOOST_TEST(done(check(guid)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(a_machine_that_can_move) {
    const auto guid = machine();
    for (const auto& r : {check_host(guid), check_system(guid)}) {
        BOOST_TEST(code(r) == 0U);
        BOOST_TEST(r.out.get("IsMigratable").bool_or(false));
    }
    const auto r = check(guid);
    BOOST_TEST(code(r) == 4096U);
    BOOST_TEST(done(r) == 0U);
    BOOST_TEST(job_of(r).class_name == "Msvm_MigrationJob");
    BOOST_TEST(job_of(r).job_type == 301U);
    BOOST_TEST(hypervisor.machine(guid) != nullptr);
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
}

BOOST_AUTO_TEST_CASE(a_machine_that_cannot_is_an_answer) {
    const auto guid = machine();
    BOOST_TEST_REQUIRE(second.define({}, hypervisor.machine(guid)->spec).ok());
    for (const auto& r : {check_host(guid), check_system(guid)}) {
        BOOST_TEST(code(r) == 0U);
        BOOST_TEST(!r.out.get("IsMigratable").bool_or(true));
    }
    const auto r = check(guid);
    BOOST_TEST(code(r) == 4096U);
    BOOST_TEST(done(r) == 32768U);
    BOOST_TEST(last_text.find("already") != std::string::npos, last_text);
}

// As it will be over there; while it runs it has what it has now as well.
BOOST_AUTO_TEST_CASE(the_destination_is_judged_by_the_new_settings) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    auto there = second.host();
    there.memory_mib = 2048;
    second.set_host(there);
    const auto with_memory = [&](unsigned now, unsigned then) {
        spec.memory_mib = now;
        BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
        const auto memory =
            query("SELECT * FROM Msvm_MemorySettingData WHERE InstanceID LIKE 'Microsoft:" + guid + "%'");
        BOOST_TEST_REQUIRE(memory.size() == 1U);
        return check(
            guid,
            {{"NewResourceSettingData",
              list({make("Msvm_MemorySettingData", {{"InstanceID", Value(memory[0].string("InstanceID"))},
                                                    {"VirtualQuantity", then}})})}});
    };
    BOOST_TEST(done(with_memory(4096, 1024)) == 0U, last_text);
    BOOST_TEST(done(with_memory(1024, 4096)) == 32770U);
    BOOST_TEST(last_text.find("less memory") != std::string::npos, last_text);
    start(guid);
    BOOST_TEST(done(with_memory(4096, 1024)) == 32770U);
    BOOST_TEST(done(with_memory(1024, 1024)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(firmware_that_the_destination_lacks) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    spec.firmware = backend::Firmware::uefi;
    auto there = second.host();
    for (const bool secure : {false, true}) {
        spec.secure_boot = secure;
        BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
        there.uefi_available = there.secure_boot_available = true;
        second.set_host(there);
        BOOST_TEST(done(check(guid)) == 0U, last_text);
        (secure ? there.secure_boot_available : there.uefi_available) = false;
        second.set_host(there);
        BOOST_TEST(done(check(guid)) == 32770U);
        BOOST_TEST(last_text.find("package ovmf") != std::string::npos, last_text);
        BOOST_TEST(code(to_host(guid)) == 32770U);
    }
    // Where this service knows nothing of the source's either, libvirt decides.
    auto here = hypervisor.host();
    here.secure_boot_available = false;
    hypervisor.set_host(here);
    BOOST_TEST(done(check(guid)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(all_problems_are_said) {
    const auto guid = machine();
    BOOST_TEST_REQUIRE(second.define({}, hypervisor.machine(guid)->spec).ok());
    const auto r = check(guid, {{"NewResourceSettingData", disk_at((folder / "disks/gone.qcow2").string())}});
    BOOST_TEST(done(r) != 0U);
    BOOST_TEST(job_of(r).errors.size() == 2U);
}

BOOST_AUTO_TEST_CASE(codes_of_wrong_calls) {
    const auto guid = machine();
    BOOST_TEST(code(check_host(guid, {}, "nowhere")) == 4U);
    BOOST_TEST(code(check_system(guid, {}, "nowhere")) == 4U);
    BOOST_TEST(code(check(guid, {}, "nowhere")) == 32773U);
    BOOST_TEST(code(check(guid, {}, nullptr)) == 32773U);
    BOOST_TEST(code(check_host(guid, {}, "testhost")) == 6U);
    BOOST_TEST(code(check_system(guid, {}, "testhost")) == 6U);
    const Given smb{{"MigrationSettingData", settings({{"TransportType", 32768U}})}};
    BOOST_TEST(code(check_host(guid, smb)) == 1U);
    BOOST_TEST(code(check_system(guid, smb)) == 1U);
    BOOST_TEST(code(check(guid, smb)) == 32770U);
    BOOST_TEST(code(check(guid, {{"MigrationSettingData", Value("what")}})) == 32776U);
}

BOOST_AUTO_TEST_CASE(a_deep_check_opens_the_disks) {
    const auto guid = machine();
    const Given deep{{"MigrationSettingData", settings({{"MigrationType", 32772U}})}};
    const auto good = check(guid, deep, nullptr);
    BOOST_TEST(done(good) == 0U, last_text);
    BOOST_TEST(job_of(good).job_type == 304U);
    std::filesystem::remove(disk_path);
    BOOST_TEST(done(check(guid, deep, nullptr)) != 0U);
}

BOOST_AUTO_TEST_CASE(compatibility_information_tells_what_a_machine_needs) {
    const auto guid = machine();
    start(guid);
    const auto r = call(service(), "GetSystemCompatibilityInfo", {{"ComputerSystem", system(guid)}});
    BOOST_TEST_REQUIRE(code(r) == 0U);
    const auto info = r.out.get("CompatibilityInfo");
    BOOST_TEST(code(call(service(), "CheckSystemCompatibilityInfo", {{"CompatibilityInfo", info}})) == 0U);
    auto other = hypervisor.host();
    other.arch = "aarch64";
    hypervisor.set_host(other);
    const auto no = call(service(), "CheckSystemCompatibilityInfo", {{"CompatibilityInfo", info}});
    BOOST_TEST(code(no) == 32784U);
    BOOST_TEST_REQUIRE(no.out.get("Reasons").as_array());
    BOOST_TEST(no.out.get("Reasons").as_array()->size() == 1U);
    BOOST_TEST(code(call(service(), "CheckSystemCompatibilityInfo",
                         {{"CompatibilityInfo", Value::array_of(std::vector<int>{1, 2, 3})}})) == 32773U);
    BOOST_TEST(code(call(service(), "GetSystemCompatibilityInfo",
                         {{"ComputerSystem", system(make_guid())}})) == 32773U);
}

// Two hosts are compared as a machine and a host are: that one has less memory keeps no machine that fits.
BOOST_AUTO_TEST_CASE(compatibility_information_tells_what_a_host_is) {
    const auto r = call(service(), "GetSystemCompatibilityInfo", {{"ComputerSystem", host("testhost")}});
    BOOST_TEST_REQUIRE(code(r) == 0U);
    const auto fits = [&] {
        return code(call(service(), "CheckSystemCompatibilityInfo",
                         {{"CompatibilityInfo", r.out.get("CompatibilityInfo")}}));
    };
    auto other = hypervisor.host();
    other.memory_mib /= 2;
    other.max_processors = 2;
    other.uefi_available = other.secure_boot_available = false;
    hypervisor.set_host(other);
    BOOST_TEST(fits() == 0U);
    other.accelerator += "?";
    hypervisor.set_host(other);
    BOOST_TEST(fits() == 32784U);
    // What the services of this host are not over is theirs to tell.
    for (const char* name : {"hvB", "nobody"})
        BOOST_TEST(code(call(service(), "GetSystemCompatibilityInfo", {{"ComputerSystem", host(name)}})) ==
                   32773U);
}

// Each of a machine's vectors holds against the host's of its VectorId, as CompareOperation is declared.
BOOST_AUTO_TEST_CASE(compatibility_vectors_of_a_machine_hold_against_those_of_its_host) {
    const auto vectors = [&](const Value& of) {
        const auto r = call(service(), "GetSystemCompatibilityVectors", {{"ComputerSystem", of}});
        BOOST_TEST_REQUIRE(code(r) == 0U);
        std::map<std::uint64_t, Instance> out;
        for (const auto& v : *r.out.get("CompatibilityVectors").as_array())
            out.emplace(v.as_instance()->uint("VectorId"), *v.as_instance());
        return out;
    };
    const auto compatible = [&](const std::string& guid) {
        const auto all = vectors(host("testhost"));
        const auto needs = vectors(system(guid));
        BOOST_TEST(needs.size() >= 4U);
        return std::all_of(needs.begin(), needs.end(), [&](const auto& need) {
            BOOST_TEST_REQUIRE(all.contains(need.first));
            const auto of_machine = need.second.uint("CompatibilityInfo");
            const auto of_host = all.at(need.first).uint("CompatibilityInfo");
            switch (need.second.uint("CompareOperation", 99)) {
                case 0:
                    return of_machine == of_host;
                case 2:
                    return (of_machine & of_host) == of_machine;
                case 7:
                    return of_machine <= of_host;
                default:
                    return false;
            }
        });
    };
    auto info = hypervisor.host();
    info.accelerator = "kvm";
    info.cpu_vendor = "Maker";
    info.max_processors = 64;
    info.memory_mib = 1 << 20;
    info.uefi_available = info.secure_boot_available = true;
    hypervisor.set_host(info);
    const auto first = machine();
    const auto second_kind = define({{"ElementName", Value("second")},
                                     {"VirtualSystemSubType", Value("Microsoft:Hyper-V:SubType:2")},
                                     {"SecureBootEnabled", true}});
    for (const auto& guid : {first, second_kind}) {
        BOOST_TEST(compatible(guid));
        start(guid);
        BOOST_TEST(compatible(guid));
    }
    const auto lacks = [&](auto change) {
        auto less = info;
        change(less);
        hypervisor.set_host(less);
        const bool out = !compatible(second_kind);
        hypervisor.set_host(info);
        return out;
    };
    BOOST_TEST(lacks([](auto& h) { h.memory_mib = 512; }));
    BOOST_TEST(lacks([](auto& h) { h.uefi_available = false; }));
    BOOST_TEST(lacks([](auto& h) { h.secure_boot_available = false; }));
    BOOST_TEST(!lacks([](auto& h) { h.max_processors = 2; }));
}

BOOST_AUTO_TEST_CASE(service_settings_have_their_effect) {
    const auto guid = machine();
    BOOST_TEST(service_settings().get("EnableVirtualSystemMigration").bool_or(false));
    BOOST_TEST(modify_service({{"EnableVirtualSystemMigration", false}}) == 0U);
    BOOST_TEST(!service_settings().get("EnableVirtualSystemMigration").bool_or(true));
    BOOST_TEST(code(to_host(guid)) == 32775U);
    BOOST_TEST(modify_service({{"EnableVirtualSystemMigration", true},
                               {"MaximumActiveVirtualSystemMigration", 1U}}) == 0U);
    const auto other = machine("other");
    hypervisor.hold("migrate");
    const auto first = to_host(other);
    BOOST_TEST(code(to_host(guid)) == 32774U);
    hypervisor.release("migrate");
    BOOST_TEST(done(first) == 0U);
    BOOST_TEST(done(to_host(guid)) == 0U);
    BOOST_TEST(modify_service({{"EnableSmbTransport", true}}) == 32770U);
    BOOST_TEST(modify_service({{"AuthenticationType", 9U}}) == 32773U);
}

// There it begins with its ports as at a start.
BOOST_AUTO_TEST_CASE(a_serial_port_destroys_nothing_at_the_destination) {
    using Port = backend::SerialPort;
    const auto guid = machine();
    const auto log = (folder / "disks" / "console.log").string();
    backend::MachineSpec victim;
    victim.uuid = make_guid();
    victim.name = "victim";
    victim.disks = {backend::Disk{}};
    victim.disks[0].path = log;
    for (const auto kind : {Port::Kind::file, Port::Kind::pipe_server})
        for (const auto device : {backend::DiskDevice::disk, backend::DiskDevice::cdrom}) {
            auto spec = hypervisor.machine(guid)->spec;
            spec.serial_ports = {Port{"", 0, kind, log, {}}};
            BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
            victim.disks[0].device = device;
            BOOST_TEST_REQUIRE(second.define({}, victim).ok());
            BOOST_TEST(done(check(guid)) == 0U, last_text);  // it is looked at when it starts there
            BOOST_TEST_REQUIRE(hypervisor.start({}, guid).ok());
            const auto r = to_host(guid);
            BOOST_TEST(code(r) == 32774U);
            for (const char* what : {"hvB", "victim", "Connection"})
                BOOST_TEST(text_of(r).find(what) != std::string::npos, text_of(r));
            BOOST_TEST_REQUIRE(second.undefine({}, victim.uuid).ok());
            BOOST_TEST(done(check(guid)) == 0U, last_text);
            BOOST_TEST_REQUIRE(hypervisor.power_off({}, guid).ok());
        }
    BOOST_TEST(hypervisor.calls("migrate") == 0U);
    // Nor does it write into the log of one that runs there.
    auto spec = hypervisor.machine(guid)->spec;
    spec.serial_ports[0].kind = Port::Kind::file;
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    victim.disks.clear();
    victim.serial_ports = spec.serial_ports;
    BOOST_TEST_REQUIRE(second.define({}, victim).ok());
    BOOST_TEST_REQUIRE(hypervisor.start({}, guid).ok());
    BOOST_TEST(done(check(guid)) == 0U, last_text);
    BOOST_TEST_REQUIRE(second.start({}, victim.uuid).ok());
    BOOST_TEST(code(to_host(guid)) == 32774U);
}

// Whose host tells nothing new of the folder then.
BOOST_AUTO_TEST_CASE(another_long_copy_into_the_folder_is_not_in_the_way) {
    const auto guid = machine();
    second.fail_always("has_file", Error(Status::busy, "wsvirt.folder.busy", "Files are being made in it."));
    BOOST_TEST(done(check(guid)) == 32774U);
    const Given both{{"MigrationSettingData", settings({{"MigrationType", 32771U}})},
                     {"NewResourceSettingData", disk_at((folder / "disks" / "copy.qcow2").string())}};
    BOOST_TEST(done(check(guid, both)) == 0U, last_text);
    BOOST_TEST(done(to_host(guid, both)) == 0U, last_text);
}

// Only its own may be there, and nobody else plans to have it.
BOOST_AUTO_TEST_CASE(a_serial_port_may_write_on_in_its_own_log) {
    using Port = backend::SerialPort;
    const auto guid = machine();
    const auto log = (folder / "disks" / "console.log").string();
    const auto port = query("SELECT * FROM Msvm_SerialPortSettingData WHERE InstanceID LIKE '%" + guid + "%'")
                          .at(0)
                          .string("InstanceID");
    const auto with_port = [&](const std::string& path) {
        return Given{{"NewResourceSettingData",
                      Value(make("Msvm_SerialPortSettingData",
                                 {{"InstanceID", Value(port)}, {"Connection", texts({"file://" + path})}}))}};
    };
    BOOST_TEST(done(check(guid, with_port(log))) == 0U, last_text);
    std::ofstream(log) << "login:";
    BOOST_TEST(code(check(guid, with_port(log))) == 32773U);
    auto spec = hypervisor.machine(guid)->spec;
    spec.serial_ports = {Port{"", 0, Port::Kind::file, log, {}}};
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    BOOST_TEST(done(check(guid, with_port(log))) == 0U, last_text);
    spec.serial_ports[0].path = (folder / "disks" / "." / "console.log").string();  // by others
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    BOOST_TEST(done(check(guid, with_port(log))) == 0U, last_text);
    const auto planned = (folder / "disks" / "planned.qcow2").string();
    vs::PlannedSystem other;
    other.spec.uuid = make_guid();
    other.spec.name = "planned";
    other.spec.disks = {backend::Disk{}};
    other.spec.disks[0].path = planned;
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add(other).ok());
    BOOST_TEST(done(check(guid, with_port(planned))) == 32774U);
    BOOST_TEST(last_text.find("\"planned\"") != std::string::npos, last_text);
    second.fail_always("has_file", Error(Status::unavailable, "test.fault", "It does not answer."));
    BOOST_TEST(done(check(guid, with_port(planned + ".log"))) == 32777U);
    second.fail_always("has_file", Error(Status::busy, "wsvirt.folder.busy", "Files are being made in it."));
    BOOST_TEST(done(check(guid, with_port(planned + ".log"))) == 32774U);
    for (const char* what :
         {"hvB", "Connection", "Files are being copied into the folder", "planned.qcow2.log"})
        BOOST_TEST(last_text.find(what) != std::string::npos, last_text);
}

// Both have been let through by the questions beforehand when the first of them begins.
BOOST_AUTO_TEST_CASE(two_that_begin_at_once_are_two) {
    BOOST_TEST(modify_service({{"MaximumActiveVirtualSystemMigration", 1U}}) == 0U);
    const std::string guids[] = {machine("one"), machine("two")};
    second.hold("has_file");
    hypervisor.hold("migrate");
    MethodResult answers[2];
    {
        std::vector<std::jthread> callers;
        for (std::size_t n = 0; n < 2; ++n) callers.emplace_back([&, n] { answers[n] = to_host(guids[n]); });
        for (int n = 0; n < 2000 && second.calls("has_file") < 2; ++n)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        second.release("has_file");
    }
    hypervisor.release("migrate");
    std::sort(std::begin(answers), std::end(answers),
              [](const auto& a, const auto& b) { return code(a) < code(b); });
    BOOST_TEST(done(answers[0]) == 0U, last_text);
    BOOST_TEST(code(answers[1]) == 32774U);
    BOOST_TEST(text_of(answers[1]).find("MaximumActiveVirtualSystemMigration") != std::string::npos,
               text_of(answers[1]));
    BOOST_TEST(hypervisor.calls("migrate") == 1U);
    // Nothing of it is held.
    const auto stayed = hypervisor.machine(guids[0]) ? guids[0] : guids[1];
    BOOST_TEST(done(to_host(stayed)) == 0U, last_text);
}

BOOST_AUTO_TEST_CASE(networks_decide_where_migrations_may_go) {
    const auto guid = machine();
    add_network("192.0.2.0", 24);
    BOOST_TEST(code(to_host(guid)) == 32773U);  // hvB is at 10.99.0.2
    add_network("10.99.0.0", 16, 5);
    auto all = query("SELECT * FROM Msvm_VirtualSystemMigrationNetworkSettingData");
    BOOST_TEST_REQUIRE(all.size() == 2U);
    BOOST_TEST(all[1].string("SubnetNumber") == "10.99.0.0");
    const Given outside{
        {"MigrationSettingData", settings({{"DestinationIPAddressList", texts({"203.0.113.9"})}})}};
    BOOST_TEST(code(to_host(guid, outside)) == 32773U);
    const auto linked = query(
        "ASSOCIATORS OF {Msvm_VirtualSystemMigrationServiceSettingData.InstanceID=\""
        "Microsoft:VirtualSystemMigrationServiceSettingData\"} WHERE AssocClass = "
        "Msvm_VirtualSystemMigrationServiceSettingDataComponent");
    BOOST_TEST(linked.size() == 2U);
    auto changed = make("Msvm_VirtualSystemMigrationNetworkSettingData",
                        {{"InstanceID", Value(all[0].string("InstanceID"))},
                         {"SubnetNumber", Value("198.51.100.0")},
                         {"PrefixLength", 25U}});
    BOOST_TEST(code(call(service(), "ModifyNetworkSettings", {{"NetworkSettings", list({changed})}})) == 0U);
    auto again = make("Msvm_VirtualSystemMigrationNetworkSettingData",
                      {{"InstanceID", Value(all[0].string("InstanceID"))}, {"Metric", 7U}});
    BOOST_TEST(code(call(service(), "ModifyNetworkSettings", {{"NetworkSettings", list({again})}})) == 0U);
    const auto kept = get(all[0].path("root/virtualization/v2"));  // what was not given
    BOOST_TEST(kept.string("SubnetNumber") == "198.51.100.0");
    BOOST_TEST(kept.uint("PrefixLength") == 25U);
    BOOST_TEST(kept.uint("Metric") == 7U);
    BOOST_TEST(code(call(service(), "RemoveNetworkSettings",
                         {{"NetworkSettings",
                           Value(Value::Array{Value(all[0].path("root/virtualization/v2"))})}})) == 0U);
    BOOST_TEST(query("SELECT * FROM Msvm_VirtualSystemMigrationNetworkSettingData").size() == 1U);
    BOOST_TEST(done(to_host(guid)) == 0U);
}

BOOST_AUTO_TEST_CASE(bandwidth_has_a_unit) {
    using migration_service::bandwidth_of;
    BOOST_TEST(bandwidth_of(8, "").value() == 8U);
    BOOST_TEST(bandwidth_of(8, "byte per second * 2^20").value() == 8U);
    BOOST_TEST(bandwidth_of(80, "bit per second * 10^6").value() == 10U);
    BOOST_TEST(bandwidth_of(1, "byte per second").value() == 1U);
    BOOST_TEST(!bandwidth_of(1, "furlong").ok());
}

BOOST_AUTO_TEST_CASE(the_service_stands_on_the_host_with_its_capabilities_and_settings) {
    const auto of_service = [&](const char* assoc) {
        return query(std::string("ASSOCIATORS OF {") + service().relative_text() +
                     "} WHERE AssocClass = " + assoc);
    };
    BOOST_TEST(of_service("Msvm_HostedService").size() == 1U);
    const auto capabilities = of_service("Msvm_ElementCapabilities");
    BOOST_TEST_REQUIRE(capabilities.size() == 1U);
    BOOST_TEST(capabilities[0].get("DestinationHostFormatsSupported").as_array()->size() == 3U);
    BOOST_TEST(of_service("Msvm_ElementSettingData").size() == 1U);
    BOOST_TEST(query("SELECT * FROM Msvm_VirtualSystemMigrationSettingData").size() == 5U);
    BOOST_TEST(
        query("SELECT * FROM Msvm_VirtualSystemMigrationSettingData WHERE MigrationType = 32770").size() ==
        1U);
}

BOOST_AUTO_TEST_SUITE_END()
