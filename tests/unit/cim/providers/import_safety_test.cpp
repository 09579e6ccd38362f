// What an import can say that would harm the host or another machine, or be lost.
#include <sys/stat.h>

#include "backend/unknown_devices.hpp"
#include "tests/unit/cim/providers/planned_codes.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

BOOST_AUTO_TEST_SUITE(planned_codes)

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
    const auto there = w.hypervisor.switches().front();
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
    d.disks.push_back({spec.disks.at(0).path, "Virtual Hard Disks/x.vmdk", "vmdk", 1, "x"});
    BOOST_TEST(imported_code(d) == 32773U);
    d.disks[0].format = "raw";
    BOOST_TEST(imported_code(d) == 0U);
    d.disks[0].digest.clear();
    BOOST_TEST(imported_code(d) == 32773U);
    d.disks[0].digest = "x";
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

BOOST_AUTO_TEST_SUITE_END()
