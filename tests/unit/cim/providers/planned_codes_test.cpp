// Every return code of DefineSystem, DefinePlannedSystem, ImportSystemDefinition, ImportSnapshotDefinitions,
// ValidatePlannedSystem, RealizePlannedSystem and ExportSystemDefinition that can arise, and that none is
// given which the method does not document.
#include <sys/stat.h>

#include <functional>
#include <thread>

#include "backend/unknown_devices.hpp"
#include "base/files.hpp"
#include "cim/codec/export_definition.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
namespace fs = std::filesystem;

namespace {

struct Codes {
    World w;

    Codes() { fs::create_directories(w.folder / "export"); }

    Value settings(const Given& given = {{"ElementName", "m"}}) {
        return Value(w.make("Msvm_VirtualSystemSettingData", given));
    }
    MethodResult call(const char* method, const Given& in) {
        auto r = w.call(w.vsms(), method, in);
        check_documented(method, World::code(r));
        return r;
    }
    // The code of the call, or of its job.
    std::uint32_t code(const char* method, const Given& in) {
        const auto n = w.done(call(method, in));
        check_documented(method, n);
        return n;
    }
    void check_documented(const char* method, std::uint32_t n) {
        const auto* m = w.ns.find("Msvm_VirtualSystemManagementService")->method(method);
        BOOST_TEST_REQUIRE(m);
        const auto* map = find_qualifier(m->qualifiers, "ValueMap");
        bool known = false;
        for (const auto& v : *map->as_array()) {
            const auto text = v.string_or({});
            known |= text == std::to_string(n) || (text == "32768..65535" && n >= 32768);
        }
        BOOST_TEST(known, method << " documents no " << n);
    }

