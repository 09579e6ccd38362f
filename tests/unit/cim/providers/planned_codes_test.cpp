// Every return code of DefineSystem, DefinePlannedSystem, ImportSystemDefinition, ImportSnapshotDefinitions,
// ValidatePlannedSystem, RealizePlannedSystem and ExportSystemDefinition that can arise, and that none is
// given which the method does not document.
#include "tests/unit/cim/providers/planned_codes.hpp"

#include <thread>

#include "cim/providers/recovery.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

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
    // Also where no disk comes along.
    const auto without = [&](const char* property, const Value& v) {
        return code(m, export_of(guid, place("x"), {{"CopyVmStorage", false}, {property, v}}));
    };
    BOOST_TEST(without("ExcludedVirtualHardDisks", World::texts({"/no/disk"})) == 32773U);
    BOOST_TEST(without("DifferentialBackupBase", Value("/etc/passwd")) == 32769U);
    BOOST_TEST(without("DifferentialBackupBase", Value(other)) == 32773U);
    BOOST_TEST(without("SnapshotVirtualSystem", Value(w.vsms().to_text())) == 32773U);
    const auto inside = fs::path(other).parent_path().parent_path();  // another export
    for (const char* sub : {"", "new", "Virtual Hard Disks"}) {
        BOOST_TEST(code(m, export_of(guid, (inside / sub).string())) == 32773U);
        BOOST_TEST(!fs::exists(inside / "new"));
    }
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

// Clients name the folder Snapshots of an export, or one of their own, whether there are any or not.
BOOST_FIXTURE_TEST_CASE(a_snapshot_folder_is_one_of_the_export_or_not_needed, Codes) {
    const auto file = exported(machine(w.image("s.qcow2")), "s");
    const auto import = [&](const std::string& folder) {
        auto in = import_of(file, true);
        in.emplace_back("SnapshotFolder", folder);
        const auto n = code("ImportSystemDefinition", in);
        return n;
    };
    const auto snapshots = place("s/Snapshots");
    BOOST_TEST(fs::is_directory(snapshots));
    BOOST_TEST(import(snapshots) == 0U);
    fs::remove(snapshots);  // exports of earlier versions have none
    for (const auto& folder : {snapshots, snapshots + "/", snapshots + "/deeper", place("s/./Snapshots"),
                               place("s"), place("elsewhere"), place("")})
        BOOST_TEST(import(folder) == (folder == place("") ? 32769U : 0U), folder);
    for (const char* folder : {"/etc", "/srv/none"}) BOOST_TEST(import(folder) == 32769U, folder);
    BOOST_TEST(import(place("../elsewhere")) == 32769U);
    BOOST_TEST(import(file) == 32773U);
    // With snapshots it is a place of theirs.
    auto definition = export_definition_from_text(*read_file(file, 1 << 20));
    BOOST_TEST_REQUIRE(definition.ok());
    ExportDefinition::Snapshot s;
    s.id = make_guid();
    s.settings = definition->settings;
    definition->snapshots.push_back(s);
    BOOST_TEST_REQUIRE(write_file(file, export_definition_to_text(*definition)).ok());
    for (const auto& folder : {snapshots, place("s")}) BOOST_TEST(import(folder) == 0U, folder);
    fs::create_directory(place("elsewhere"));
    for (const char* folder : {"elsewhere", "s/../elsewhere", "s2"})
        BOOST_TEST(import(place(folder)) == 32773U, folder);
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

// Clients open the job whatever the call returns: it has the errors, or leads to the machine.
BOOST_FIXTURE_TEST_CASE(validating_and_realizing_are_jobs_that_can_be_read, Codes) {
    const auto id = plan();
    for (const char* m : {"ValidatePlannedSystem", "RealizePlannedSystem"}) {
        const auto r = call(m, {{"PlannedSystem", planned_path(id)}});
        BOOST_TEST_REQUIRE(World::code(r) == 4096U);
        BOOST_TEST(w.done(r) == 0U, w.last_text);
        const auto job = *r.out.get("Job").as_path();
        BOOST_TEST(w.get(job).uint("JobState") == 7U);
        BOOST_TEST(World::code(w.call(job, "GetErrorEx", {})) == 0U);
        if (m == std::string("ValidatePlannedSystem")) continue;
        const auto made = w.query("ASSOCIATORS OF {" + job.relative_text() +
                                  "} WHERE AssocClass = Msvm_AffectedJobElement ResultClass = "
                                  "Msvm_ComputerSystem");
        BOOST_TEST_REQUIRE(made.size() == 1U);
        BOOST_TEST(made[0].string("Name") == id);
    }
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
