// What serial ports may lead to: QEMU empties the file that a port writes, and libvirt removes what lies
// where a port has its socket.
#include "base/files.hpp"
#include "tests/unit/cim/providers/planned_codes.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

using Port = backend::SerialPort;

struct Ports : Codes {
    std::string file(const char* name) const { return (w.folder / "disks" / name).string(); }
    Instance port(const std::string& connection, const Given& more) const {
        Given g{{"Connection", World::texts({connection})}, {"ResourceType", 21}};
        g.insert(g.end(), more.begin(), more.end());
        return w.make("Msvm_SerialPortSettingData", g);
    }
    MethodResult leads_to(const std::string& guid, const std::string& connection) {
        return w.modify(port(
            connection, {{"InstanceID", "Microsoft:" + guid + "\\8E3A359F-559A-4B6A-98A9-1690A6100ED7\\0"}}));
    }
    MethodResult defined_with(const std::string& connection) {
        return call("DefineSystem",
                    {{"SystemSettings", settings()},
                     {"ResourceSettings",
                      World::list({port(connection, {{"ResourceSubType", "Microsoft:Hyper-V:Serial Port"},
                                                     {"ElementName", "COM 1"}})})}});
    }
    // As a planned system, a snapshot or others bring it.
    void put_port(const std::string& guid, Port::Kind kind, const std::string& path) {
        auto s = w.spec(guid);
        s.serial_ports = {Port{"", 0, kind, path, {}}};
        BOOST_TEST_REQUIRE(w.hypervisor.redefine({}, s).ok());
    }
    void refused(MethodResult r, std::uint32_t n, const std::string& what) {
        BOOST_TEST(w.done(r) == n, what);
        BOOST_TEST(w.text_of(r).find("Connection") != std::string::npos, what << ": " << w.text_of(r));
    }
    std::string problems_of(const backend::MachineSpec& spec) {
        ExportDefinition d;
        d.id = make_guid();
        d.name = "crafted";
        d.settings = *w.hypervisor.spec_to_text(spec);
        fs::create_directories(place("crafted"));
        const auto definition = place("crafted") + "/" + d.id + ".xml";
        BOOST_TEST_REQUIRE(write_file(definition, export_definition_to_text(d)).ok());
        auto r = call("ValidatePlannedSystem", {{"PlannedSystem", planned_path(imported(definition))}});
        return w.done(r) == 0 ? std::string() : w.text_of(r) + w.last_text;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(serial_ports)

BOOST_FIXTURE_TEST_CASE(no_port_leads_to_a_file_of_a_machine, Ports) {
    const auto victim = machine(w.image("disk.qcow2"));
    auto s = w.spec(victim);
    s.disks.push_back(s.disks[0]);  // one that many may have
    s.disks.back().id = make_guid();
    s.disks.back().path = w.image("shared.raw", "raw");
    s.disks.back().shareable = true;
    s.disks.back().unit = 1;
    BOOST_TEST_REQUIRE(w.hypervisor.redefine({}, s).ok());
    const auto planned = plan();
    auto p = *vs::PlannedSystems(w.services).find(planned);
    p.spec.disks = {s.disks[0]};
    p.spec.disks[0].path = w.image("planned.qcow2");
    BOOST_TEST_REQUIRE(vs::PlannedSystems(w.services).replace(p).ok());

    const auto other = machine();
    for (const char* name : {"disk.qcow2", "shared.raw", "planned.qcow2"})
        for (const auto& connection : {file(name), "file://" + file(name)}) {
            refused(leads_to(other, connection), 32774, connection);
            refused(defined_with(connection), 32774, connection);
        }
    refused(leads_to(victim, file("disk.qcow2")), 32774, "its own disk");
    for (const auto& port : w.spec(other).serial_ports) BOOST_TEST(port.path == "");
}

BOOST_FIXTURE_TEST_CASE(what_is_there_already_is_a_log_or_a_socket, Ports) {
    const auto guid = machine();
    const auto iso = w.image("unused.iso", "raw");
    BOOST_TEST_REQUIRE(write_file(file("old.log"), "login: \n").ok());
    BOOST_TEST_REQUIRE(write_file(file("raw.img"), std::string(100, 'x') + '\0').ok());
    fs::create_symlink("/etc/hostname", file("link"));
    for (const auto& there : {iso, file("raw.img"), file("link")})
        for (const auto& connection : {there, "file://" + there})
            refused(leads_to(guid, connection), 32773, connection);
    refused(leads_to(guid, file("old.log")), 32773, "a file where a socket is to be");
    BOOST_TEST(w.done(leads_to(guid, "file://" + file("old.log"))) == 0U);
    BOOST_TEST(w.spec(guid).serial_ports.at(0).path == file("old.log"));
}

BOOST_FIXTURE_TEST_CASE(a_log_becomes_no_disk, Ports) {
    const auto guid = machine(), other = machine(w.image("own.qcow2"));
    BOOST_TEST(w.done(leads_to(guid, "file://" + file("console.log"))) == 0U);
    w.image("console.log", "raw");
    const auto disk = w.query(
        "SELECT * FROM Msvm_StorageAllocationSettingData WHERE ResourceType = 31 AND "
        "InstanceID LIKE 'Microsoft:" +
        other + "%'");
    BOOST_TEST_REQUIRE(disk.size() == 1U);
    auto r = w.modify(
        w.make("Msvm_StorageAllocationSettingData", {{"InstanceID", disk[0].string("InstanceID")},
                                                     {"HostResource", World::texts({file("console.log")})}}));
    BOOST_TEST(w.done(r) == 32774U);
    BOOST_TEST(w.text_of(r).find("serial port") != std::string::npos, w.text_of(r));
}

// Ports come from elsewhere, too, and files after them.
BOOST_FIXTURE_TEST_CASE(a_start_destroys_no_disk, Ports) {
    const auto victim = machine(w.image("disk.qcow2")), guid = machine();
    for (const auto kind : {Port::Kind::file, Port::Kind::pipe_server}) {
        put_port(guid, kind, file("disk.qcow2"));
        refused(w.request_state(guid, 2), 32774, "another's disk");
    }
    BOOST_TEST_REQUIRE(write_file(file("socket"), "no socket").ok());
    put_port(guid, Port::Kind::pipe_server, file("socket"));
    refused(w.request_state(guid, 2), 32773, "no socket");
    // What the port has written is its own, whatever it is.
    BOOST_TEST_REQUIRE(write_file(file("console.log"), std::string("a\0b", 3)).ok());
    for (const auto& m : {guid, victim}) put_port(m, Port::Kind::file, file("console.log"));
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    // It is one machine's while that runs.
    refused(w.request_state(victim, 2), 32774, "a log that is being written");
    BOOST_TEST(w.done(w.request_state(guid, 3)) == 0U);
    BOOST_TEST(w.done(w.request_state(victim, 2)) == 0U);
    // A copy that runs beside its original has the pipe that was last opened.
    BOOST_TEST(w.done(w.request_state(victim, 3)) == 0U);
    for (const auto& m : {guid, victim}) {
        put_port(m, Port::Kind::pipe_server, file("pipe"));
        BOOST_TEST(w.done(w.request_state(m, 2)) == 0U);
    }
}

BOOST_FIXTURE_TEST_CASE(an_import_destroys_no_disk, Ports) {
    const auto victim = machine(w.image("disk.qcow2"));
    backend::MachineSpec s;
    s.name = "crafted";
    for (const auto kind : {Port::Kind::file, Port::Kind::pipe_server}) {
        s.serial_ports = {Port{"", 0, kind, file("new"), {}}};
        BOOST_TEST(problems_of(s) == "");
        s.serial_ports[0].path = file("disk.qcow2");
        BOOST_TEST(problems_of(s) != "");
    }
}

BOOST_AUTO_TEST_SUITE_END()