    std::string machine(const std::string& disk = {}) {
        const auto guid = w.define({{"ElementName", "m"}});
        if (!disk.empty()) attach(guid, disk);
        return guid;
    }
    void attach(const std::string& guid, const std::string& file) {
        constexpr const char* rasd = "Msvm_ResourceAllocationSettingData";
        const auto drive = w.added(
            guid,
            w.make(rasd, {{"ResourceType", 17},
                          {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                          {"Parent", w.parent_text(rasd, "Microsoft:" + guid +
                                                             "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0")}}));
        w.added(guid, w.make("Msvm_StorageAllocationSettingData",
                             {{"ResourceType", 31},
                              {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                              {"Parent", w.parent_text(rasd, drive)},
                              {"HostResource", World::texts({file})}}));
    }
    static Value system(const std::string& guid) {
        return Value(vs::system_path("Msvm_ComputerSystem", guid));
    }
    static Value planned_path(const std::string& guid) {
        return Value(vs::system_path("Msvm_PlannedComputerSystem", guid));
    }
    std::string plan(const Given& given = {{"ElementName", "p"}}) {
        auto r = call("DefinePlannedSystem", {{"SystemSettings", settings(given)}});
        BOOST_TEST_REQUIRE(w.done(r) == 0U);
        return r.out.get("ResultingSystem").as_path()->key_string("Name");
    }
    Given export_of(const std::string& guid, const std::string& where, const Given& wishes = {}) {
        return {{"ComputerSystem", system(guid)},
                {"ExportDirectory", where},
                {"ExportSettingData", Value(w.make("Msvm_VirtualSystemExportSettingData", wishes))}};
    }
    std::string place(const char* name) const { return (w.folder / "export" / name).string(); }
    // Exports; the definition file.
    std::string exported(const std::string& guid, const char* name) {
        const auto n = code("ExportSystemDefinition",
                            export_of(guid, place(name), {{"CreateVmExportSubdirectory", false}}));
        BOOST_TEST_REQUIRE(n == 0U, w.last_text);
        return place(name) + "/Virtual Machines/" + guid + ".xml";
    }
    Given import_of(const std::string& file, bool renew) {
        return {{"SystemDefinitionFile", file}, {"GenerateNewSystemIdentifier", renew}};
    }
    std::string imported(const std::string& file) {
        auto r = call("ImportSystemDefinition", import_of(file, true));
        BOOST_TEST_REQUIRE(w.done(r) == 0U, w.text_of(r));
        return r.out.get("ImportedSystem").as_path()->key_string("Name");
    }
    // Another call holds the machine.
    std::shared_ptr<JobManager::Guard> hold(const std::string& guid) {
        auto g = w.jobs.lock(guid);
        BOOST_TEST_REQUIRE(g.ok());
        return std::move(*g);
    }
    void fail(const char* operation, Status s) {
        w.hypervisor.fail_next(operation, Error(s, "test", "The host refused.", "", "its own words"));
    }
};

// What the machine layer says, and the code that becomes of it.
const std::vector<std::pair<Status, std::uint32_t>> failures{
    {Status::failed, 32768U},        {Status::no_space, 32768U},      {Status::access_denied, 32769U},
    {Status::not_supported, 32770U}, {Status::timed_out, 32772U},     {Status::invalid_parameter, 32773U},
    {Status::busy, 32774U},          {Status::invalid_state, 32775U}, {Status::unavailable, 32777U},
    {Status::out_of_memory, 32778U}};

}  // namespace

BOOST_AUTO_TEST_SUITE(planned_codes)

BOOST_FIXTURE_TEST_CASE(define_system, Codes) {
    const char* m = "DefineSystem";
    BOOST_TEST(code(m, {{"SystemSettings", settings()}}) == 0U);
    BOOST_TEST(code(m, {{"SystemSettings", settings({{"ElementName", ""}})}}) == 32773U);
    BOOST_TEST(code(m, {{"SystemSettings", settings()},
                        {"ReferenceConfiguration", Value(World::settings_of(make_guid()))}}) == 32773U);
    BOOST_TEST(
        code(m, {{"SystemSettings", settings()},
                 {"ResourceSettings",
                  World::list({w.make("Msvm_ResourceAllocationSettingData",
                                      {{"ResourceType", 17},
                                       {"ResourceSubType", "Microsoft:Hyper-V:Physical Disk Drive"}})})}}) ==
        32770U);
    const std::string id = make_guid();
    const auto held = hold(id);
    BOOST_TEST(code(m, {{"SystemSettings",
                         settings({{"ElementName", "m"}, {"VirtualSystemIdentifier", id}})}}) == 32774U);
    for (const auto& [status, expected] : failures) {
        fail("define", status);
        const auto before = w.hypervisor.machines().size();
        BOOST_TEST(code(m, {{"SystemSettings", settings()}}) == expected);
        BOOST_TEST(w.last_text.find("its own words") != std::string::npos);
        BOOST_TEST(w.hypervisor.machines().size() == before);
    }
}

BOOST_FIXTURE_TEST_CASE(define_planned_system, Codes) {
    const char* m = "DefinePlannedSystem";
    const auto id = plan();
    BOOST_TEST(code(m, {{"SystemSettings", settings({{"ElementName", ""}})}}) == 32773U);
    const Given same{{"ElementName", "p"}, {"VirtualSystemIdentifier", id}};
    BOOST_TEST(code(m, {{"SystemSettings", settings(same)}}) == 32773U);
    BOOST_TEST(code(m, {{"SystemSettings", settings({{"ElementName", "p"},
                                                     {"VirtualSystemIdentifier", machine()}})}}) == 32773U);
    BOOST_TEST(code("DefineSystem", {{"SystemSettings", settings(same)}}) == 32773U);
    const std::string other = make_guid();
    const auto held = hold(other);
    BOOST_TEST(code(m, {{"SystemSettings",
                         settings({{"ElementName", "p"}, {"VirtualSystemIdentifier", other}})}}) == 32774U);
}

BOOST_FIXTURE_TEST_CASE(export_system_definition, Codes) {
    const char* m = "ExportSystemDefinition";
    const auto guid = machine(w.image("e.qcow2"));
    const auto first = call(m, export_of(guid, place("first")));
    BOOST_TEST(World::code(first) == 4096U);  // always a job
    BOOST_TEST(w.done(first) == 0U);
    BOOST_TEST(code(m, export_of(make_guid(), place("x"))) == 32773U);
    BOOST_TEST(code(m, export_of(guid, "/etc/x")) == 32769U);
    BOOST_TEST(code(m, export_of(guid, place("../up"))) == 32773U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"CopySnapshotConfiguration", 4}})) == 32773U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"CopySnapshotConfiguration", 2}})) == 32773U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"CaptureLiveState", 3}})) == 32773U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"BackupIntent", 2}})) == 32773U);
    BOOST_TEST(code(m, export_of(guid, place("x"),
                                 {{"ExcludedVirtualHardDisks", World::texts({"/no/disk"})}})) == 32773U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"ExportForLiveMigration", true}})) == 32770U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"GuestDebugStateFilePath", "b"}})) == 32770U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"DifferentialBackupBase", "b"}})) == 32773U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"DifferentialBackupBase", "/etc/passwd"}})) == 32769U);
    const auto other = exported(machine(w.image("o.qcow2")), "other");
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"DifferentialBackupBase", other}})) == 32773U);
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    BOOST_TEST(code(m, export_of(guid, place("x"), {{"CaptureLiveState", 2}})) == 32770U);
    BOOST_TEST(w.done(w.request_state(guid, 3)) == 0U);
    {
        const auto held = hold(guid);
        BOOST_TEST(code(m, export_of(guid, place("x"))) == 32774U);
    }
    for (const auto& [status, expected] : failures) {
        fail("convert_image", status);
        BOOST_TEST(code(m, export_of(guid, place("x"), {{"CreateVmExportSubdirectory", false}})) == expected);
        BOOST_TEST(w.last_text.find("its own words") != std::string::npos);
        BOOST_TEST(!fs::exists(place("x")));
    }
    // Nothing but what succeeded is there.
    BOOST_TEST(std::distance(fs::directory_iterator(w.folder / "export"), fs::directory_iterator()) <= 2);
}

