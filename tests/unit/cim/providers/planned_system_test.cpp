#include <fstream>
#include <thread>

#include "cim/providers/export_import/contents.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/export_import/import_folder.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

constexpr const char* rasd = "Msvm_ResourceAllocationSettingData";

struct Setup {
    World w;
    std::string guid = plan({{"ElementName", "planned"}});

    std::string plan(const Given& settings) {
        auto r = w.call(w.vsms(), "DefinePlannedSystem",
                        {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", settings))}});
        BOOST_TEST_REQUIRE(w.done(r) == 0U, w.text_of(r));
        const auto* path = r.out.get("ResultingSystem").as_path();
        BOOST_TEST(path->class_name() == "Msvm_PlannedComputerSystem");
        return path->key_string("Name");
    }
    // As it is when the last step of realizing it does not come.
    backend::MachineSpec half_made() {
        auto spec = vs::PlannedSystems(w.services).find(guid)->spec;
        spec.attributes["Planned.Unfinished"] = *export_import::own_mark(w.services);
        return spec;
    }
    template <class Condition>
    static bool eventually(Condition c, int times = 1000) {
        for (int n = 0; n < times && !c(); ++n) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return c();
    }
    ObjectPath path() const { return vs::system_path("Msvm_PlannedComputerSystem", guid); }
    // The errors that a job of a planned system ends with.
    std::vector<JobError> errors(const char* method, JobState expected) {
        auto r = w.call(w.vsms(), method, {{"PlannedSystem", Value(path())}});
        BOOST_TEST(World::code(r) == 4096U);
        const auto* job = r.out.get("Job").as_path();
        BOOST_TEST_REQUIRE(job);
        const auto record = w.jobs.wait(job->key_string("InstanceID"), std::chrono::seconds(10));
        BOOST_TEST_REQUIRE(record.has_value());
        BOOST_CHECK(record->state == expected);
        return record->errors;
    }
    std::string add_disk(const std::string& file) {
        const auto ide =
            w.parent_text(rasd, "Microsoft:" + guid + "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0");
        const auto drive =
            w.added(guid, w.make(rasd, {{"ResourceType", 17},
                                        {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                                        {"Parent", ide}}));
        return w.added(guid, w.make(rasd, {{"ResourceType", 31},
                                           {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                                           {"Parent", w.parent_text(rasd, drive)},
                                           {"HostResource", World::texts({file})}}));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(planned_system)

BOOST_FIXTURE_TEST_CASE(is_seen_apart_from_machines_and_never_starts, Setup) {
    BOOST_TEST(w.hypervisor.machines().empty());
    const auto i = w.get(path());
    BOOST_TEST(i.string("ElementName") == "planned");
    BOOST_TEST(i.uint("EnabledState") == 3U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = '" + guid + "'").empty());
    BOOST_TEST(w.query("SELECT * FROM CIM_ComputerSystem WHERE Name = '" + guid + "'").size() == 1U);
    const auto settings = w.get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + guid);
    BOOST_TEST(settings.string("VirtualSystemType") == "Microsoft:Hyper-V:System:Planned");
    BOOST_TEST(World::code(w.call(path(), "RequestStateChange", {{"RequestedState", 2}})) == 32775U);
}

BOOST_FIXTURE_TEST_CASE(is_changed_like_a_machine, Setup) {
    auto r = w.call(w.vsms(), "ModifySystemSettings",
                    {{"SystemSettings",
                      Value(w.make("Msvm_VirtualSystemSettingData",
                                   {{"InstanceID", "Microsoft:" + guid}, {"ElementName", "renamed"}}))}});
    BOOST_TEST(w.done(r) == 0U);
    BOOST_TEST(w.get(path()).string("ElementName") == "renamed");
    BOOST_TEST(w.done(w.modify(
                   w.make("Msvm_MemorySettingData",
                          {{"InstanceID", "Microsoft:" + guid + "\\4764334D-E001-4176-82EE-5594EC9B530E"},
                           {"VirtualQuantity", 512}}))) == 0U);
    add_disk(w.image("p.qcow2"));
    BOOST_TEST(w.done(w.call(w.vsms(), "ValidatePlannedSystem", {{"PlannedSystem", Value(path())}})) == 0U);
    auto realized = w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", Value(path())}});
    BOOST_TEST(w.done(realized) == 0U, w.last_text);
    BOOST_TEST(realized.out.get("ResultingSystem").as_path()->class_name() == "Msvm_ComputerSystem");
    const auto& s = w.spec(guid);
    BOOST_TEST(s.name == "renamed");
    BOOST_TEST(s.memory_mib == 512U);
    BOOST_TEST(s.disks.at(0).format == "qcow2");
    BOOST_TEST(w.query("SELECT * FROM Msvm_PlannedComputerSystem").empty());
    BOOST_TEST(
        w.get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + guid).string("VirtualSystemType") ==
        "Microsoft:Hyper-V:System:Realized");
}

// Else the next machine, which comes by another name, gets the same file.
BOOST_FIXTURE_TEST_CASE(a_machine_has_its_disks_by_their_canonical_paths, Setup) {
    const auto disks = w.folder / "disks";
    std::filesystem::create_directory_symlink(disks, disks / "link");
    for (const auto& odd : {disks / ".." / "disks" / "a.qcow2", disks / "link" / "b.qcow2"}) {
        const auto file = (disks / odd.filename()).string();
        guid = plan({{"ElementName", "odd"}});
        add_disk(odd.string());
        BOOST_TEST(vs::PlannedSystems(w.services).find(guid)->spec.disks.at(0).path == odd.string());
        w.image(odd.filename().string());
        const auto second = add_disk(file);  // the same one: only one of them may stay
        const auto found = errors("ValidatePlannedSystem", JobState::completed_with_warnings);
        BOOST_TEST_REQUIRE(found.size() == 1U);
        BOOST_TEST(found[0].code == 32774U);
        BOOST_TEST(w.done(w.remove("Msvm_StorageAllocationSettingData", second)) == 0U);
        BOOST_TEST(w.done(w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", Value(path())}})) == 0U,
                   w.last_text);
        BOOST_TEST(w.spec(guid).disks.at(0).path == file);
        BOOST_TEST(w.spec(guid).disks.at(0).format == "qcow2");
    }
}

// What the guest wrote into an exported disk may look like another format.
BOOST_FIXTURE_TEST_CASE(the_format_of_an_imported_disk_is_what_the_export_says, Setup) {
    add_disk(w.image("i.qcow2"));
    for (const bool imported : {true, false}) {
        auto p = *vs::PlannedSystems(w.services).find(guid);
        p.spec.uuid = make_guid();
        p.spec.disks.at(0).format = "raw";
        if (imported) p.spec.attributes[std::string(vs::planned_folder)] = w.folder / "export";
        BOOST_TEST(vs::PlannedSystems(w.services).add(p).ok());
        const Value planned(vs::system_path("Msvm_PlannedComputerSystem", p.spec.uuid));
        BOOST_TEST(w.done(w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", planned}})) == 0U);
        BOOST_TEST(w.spec(p.spec.uuid).disks.at(0).format == (imported ? "raw" : "qcow2"));
        BOOST_TEST(w.hypervisor.undefine({}, p.spec.uuid).ok());
    }
}

BOOST_FIXTURE_TEST_CASE(every_problem_is_an_error_of_its_own, Setup) {
    add_disk((w.folder / "disks" / "later.qcow2").string());
    w.done(w.modify(w.make("Msvm_MemorySettingData",
                           {{"InstanceID", "Microsoft:" + guid + "\\4764334D-E001-4176-82EE-5594EC9B530E"},
                            {"VirtualQuantity", 12'000'000}})));
    const auto port = w.added(
        guid,
        w.make("Msvm_SyntheticEthernetPortSettingData",
               {{"ResourceType", 10}, {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Ethernet Port"}}));
    w.added(guid, w.make("Msvm_EthernetPortAllocationSettingData",
                         {{"ResourceType", 33},
                          {"Parent", w.parent_text("Msvm_SyntheticEthernetPortSettingData", port)},
                          {"HostResource", World::texts({vs::system_path_text(
                                               "testhost", "Msvm_VirtualEthernetSwitch", make_guid())})}}));
    const auto errors_found = errors("ValidatePlannedSystem", JobState::completed_with_warnings);
    BOOST_TEST(errors_found.size() == 3U);
    std::string all;
    for (const auto& e : errors_found) all += e.message + "|" + e.source + "\n";
    for (const char* part : {"later.qcow2", "memory", "switch", "Msvm_StorageAllocationSettingData",
                             "Msvm_MemorySettingData", "Msvm_EthernetPortAllocationSettingData"})
        BOOST_TEST(all.find(part) != std::string::npos, part << all);
    // Realizing fails with the same errors and leaves the plan.
    BOOST_TEST(errors("RealizePlannedSystem", JobState::exception).size() >= 3U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(w.get(path()).string("Name") == guid);
}

BOOST_FIXTURE_TEST_CASE(a_failure_while_realizing_leaves_the_plan_and_no_machine, Setup) {
    w.hypervisor.fail_next("define", Error(Status::failed, "test", "No."));
    BOOST_TEST(errors("RealizePlannedSystem", JobState::exception).size() == 1U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(w.get(path()).string("Name") == guid);
}

BOOST_FIXTURE_TEST_CASE(is_destroyed_by_DestroySystem, Setup) {
    BOOST_TEST(w.done(w.call(w.vsms(), "DestroySystem", {{"AffectedSystem", Value(path())}})) == 0U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_PlannedComputerSystem").empty());
    BOOST_TEST(World::code(w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", Value(path())}})) ==
               32773U);
}

// The machine came by virsh, or with a host that had been silent.
BOOST_FIXTURE_TEST_CASE(of_a_machine_and_a_plan_with_one_identifier_the_one_that_is_meant_is_destroyed,
                        Setup) {
    vs::PlannedSystems all(w.services);
    const auto plan = all.find(guid);
    const auto machine = vs::system_path("Msvm_ComputerSystem", guid);
    const auto destroy = [&](const ObjectPath& what) {
        return w.done(w.call(w.vsms(), "DestroySystem", {{"AffectedSystem", Value(what)}}));
    };
    BOOST_TEST(destroy(machine) == 32773U);
    BOOST_TEST_REQUIRE(w.hypervisor.define({}, plan->spec).ok());
    BOOST_TEST(destroy(World::settings_of(guid)) == 32773U);  // either of them
    BOOST_TEST(all.all().size() == 1U);
    BOOST_TEST(w.hypervisor.machines().size() == 1U);
    BOOST_TEST_REQUIRE(w.hypervisor.start({}, guid).ok());
    BOOST_TEST(destroy(path()) == 0U);
    BOOST_TEST(all.all().empty());
    BOOST_TEST(w.hypervisor.machines().size() == 1U);
    BOOST_TEST_REQUIRE(w.hypervisor.power_off({}, guid).ok());
    BOOST_TEST(destroy(path()) == 32773U);
    BOOST_TEST(w.hypervisor.machines().size() == 1U);
    BOOST_TEST(destroy(World::settings_of(guid)) == 0U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST_REQUIRE(all.add(*plan).ok());
    BOOST_TEST_REQUIRE(w.hypervisor.define({}, plan->spec).ok());
    BOOST_TEST(destroy(machine) == 0U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(all.all().size() == 1U);
    BOOST_TEST(destroy(World::settings_of(guid)) == 0U);
    BOOST_TEST(all.all().empty());
}

BOOST_FIXTURE_TEST_CASE(a_half_realized_machine_is_undone_and_its_plan_kept, Setup) {
    auto spec = vs::PlannedSystems(w.services).find(guid)->spec;
    spec.attributes["Planned.Unfinished"] = *export_import::own_mark(w.services);
    BOOST_TEST(w.hypervisor.define({}, spec).ok());
    w.hypervisor.fail_next("undefine", Error(Status::unavailable, "test", "Not now."));
    recover(w.services);
    BOOST_TEST(vs::PlannedSystems(w.services).all().size() == 1U);
    recover(w.services);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(vs::PlannedSystems(w.services).all().size() == 1U);
}

// What an export says of a file's content goes with the resource, and to no machine that is like the system.
BOOST_FIXTURE_TEST_CASE(a_disk_that_is_added_again_is_taken_as_it_is, Setup) {
    constexpr const char* sasd = "Msvm_StorageAllocationSettingData";
    std::filesystem::create_directories(w.folder / "export");
    backend::ImageSpec image;
    image.path = (w.folder / "export" / "used.qcow2").string();
    image.format = "qcow2";
    image.size = 1 << 20;
    BOOST_TEST_REQUIRE(w.hypervisor.create_image({}, image).ok());
    const auto id = add_disk(image.path);
    auto p = *vs::PlannedSystems(w.services).find(guid);
    auto& disk = p.spec.disks.at(0);
    disk.attributes["Planned.Content.Path"] = disk.path;
    disk.attributes["Planned.Content.Size"] = "1";
    disk.attributes["Planned.Content.Digest"] = std::string(64, '0');
    BOOST_TEST_REQUIRE(vs::PlannedSystems(w.services).replace(p).ok());
    const auto found = errors("ValidatePlannedSystem", JobState::completed_with_warnings);
    BOOST_TEST_REQUIRE(found.size() == 1U);
    BOOST_TEST(found[0].message.find("add it again") != std::string::npos, found[0].message);
    const auto like =
        w.call(w.vsms(), "DefineSystem",
               {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "like"}}))},
                {"ReferenceConfiguration", Value(path())}});
    BOOST_TEST_REQUIRE(w.done(like) == 0U);
    for (const auto& [key, value] :
         w.spec(like.out.get("ResultingSystem").as_path()->key_string("Name")).disks.at(0).attributes)
        BOOST_TEST(!key.starts_with("Planned."), key);

    const auto drive = w.get_setting(sasd, id).string("Parent");
    BOOST_TEST_REQUIRE(w.done(w.remove(sasd, id)) == 0U);
    w.added(guid, w.make(sasd, {{"ResourceType", 31},
                                {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                                {"Parent", drive},
                                {"HostResource", World::texts({image.path})}}));
    BOOST_TEST(w.done(w.call(w.vsms(), "ValidatePlannedSystem", {{"PlannedSystem", Value(path())}})) == 0U);
}

// The host is lost between the first step and the last, and so nothing can be taken back then.
BOOST_FIXTURE_TEST_CASE(what_a_lost_host_has_of_a_realized_system_goes_when_it_is_back, Setup) {
    const auto watching = watch(w.services);
    w.hypervisor.hold("redefine");
    const auto r = w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", Value(path())}});
    BOOST_TEST(World::code(r) == 4096U);
    BOOST_TEST_REQUIRE(eventually([&] { return w.hypervisor.calls("redefine") == 1U; }));
    w.hypervisor.set_connected(false);
    w.hypervisor.release("redefine");
    BOOST_TEST(w.done(r) == 32777U);
    BOOST_TEST(w.hypervisor.machines().size() == 1U);
    BOOST_TEST(vs::PlannedSystems(w.services).all().size() == 1U);
    w.hypervisor.set_connected(true);
    BOOST_TEST(eventually([&] { return w.hypervisor.machines().empty(); }));
    BOOST_TEST(vs::PlannedSystems(w.services).all().size() == 1U);
    BOOST_TEST_REQUIRE(eventually([&] { return w.jobs.unfinished() == 0U; }));
    BOOST_TEST(w.done(w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", Value(path())}})) == 0U);
    BOOST_TEST(!w.spec(guid).attributes.contains("Planned.Unfinished"));
    BOOST_TEST(vs::PlannedSystems(w.services).all().empty());
}

// The host did it and said that it had not; its event tells later.
BOOST_FIXTURE_TEST_CASE(a_half_made_machine_that_shows_late_is_taken_back, Setup) {
    const auto watching = watch(w.services);
    BOOST_TEST(w.hypervisor.define({}, half_made()).ok());
    BOOST_TEST(eventually([&] { return w.hypervisor.machines().empty(); }));
}

BOOST_FIXTURE_TEST_CASE(what_another_service_is_making_is_not_taken_back, Setup) {
    const auto watching = watch(w.services);
    auto spec = half_made();
    spec.attributes["Planned.Unfinished"] = make_guid();
    for (const bool planned : {true, false}) {
        BOOST_TEST_REQUIRE(w.hypervisor.define({}, spec).ok());
        w.hypervisor.set_connected(false);
        w.hypervisor.set_connected(true);
        recover(w.services);
        BOOST_TEST(
            !eventually([&] { return w.jobs.unfinished() > 0 || w.hypervisor.machines().empty(); }, 30));
        BOOST_TEST(World::code(w.request_state(guid, 2)) == 32775U);  // and not used either
        if (planned) BOOST_TEST(!errors("ValidatePlannedSystem", JobState::completed_with_warnings).empty());
        // Only who means it removes it.
        const auto meant = planned ? path() : vs::system_path("Msvm_ComputerSystem", guid);
        BOOST_TEST(w.done(w.call(w.vsms(), "DestroySystem", {{"AffectedSystem", Value(meant)}})) == 0U);
        BOOST_TEST(w.hypervisor.machines().empty() != planned);
        if (planned) BOOST_TEST_REQUIRE(w.hypervisor.forget({}, guid).ok());
    }
}

// A host that comes and goes while others work with the machine does not fill the service with jobs.
BOOST_FIXTURE_TEST_CASE(one_taking_back_waits_for_a_machine, Setup) {
    BOOST_TEST_REQUIRE(w.hypervisor.define({}, half_made()).ok());
    auto busy = w.jobs.lock(guid);
    BOOST_TEST_REQUIRE(busy.ok());
    const auto watching = watch(w.services);
    for (const bool answers : {false, true, false, true}) w.hypervisor.set_connected(answers);
    BOOST_TEST(w.jobs.unfinished() == 1U);
    BOOST_TEST(w.hypervisor.machines().size() == 1U);
    busy->reset();
    BOOST_TEST(eventually([&] { return w.hypervisor.machines().empty(); }));
}

BOOST_FIXTURE_TEST_CASE(a_half_made_machine_is_not_used, Setup) {
    const auto machine = vs::system_path("Msvm_ComputerSystem", guid);
    const auto begin = [&] { BOOST_TEST_REQUIRE(w.hypervisor.define({}, half_made()).ok()); };
    begin();
    const auto refused = [&](const MethodResult& r) {
        BOOST_TEST(w.done(r) == 32775U);
        BOOST_TEST(w.text_of(r).find("half made") != std::string::npos, w.text_of(r));
    };
    refused(w.request_state(guid, 2));
    BOOST_CHECK(w.hypervisor.machine(guid)->state == backend::MachineState::off);
    const Given renamed{{"InstanceID", "Microsoft:" + guid}, {"ElementName", "renamed"}};
    refused(w.call(w.vsms(), "ModifySystemSettings",
                   {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", renamed))}}));
    refused(w.call(vs::service_path("testhost", "Msvm_VirtualSystemSnapshotService", "vssnapsvc"),
                   "CreateSnapshot", {{"AffectedSystem", Value(machine)}, {"SnapshotType", 2}}));
    std::filesystem::create_directories(w.folder / "export");
    refused(w.call(
        w.vsms(), "ExportSystemDefinition",
        {{"ComputerSystem", Value(machine)}, {"ExportDirectory", (w.folder / "export" / "e").string()}}));
    const auto again = w.make("Msvm_VirtualSystemSettingData", {{"VirtualSystemIdentifier", Value(guid)}});
    BOOST_TEST(w.done(w.call(w.vsms(), "DefineSystem", {{"SystemSettings", Value(again)}})) == 32773U);
    BOOST_TEST(w.hypervisor.machine(guid)->spec.attributes.contains("Planned.Unfinished"));

    // It is no problem of the planned system either.
    BOOST_TEST(w.done(w.call(w.vsms(), "ValidatePlannedSystem", {{"PlannedSystem", Value(path())}})) == 0U);
    BOOST_TEST(w.hypervisor.machines().empty());
    begin();
    BOOST_TEST(w.done(w.call(w.vsms(), "DestroySystem", {{"AffectedSystem", Value(machine)}})) == 0U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(vs::PlannedSystems(w.services).all().size() == 1U);
    begin();
    BOOST_TEST(w.done(w.call(w.vsms(), "RealizePlannedSystem", {{"PlannedSystem", Value(path())}})) == 0U);
    BOOST_TEST(w.done(w.request_state(guid, 2)) == 0U);
}

// Realizing fails after the export has found the half made machine.
BOOST_FIXTURE_TEST_CASE(a_machine_that_goes_while_its_export_begins_is_refused, Setup) {
    struct Vanishing : testing::FakeHypervisor {
        std::shared_ptr<const backend::Machine> machine(std::string_view uuid) const override {
            auto m = FakeHypervisor::machine(uuid);
            if (m) BOOST_TEST(const_cast<Vanishing*>(this)->FakeHypervisor::forget({}, uuid).ok());
            return m;
        }
    } host;
    BOOST_TEST_REQUIRE(host.define({}, half_made()).ok());
    Services services{shipped_schema(), host, w.jobs, *w.store, w.services.host, {}, nullptr};
    ObjectManager om(shipped_schema(), services, provider_registry());
    Arguments in;
    in.set("ComputerSystem", Value(vs::system_path("Msvm_ComputerSystem", guid)));
    in.set("ExportDirectory", Value((w.folder / "export" / "e").string()));
    const auto r = om.invoke(w.request(), w.vsms(), "ExportSystemDefinition", std::move(in));
    BOOST_TEST_REQUIRE(r.ok());
    BOOST_TEST(World::code(*r) == 32773U);
    BOOST_TEST(w.text_of(*r).find("gone") != std::string::npos, w.text_of(*r));
}

BOOST_FIXTURE_TEST_CASE(destroying_a_planned_system_takes_its_half_made_machine_along, Setup) {
    BOOST_TEST_REQUIRE(w.hypervisor.define({}, half_made()).ok());
    BOOST_TEST(w.done(w.call(w.vsms(), "DestroySystem", {{"AffectedSystem", Value(path())}})) == 0U);
    BOOST_TEST(w.hypervisor.machines().empty());
    BOOST_TEST(vs::PlannedSystems(w.services).all().empty());
    BOOST_TEST(w.hypervisor.calls("forget") == 1U);  // undefine() would remove files of its snapshots
}

BOOST_AUTO_TEST_CASE(a_machine_that_a_killed_export_held_goes_on_at_start) {
    using backend::MachineState;
    struct Case {
        const char* note;
        MachineState now, after;
    };
    using enum MachineState;
    for (const auto& c : {Case{"running, paused", paused, running}, Case{"running, saved", saved, running},
                          Case{"paused, saved", saved, paused}, Case{"running, saved", paused, running},
                          Case{"paused, saved", paused, paused}, Case{"running, saved", running, running},
                          Case{"running, paused", saved, saved}}) {
        World w;
        const auto guid = w.define({{"ElementName", "held"}});
        BOOST_TEST(w.hypervisor.start({}, guid).ok());
        if (c.now == saved) BOOST_TEST(w.hypervisor.save({}, guid).ok());
        if (c.now == paused) BOOST_TEST(w.hypervisor.suspend({}, guid).ok());
        BOOST_TEST(w.store->put("export_held", guid, c.note).ok());
        recover(w.services);
        BOOST_CHECK(w.hypervisor.machine(guid)->state == c.after);
        BOOST_TEST(w.store->count("export_held").value_or(9) == 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_machine_that_cannot_go_on_stays_and_a_job_says_why) {
    World w;
    const auto guid = w.define({{"ElementName", "held"}});
    BOOST_TEST(w.hypervisor.start({}, guid).ok());
    BOOST_TEST(w.hypervisor.save({}, guid).ok());
    BOOST_TEST(w.store->put("export_held", guid, "running, saved").ok());
    w.hypervisor.fail_next("start", Error(Status::out_of_memory, "test", "No memory left."));
    recover(w.services);
    BOOST_CHECK(w.hypervisor.machine(guid)->state == backend::MachineState::saved);
    const auto jobs = w.services.jobs.all();
    const auto job =
        std::find_if(jobs.begin(), jobs.end(), [](const JobRecord& j) { return j.job_type == 15; });
    BOOST_REQUIRE(job != jobs.end());
    BOOST_CHECK(job->state == JobState::exception);
    BOOST_TEST(job->errors.at(0).message.find("No memory left.") == 0U);
    BOOST_TEST(w.services.jobs.lock(guid).ok());
    BOOST_TEST(w.store->count("export_held").value_or(9) == 0U);
}

BOOST_FIXTURE_TEST_CASE(names_inside_the_disks_of_an_import_are_not_forgotten_while_a_host_is_silent, Setup) {
    auto p = *vs::PlannedSystems(w.services).find(guid);
    backend::SnapshotInfo s;
    s.id = make_guid();
    s.spec = p.spec;
    s.spec.attributes[export_import::name_in_disks] = make_guid();
    backend::Disk disk;
    disk.path = (w.folder / "export" / "a.qcow2").string();
    disk.format = "qcow2";
    s.spec.disks = {disk};
    p.snapshots = {s};
    BOOST_TEST_REQUIRE(vs::PlannedSystems(w.services).replace(p).ok());
    const auto destroy = [&] {
        return w.done(w.call(w.vsms(), "DestroySystem", {{"AffectedSystem", Value(path())}}));
    };
    w.hypervisor.set_connected(false);
    BOOST_TEST(destroy() == 32777U);
    BOOST_TEST(vs::PlannedSystems(w.services).all().size() == 1U);
    w.hypervisor.set_connected(true);
    BOOST_TEST(destroy() == 0U, w.last_text);
    BOOST_TEST(vs::PlannedSystems(w.services).all().empty());
}

BOOST_FIXTURE_TEST_CASE(the_memory_of_an_import_counts_among_its_files, Setup) {
    const auto size = [&] {
        const auto r = w.call(
            w.vsms(), "GetSizeOfSystemFiles",
            {{"Vssd", Value(vs::setting_path("Msvm_VirtualSystemSettingData", vs::setting_id(guid)))}});
        BOOST_TEST_REQUIRE(World::code(r) == 0U);
        return r.out.get("Size").uint_or(0);
    };
    std::filesystem::create_directories(w.folder / "export");
    const auto file = w.folder / "export" / "memory", elsewhere = w.folder / "of somebody";
    for (const auto& path : {file, elsewhere}) std::ofstream(path) << std::string(1 << 20, 'm');
    const auto before = size();
    auto p = *vs::PlannedSystems(w.services).find(guid);
    p.spec.attributes[std::string(vs::planned_saved)] = file.string();
    BOOST_TEST_REQUIRE(vs::PlannedSystems(w.services).replace(p).ok());
    const auto with_memory = size();
    BOOST_TEST(with_memory >= before + (1U << 20));
    // An import tells nothing of a file outside the export folders.
    std::filesystem::remove(file);
    std::filesystem::create_symlink(elsewhere, file);
    BOOST_TEST(size() == with_memory - (1U << 20));
}

BOOST_FIXTURE_TEST_CASE(a_switch_that_is_chosen_later_is_no_problem_any_more, Setup) {
    const auto port = w.added(guid, w.make("Msvm_SyntheticEthernetPortSettingData", {{"ResourceType", 10}}));
    const auto plugged = w.added(
        guid, w.make("Msvm_EthernetPortAllocationSettingData",
                     {{"ResourceType", 33},
                      {"Parent", w.parent_text("Msvm_SyntheticEthernetPortSettingData", port)},
                      {"HostResource", World::texts({vs::system_path_text(
                                           "testhost", "Msvm_VirtualEthernetSwitch", make_guid())})}}));
    BOOST_TEST(errors("ValidatePlannedSystem", JobState::completed_with_warnings).size() == 1U);
    const auto chosen =
        vs::system_path_text("testhost", "Msvm_VirtualEthernetSwitch", w.hypervisor.switches().front().id);
    BOOST_TEST(
        w.done(w.modify(w.make("Msvm_EthernetPortAllocationSettingData",
                               {{"InstanceID", plugged}, {"HostResource", World::texts({chosen})}}))) == 0U);
    BOOST_TEST(w.done(w.call(w.vsms(), "ValidatePlannedSystem", {{"PlannedSystem", Value(path())}})) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