BOOST_FIXTURE_TEST_CASE(an_export_lets_a_machine_go_on_whatever_happens, Codes) {
    const auto guid = machine(w.image("g.qcow2"));
    const auto state = [&] { return w.hypervisor.machine(guid)->state; };
    for (const unsigned live : {0U, 1U})
        for (const bool paused : {false, true})
            for (const bool fails : {false, true}) {
                BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
                if (paused) BOOST_TEST(w.done(w.request_state(guid, 9)) == 0U);
                if (fails) fail("convert_image", Status::failed);
                const auto name = "g" + std::to_string(live) + std::to_string(paused) + std::to_string(fails);
                const auto n =
                    code("ExportSystemDefinition",
                         export_of(guid, place(name.c_str()),
                                   {{"CaptureLiveState", live}, {"CreateVmExportSubdirectory", false}}));
                BOOST_TEST(n == (fails ? 32768U : 0U));
                BOOST_CHECK(state() ==
                            (paused ? backend::MachineState::paused : backend::MachineState::running));
                BOOST_TEST(fs::exists(place(name.c_str())) == !fails);
                BOOST_TEST(w.done(w.request_state(guid, 3)) == 0U);
            }
}

// Frozen before it stands still and thawed when it goes on again; also by the next start when it was cut off.
BOOST_FIXTURE_TEST_CASE(an_application_consistent_export_freezes_the_guest, Codes) {
    const auto guid = machine(w.image("c.qcow2"));
    const auto state = [&] { return w.hypervisor.machine(guid)->state; };
    const auto take = [&](const char* name) {
        return code(
            "ExportSystemDefinition",
            export_of(guid, place(name), {{"CaptureLiveState", 2}, {"CreateVmExportSubdirectory", false}}));
    };
    const auto times = [&](const char* operation) { return w.hypervisor.calls(operation); };
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    BOOST_TEST(take("no-agent") == 32770U);
    BOOST_TEST(times("freeze") == 0U);
    w.hypervisor.set_agent(guid, true);
    BOOST_TEST(take("whole") == 0U);
    BOOST_TEST(times("freeze") == 1U);
    BOOST_TEST(times("suspend") == 1U);
    BOOST_TEST(times("thaw") == 1U);
    BOOST_CHECK(state() == backend::MachineState::running);
    BOOST_TEST(times("save") == 0U);
    fail("convert_image", Status::failed);
    BOOST_TEST(take("failed") == 32768U);
    BOOST_TEST(times("thaw") == 2U);
    BOOST_TEST(!fs::exists(place("failed")));
    fail("freeze", Status::not_supported);  // the agent is gone in that moment
    BOOST_TEST(take("late") == 32770U);
    BOOST_CHECK(state() == backend::MachineState::running);
    BOOST_TEST(times("suspend") == 2U);
    BOOST_TEST(w.done(w.request_state(guid, 9)) == 0U);
    BOOST_TEST(take("paused") == 32775U);
}

BOOST_FIXTURE_TEST_CASE(import_system_definition, Codes) {
    const char* m = "ImportSystemDefinition";
    const auto guid = machine(w.image("i.qcow2"));
    const auto file = exported(guid, "i");
    BOOST_TEST(code(m, import_of(file, false)) == 32773U);  // it is there still
    BOOST_TEST(code(m, import_of(place("none/x.xml"), true)) == 32773U);
    BOOST_TEST(code(m, import_of("/etc/passwd", true)) == 32769U);
    BOOST_TEST(code(m, import_of("relative.xml", true)) == 32773U);
    BOOST_TEST(code(m, import_of("", true)) == 32773U);
    for (const char* text : {"", "<x/>", "<VirtualSystemExport Version=\"2\"/>",
                             "<VirtualSystemExport Version=\"1\"><System Id=\"x\"/></VirtualSystemExport>",
                             "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>"}) {
        BOOST_TEST_REQUIRE(write_file(place("bad.xml"), text).ok());
        BOOST_TEST(code(m, import_of(place("bad.xml"), true)) == 32773U, text);
    }
    BOOST_TEST(code(m, import_of(file, true)) == 0U);
    BOOST_TEST(code("DestroySystem", {{"AffectedSystem", system(guid)}}) == 0U);
    {
        const auto held = hold(guid);
        BOOST_TEST(code(m, import_of(file, false)) == 32774U);
    }
    BOOST_TEST(code(m, import_of(file, false)) == 0U);
    BOOST_TEST(code(m, import_of(file, false)) == 32773U);  // planned already
}

// What an export brings was never checked by a client's calls here.
BOOST_FIXTURE_TEST_CASE(an_import_leads_nowhere_outside_the_folders, Codes) {
    const auto guid = machine(w.image("x.qcow2"));
    auto spec = *w.hypervisor.machine(guid);
    const auto text = [&](const char* kind, const std::string& path) {
        auto s = spec.spec;
        s.serial_ports.resize(1);
        s.serial_ports[0].kind = kind == std::string("file") ? backend::SerialPort::Kind::file
                                                             : backend::SerialPort::Kind::pipe_server;
        s.serial_ports[0].path = path;
        s.attributes["Planned.SavedState"] = "/etc/shadow";
        return *w.hypervisor.spec_to_text(s);
    };
    const auto problems = [&](const std::string& settings, const std::string& of_snapshot) {
        ExportDefinition d;
        d.id = make_guid();
        d.name = "crafted";
        d.settings = settings;
        if (!of_snapshot.empty()) d.snapshots.push_back({make_guid(), "", 1, false, true, of_snapshot});
        fs::create_directories(place("crafted"));
        const auto file = place("crafted") + "/" + d.id + ".xml";
        BOOST_TEST_REQUIRE(write_file(file, export_definition_to_text(d)).ok());
        const auto id = imported(file);
        BOOST_TEST(!vs::PlannedSystems(w.services).find(id)->spec.attributes.contains("Planned.SavedState"));
        auto r = call("ValidatePlannedSystem", {{"PlannedSystem", planned_path(id)}});
        std::string all;
        if (World::code(r) == 0) return all;
        const auto job =
            w.jobs.wait(r.out.get("Job").as_path()->key_string("InstanceID"), std::chrono::seconds(10));
        for (const auto& e : job->errors) all += e.message + "\n";
        return all;
    };
    BOOST_TEST(code("DestroySystem", {{"AffectedSystem", system(guid)}}) == 0U);
    const auto fine = text("pipe", (w.folder / "elsewhere" / "pipes" / "console").string());
    BOOST_TEST(problems(fine, "") == "");  // a pipe of another host is one of ours here
    BOOST_TEST(problems(fine, fine) == "");
    for (const auto& bad :
         {text("file", "/etc/cron.d/x"), text("pipe", "/run/x.sock"), text("pipe", "/a/pipes/.."),
          text("file", (w.folder / "data" / "wsvirt.db").string()),
          text("file", (w.folder / "data" / "tls" / "server.key").string())}) {
        BOOST_TEST(problems(bad, "") != "", bad);
        BOOST_TEST(problems(fine, bad) != "", bad);
    }
}

// Nothing of a machine is lost in silence.
BOOST_FIXTURE_TEST_CASE(an_unknown_device_is_a_problem, Codes) {
    const auto guid = machine();
    auto spec = w.hypervisor.machine(guid)->spec;
    const auto known = *w.hypervisor.spec_to_text(spec);
    spec.attributes[std::string(backend::unknown_devices)] = "hostdev of type pci";
    const auto unknown = *w.hypervisor.spec_to_text(spec);
    for (const bool of_snapshot : {false, true}) {
        ExportDefinition d;
        d.id = make_guid();
        d.name = "crafted";
        d.settings = of_snapshot ? known : unknown;
        if (of_snapshot) d.snapshots.push_back({make_guid(), "", 1, false, true, unknown});
        fs::create_directories(place("devices"));
        const auto file = place("devices") + "/" + d.id + ".xml";
        BOOST_TEST_REQUIRE(write_file(file, export_definition_to_text(d)).ok());
        const Given planned{{"PlannedSystem", planned_path(imported(file))}};
        const auto r = call("ValidatePlannedSystem", planned);
        BOOST_TEST(w.done(r) == 32773U);
        BOOST_TEST(w.text_of(r).find("hostdev of type pci") != std::string::npos, w.text_of(r));
        BOOST_TEST(code("RealizePlannedSystem", planned) == 32773U);
    }
}

// Nor does a machine that is like one that was imported, or like a snapshot that came with it.
BOOST_FIXTURE_TEST_CASE(a_reference_leads_nowhere_outside_the_folders, Codes) {
    const auto crafted = [&](const std::function<void(backend::MachineSpec&)>& change) {
        backend::MachineSpec s;
        s.name = "crafted";
        change(s);
        ExportDefinition d;
        d.id = make_guid();
        d.name = "crafted";
        d.settings = *w.hypervisor.spec_to_text(s);
        d.snapshots.push_back({make_guid(), "", 1, false, true, d.settings});
        fs::create_directories(place("crafted"));
        const auto file = place("crafted") + "/" + d.id + ".xml";
        BOOST_TEST_REQUIRE(write_file(file, export_definition_to_text(d)).ok());
        return vs::PlannedSystems(w.services).find(imported(file));
    };
    const auto cd = [](const std::string& path) {
        return [path](backend::MachineSpec& s) {
            s.disks.resize(1);
            s.disks[0].device = backend::DiskDevice::cdrom;
            s.disks[0].id = make_guid();
            s.disks[0].path = path;
            s.disks[0].format = "raw";
        };
    };
    const auto port = [](backend::NicLink link, const std::string& source, const char* missing) {
        return [=](backend::MachineSpec& s) {
            s.nics.resize(1);
            s.nics[0].id = make_guid();
            s.nics[0].link = link;
            s.nics[0].source = source;
            if (missing) s.nics[0].attributes["Connection.MissingSwitch"] = missing;
        };
    };
    using enum backend::NicLink;
    const auto iso = w.image("fine.iso", "raw");
    struct Case {
        std::function<void(backend::MachineSpec&)> change;
        std::uint32_t machine, planned;
        const char* named;
    };
    const auto& there = w.hypervisor.switches().front();
    for (const auto& c : {Case{cd("/etc/passwd"), 32769, 32769, "/etc/passwd"},
                          Case{cd(w.folder / "disks" / "later.iso"), 32773, 0, "later.iso"},
                          Case{cd(w.image("disk.qcow2")), 32773, 32773, "disk.qcow2"},
                          Case{port(bridge, "br-of-others", nullptr), 32773, 0, "br-of-others"},
                          Case{port(none, "", "gone-switch"), 32773, 0, "gone-switch"},
                          Case{cd(iso), 0, 0, ""}, Case{port(there.link, there.source, nullptr), 0, 0, ""}}) {
        const auto p = crafted(c.change);
        for (const auto& reference : {planned_path(p->spec.uuid), Value(World::settings_of(p->spec.uuid)),
                                      Value(World::settings_of(p->snapshots.at(0).id))}) {
            const auto before = w.hypervisor.machines().size();
            const Given in{{"SystemSettings", settings({{"ElementName", "like"}})},
                           {"ReferenceConfiguration", reference}};
            const auto r = call("DefineSystem", in);
            BOOST_TEST(w.done(r) == c.machine, c.named);
            BOOST_TEST(w.text_of(r).find(c.named) != std::string::npos, w.text_of(r));
            BOOST_TEST(w.hypervisor.machines().size() == before + (c.machine == 0 ? 1 : 0));
            BOOST_TEST(code("DefinePlannedSystem", in) == c.planned, c.named);
        }
    }
    BOOST_TEST(w.hypervisor.machines().front()->spec.disks.at(0).path == iso);
}

// Files of memory are called like their snapshots, so these may be called like nothing else.
BOOST_FIXTURE_TEST_CASE(an_import_takes_no_identifier_of_others, Codes) {
    const auto guid = machine();
    const auto settings_text = *w.hypervisor.spec_to_text(w.hypervisor.machine(guid)->spec);
    const auto taken = make_guid(), of_planned = make_guid();
    const auto take = [&](const std::string& id) {
        backend::SnapshotRequest request;
        request.machine = guid;
        request.id = id;
        BOOST_TEST_REQUIRE(w.hypervisor.snapshot({}, request).ok());
    };
    take(taken);
    const auto written = [&](const std::string& system, const std::vector<std::string>& snapshots) {
        ExportDefinition d;
        d.id = system;
        d.name = "crafted";
        d.settings = settings_text;
        for (const auto& id : snapshots) d.snapshots.push_back({id, "", 1, false, false, settings_text});
        fs::create_directories(place("ids/m"));
        const auto file = place("ids/m/") + d.id + ".xml";
        BOOST_TEST_REQUIRE(write_file(file, export_definition_to_text(d)).ok());
        return file;
    };
    const auto kept = [&](const std::string& system, const std::vector<std::string>& snapshots) {
        return code("ImportSystemDefinition", import_of(written(system, snapshots), false));
    };
    const auto first = make_guid();
    BOOST_TEST(kept(first, {of_planned}) == 0U);
    const auto mine = make_guid(), free = make_guid();
    BOOST_TEST(kept(mine, {taken}) == 32773U);
    BOOST_TEST(kept(mine, {to_lower(taken)}) == 32773U);
    BOOST_TEST(kept(mine, {of_planned}) == 32773U);
    BOOST_TEST(kept(mine, {guid}) == 32773U);
    BOOST_TEST(kept(mine, {first}) == 32773U);
    BOOST_TEST(kept(mine, {mine}) == 32773U);
    BOOST_TEST(kept(mine, {free, free}) == 32773U);
    BOOST_TEST(kept(taken, {}) == 32773U);
    BOOST_TEST(kept(of_planned, {}) == 32773U);
    BOOST_TEST(code("ImportSystemDefinition", import_of(written(mine, {free, free}), true)) == 32773U);
    BOOST_TEST(code("ImportSystemDefinition", import_of(written(mine, {taken}), true)) == 0U);
    BOOST_TEST(kept(mine, {free}) == 0U);
    // Others may have taken it since.
    take(free);
    const Given planned{{"PlannedSystem", planned_path(mine)}};
    BOOST_TEST(code("ValidatePlannedSystem", planned) == 32773U);
    BOOST_TEST(code("RealizePlannedSystem", planned) == 32773U);
    BOOST_TEST_REQUIRE(w.hypervisor.delete_snapshot({}, guid, free, false).ok());
    BOOST_TEST(code("RealizePlannedSystem", planned) == 0U);
}

// Of other formats a file may say that any file of the host is a part of it.
BOOST_FIXTURE_TEST_CASE(an_import_has_no_disks_of_other_formats, Codes) {
    const auto guid = machine(w.image("x.qcow2"));
    const auto spec = w.hypervisor.machine(guid)->spec;
    const auto of_format = [&](const std::string& format) {
        auto s = spec;
        s.disks.at(0).format = format;
        return *w.hypervisor.spec_to_text(s);
    };
    const auto imported_code = [&](const ExportDefinition& d) {
        fs::create_directories(place("crafted/m"));
        const auto file = place("crafted/m/") + d.id + ".xml";
        BOOST_TEST_REQUIRE(write_file(file, export_definition_to_text(d)).ok());
        return code("ImportSystemDefinition", import_of(file, true));
    };
    ExportDefinition d;
    d.id = make_guid();
    d.name = "crafted";
    d.settings = of_format("qcow2");
    BOOST_TEST(imported_code(d) == 0U);
    d.disks.push_back({spec.disks.at(0).path, "Virtual Hard Disks/x.vmdk", "vmdk", 1, {}});
    BOOST_TEST(imported_code(d) == 32773U);
    d.disks[0].format = "raw";
    BOOST_TEST(imported_code(d) == 0U);
    d.snapshots.push_back({make_guid(), "", 1, false, true, of_format("qcow2")});
    BOOST_TEST(imported_code(d) == 0U);
    d.disks[0].format = "vmdk";
    BOOST_TEST(imported_code(d) == 32773U);
    d.disks.clear();
    d.snapshots[0].settings = of_format("vmdk");
    BOOST_TEST(imported_code(d) == 32773U);
    d.snapshots.clear();
    d.settings = of_format("vmdk");
    BOOST_TEST(imported_code(d) == 32773U);
}

// Nobody writes to a pipe that an export has, and what a link in it leads to is not read.
BOOST_FIXTURE_TEST_CASE(an_import_opens_only_files_of_its_own, Codes) {
    const auto guid = machine();
    ExportDefinition d;
    d.id = make_guid();
    d.name = "crafted";
    d.settings = *w.hypervisor.spec_to_text(w.hypervisor.machine(guid)->spec);
    fs::create_directories(place("crafted/m"));
    const auto secret = w.folder / "secret";
    BOOST_TEST_REQUIRE(write_file(secret, "secret").ok());
    BOOST_TEST_REQUIRE(::mkfifo((place("crafted/pipe")).c_str(), 0600) == 0);
    fs::create_symlink(secret, place("crafted/link"));
    fs::create_directories(place("crafted/folder"));
    for (const char* name : {"pipe", "link", "folder"}) {
        d.disks = {{"/no/disk/of/it", name, "raw", 6, std::string(64, '0')}};
        const auto file = place("crafted/m/") + d.id + ".xml";
        BOOST_TEST_REQUIRE(write_file(file, export_definition_to_text(d)).ok());
        const auto id = imported(file);
        const auto n = code("ValidatePlannedSystem", {{"PlannedSystem", planned_path(id)}});
        BOOST_TEST(n == (name == std::string("link") ? 32769U : 32773U));
        BOOST_TEST(w.last_text.find(name) != std::string::npos, w.last_text);
        BOOST_TEST(w.last_text.find("than when it was exported") == std::string::npos);
        BOOST_TEST(code("RealizePlannedSystem", {{"PlannedSystem", planned_path(id)}}) == 32773U);
    }
}

// What other services write into the same folder, and what a client calls like that, is theirs.
BOOST_FIXTURE_TEST_CASE(only_unfinished_exports_of_ones_own_are_removed_at_start, Codes) {
    const auto guid = machine();
    const char* m = "ExportSystemDefinition";
    const Given same_place{{"CreateVmExportSubdirectory", false}};
    for (const char* name : {".wsvirt-partial", ".wsvirt-partial-mine", ".wsvirt-partial-mine/e"}) {
        BOOST_TEST(code(m, export_of(guid, place(name), same_place)) == 32773U);
        BOOST_TEST(code(m, export_of(guid, place(name))) == 32773U);
    }
    fs::create_directories(place(".wsvirt-partial-others/x"));
    w.hypervisor.hold("export_saved_state");
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
    BOOST_TEST(w.done(w.request_state(guid, 6)) == 0U);
    const auto running = call(m, export_of(guid, place("mine"), same_place));
    while (w.hypervisor.calls("export_saved_state") == 0U) std::this_thread::yield();
    const auto rows = w.store->list("export_partial");
    BOOST_TEST_REQUIRE((rows.ok() && rows->size() == 1U));
    const fs::path own = rows->front().key;
    BOOST_TEST(fs::exists(own));
    BOOST_TEST(own.parent_path() == w.folder / "export");
    w.hypervisor.release("export_saved_state");
    BOOST_TEST(w.done(running) == 0U);
    BOOST_TEST(w.store->count("export_partial").value_or(9) == 0U);
    fs::create_directories(own);  // as if the program had ended then
    BOOST_TEST_REQUIRE(w.store->put("export_partial", own.string(), "").ok());
    recover(w.services);
    BOOST_TEST(!fs::exists(own));
    BOOST_TEST(fs::exists(place(".wsvirt-partial-others/x")));
    BOOST_TEST(w.store->count("export_partial").value_or(9) == 0U);
}

BOOST_FIXTURE_TEST_CASE(import_snapshot_definitions, Codes) {
    const char* m = "ImportSnapshotDefinitions";
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(make_guid())}, {"SnapshotFolder", place("")}}) ==
               32773U);
    const auto id = plan();
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(id)}, {"SnapshotFolder", "/etc"}}) == 32769U);
    const auto held = hold(id);
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(id)}, {"SnapshotFolder", place("")}}) == 32774U);
}

BOOST_FIXTURE_TEST_CASE(validate_planned_system, Codes) {
    const char* m = "ValidatePlannedSystem";
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(make_guid())}}) == 32773U);
    BOOST_TEST(code(m, {{"PlannedSystem", system(machine())}}) == 32773U);
    const auto id = plan();
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(id)}}) == 0U);
    const auto held = hold(id);
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(id)}}) == 32774U);
}

BOOST_FIXTURE_TEST_CASE(realize_planned_system, Codes) {
    const char* m = "RealizePlannedSystem";
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(make_guid())}}) == 32773U);
    const auto id = plan();
    {
        const auto held = hold(id);
        BOOST_TEST(code(m, {{"PlannedSystem", planned_path(id)}}) == 32774U);
    }
    for (const char* step : {"define", "redefine"})
        for (const auto& [status, expected] : failures) {
            fail(step, status);
            BOOST_TEST(code(m, {{"PlannedSystem", planned_path(id)}}) == expected);
            BOOST_TEST(w.last_text.find("its own words") != std::string::npos);
            BOOST_TEST(w.hypervisor.machines().empty());
            BOOST_TEST(w.query("SELECT * FROM Msvm_PlannedComputerSystem").size() == 1U);
        }
    attach(id, (w.folder / "disks" / "missing.qcow2").string());
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(id)}}) == 32773U);
    const auto other = plan();
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(other)}}) == 0U);
    BOOST_TEST(code(m, {{"PlannedSystem", planned_path(other)}}) == 32773U);  // it is a machine now
}

BOOST_AUTO_TEST_SUITE_END()
