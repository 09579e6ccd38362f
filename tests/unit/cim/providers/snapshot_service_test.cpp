// The snapshot service and version 1's snapshot methods: what each accepts, refuses and leaves behind.
#include <thread>

#include "tests/unit/cim/providers/snapshot_world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;

namespace {

using Setup = SnapshotWorld;

constexpr const char* settings_class = Setup::settings_class;
constexpr unsigned completed = 0, started = 4096, invalid_type = 6, failed = 32768, not_supported = 32770,
                   timeout = 32772, invalid_parameter = 32773, in_use = 32774, invalid_state = 32775,
                   unavailable = 32777;

bool icontains(const std::string& text, const std::string& part) {
    return to_upper(text).find(to_upper(part)) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_service)

// P-SV-20
BOOST_AUTO_TEST_CASE(create_is_a_job_that_names_the_snapshot_at_once) {
    Setup w;
    w.hypervisor.hold("snapshot");
    const auto r = w.create();
    BOOST_TEST(World::code(r) == started);
    const auto* path = r.out.get("ResultingSnapshot").as_path();
    BOOST_TEST_REQUIRE(path);
    BOOST_TEST(path->class_name() == settings_class);
    const auto id = vs::system_guid_of(*path);
    w.hypervisor.release("snapshot");
    const auto job = w.job_of(r);
    BOOST_TEST(static_cast<int>(job.state) == static_cast<int>(JobState::completed));
    BOOST_TEST(job.job_type == 70U);
    BOOST_TEST_REQUIRE(job.affected.size() == 2U);
    BOOST_TEST(icontains(job.affected[0].path, w.guid));
    BOOST_TEST(icontains(job.affected[1].path, id));

    const auto s = w.settings(id);
    BOOST_TEST(s.string("VirtualSystemType") == "Microsoft:Hyper-V:Snapshot:Realized");
    BOOST_TEST(s.string("VirtualSystemIdentifier") == w.guid);
    BOOST_TEST(s.string("ConfigurationID") == id);
    BOOST_TEST(s.string("ElementName").starts_with("box - ("));
    BOOST_TEST(!s.get("IsSaved").bool_or(true));
    BOOST_TEST(s.get("Parent").is_null());
    BOOST_TEST(icontains(w.settings(w.guid).string("Parent"), id));
    // Its devices are instances of their own.
    BOOST_TEST(w.query("SELECT * FROM Msvm_MemorySettingData WHERE InstanceID LIKE 'Microsoft:" + id + "%'")
                   .size() == 1U);
}

BOOST_AUTO_TEST_CASE(every_type_of_snapshot_and_6_for_others) {
    Setup w;
    w.user_snapshot_type(5);
    w.start();
    const auto full = w.created({{"SnapshotType", 2}}), disks = w.created({{"SnapshotType", 3}}),
               by_default = w.created(), recovery = w.created({{"SnapshotType", 32768}});
    BOOST_TEST(w.settings(full).get("IsSaved").bool_or(false));
    BOOST_TEST(!w.settings(disks).get("IsSaved").bool_or(true));
    BOOST_TEST(w.settings(by_default).get("IsSaved").bool_or(false));
    BOOST_TEST(!w.settings(recovery).get("IsSaved").bool_or(true));
    BOOST_TEST(w.settings(recovery).string("VirtualSystemType") == "Microsoft:Hyper-V:Snapshot:Recovery");
    for (const unsigned type : {0U, 1U, 4U, 32767U, 32769U, 65535U})
        BOOST_TEST(World::code(w.create({{"SnapshotType", type}})) == invalid_type, type);
    BOOST_TEST(w.snapshots() == 4U);
}

BOOST_AUTO_TEST_CASE(create_refuses_wrong_parameters_and_changes_nothing) {
    Setup w;
    const auto refused = [&](const Given& in, const char* parameter) {
        const auto r = w.call(Setup::service(), "CreateSnapshot", in);
        BOOST_TEST(World::code(r) == invalid_parameter);
        BOOST_TEST(icontains(w.text_of(r), parameter), w.text_of(r));
        BOOST_TEST(w.snapshots() == 0U);
    };
    const auto planned =
        w.call(w.vsms(), "DefinePlannedSystem",
               {{"SystemSettings", Value(w.make(settings_class, {{"ElementName", "plan"}}))}});
    const Value box(Setup::machine_path(w.guid));
    refused({}, "AffectedSystem");
    refused({{"AffectedSystem", Value(Setup::machine_path(make_guid()))}}, "AffectedSystem");
    refused({{"AffectedSystem", Value(vs::system_path("Msvm_ComputerSystem", "testhost"))}},
            "AffectedSystem");
    refused({{"AffectedSystem", planned.out.get("ResultingSystem")}}, "AffectedSystem");
    refused({{"AffectedSystem", box},
             {"SnapshotSettings", Value(w.make(settings_class, {{"ElementName", "name"}}))}},
            "SnapshotSettings");
    refused({{"AffectedSystem", box}, {"SnapshotSettings", Value(w.wishes({{"ConsistencyLevel", 3}}))}},
            "ConsistencyLevel");
    refused({{"AffectedSystem", box}, {"SnapshotSettings", Value(w.wishes({{"GuestBackupType", 3}}))}},
            "GuestBackupType");
    BOOST_TEST(w.hypervisor.calls("snapshot") == 0U);
}

// References as real clients send them.
BOOST_AUTO_TEST_CASE(references_may_be_paths_texts_and_settings_for_systems) {
    Setup w;
    const Value forms[] = {Value(Setup::machine_path(w.guid)), Value(World::settings_of(w.guid)),
                           Value(vs::system_path_text("OTHERNAME", "Msvm_ComputerSystem", to_lower(w.guid))),
                           Value(vs::setting_path_text(".", settings_class, vs::setting_id(w.guid)))};
    for (const auto& form : forms) {
        const auto r = w.call(Setup::service(), "CreateSnapshot", {{"AffectedSystem", form}});
        BOOST_TEST(World::code(r) == started);
        BOOST_TEST(w.done(r) == completed);
    }
    BOOST_TEST(w.snapshots() == 4U);
    const auto id = w.now().snapshots[0].id;
    const Value settings[] = {Value(World::settings_of(to_lower(id))),
                              Value(vs::setting_path_text("X", settings_class, vs::setting_id(id))),
                              Value(vs::system_path("Msvm_ComputerSystem", id))};
    for (const auto& form : settings)
        BOOST_TEST(w.done(w.call(Setup::service(), "ApplySnapshot", {{"Snapshot", form}})) == completed);
}

BOOST_AUTO_TEST_CASE(only_snapshots_that_exist_can_be_applied_deleted_or_cleared) {
    Setup w;
    const Value wrong[] = {Value(World::settings_of(w.guid)), Value(World::settings_of(make_guid())),
                           Value(Setup::machine_path(w.guid)), Value(Setup::service()), Value()};
    const std::pair<const char*, const char*> methods[] = {{"ApplySnapshot", "Snapshot"},
                                                           {"DestroySnapshot", "AffectedSnapshot"},
                                                           {"DestroySnapshotTree", "SnapshotSettingData"},
                                                           {"ClearSnapshotState", "SnapshotSettingData"}};
    w.created();
    for (const auto& [method, parameter] : methods)
        for (const auto& value : wrong) {
            const auto r = w.call(Setup::service(), method, {{parameter, value}});
            BOOST_TEST(World::code(r) == invalid_parameter, method);
            BOOST_TEST(icontains(w.text_of(r), parameter), w.text_of(r));
        }
    BOOST_TEST(w.snapshots() == 1U);
}

// P-SV-21
BOOST_AUTO_TEST_CASE(a_machine_goes_back_only_when_it_is_off_or_saved) {
    Setup w;
    w.user_snapshot_type(5);
    const auto off = w.created();
    w.start();
    const auto running = w.created();
    BOOST_TEST(World::code(w.apply(off)) == invalid_state);
    BOOST_TEST(w.done(w.request_state(w.guid, 9)) == completed);
    BOOST_TEST(World::code(w.apply(off)) == invalid_state);
    BOOST_CHECK(w.now().state == MachineState::paused);
    BOOST_TEST(w.hypervisor.calls("revert") == 0U);
    BOOST_TEST(w.done(w.request_state(w.guid, 6)) == completed);
    const auto r = w.apply(off);
    BOOST_TEST(World::code(r) == started);
    BOOST_TEST(w.done(r) == completed);
    BOOST_CHECK(w.now().state == MachineState::off);
    BOOST_TEST(w.job_of(r).job_type == 71U);
    // With memory: saved, so that starting it is the client's decision.
    BOOST_TEST(w.done(w.apply(running)) == completed);
    BOOST_CHECK(w.now().state == MachineState::saved);
}

BOOST_AUTO_TEST_CASE(a_cleared_state_is_gone_for_good) {
    Setup w;
    w.user_snapshot_type(5);
    const auto off = w.created();
    BOOST_TEST(World::code(w.clear(off)) == invalid_state);
    w.start();
    const auto running = w.created();
    BOOST_TEST(w.done(w.request_state(w.guid, 6)) == completed);
    const auto saved = w.created();
    for (const auto& id : {running, saved}) {
        BOOST_TEST(w.done(w.clear(id)) == completed);
        BOOST_TEST(World::code(w.clear(id)) == invalid_state);
        BOOST_TEST(!w.settings(id).get("IsSaved").bool_or(true));
        BOOST_TEST(w.done(w.apply(id)) == completed);
        BOOST_CHECK(w.now().state == MachineState::off);
    }
}

BOOST_AUTO_TEST_CASE(the_policy_of_the_machine_decides_how_a_full_snapshot_is_taken) {
    Setup w;
    w.user_snapshot_type(2);
    BOOST_TEST(World::code(w.create()) == invalid_state);
    w.start();

    w.user_snapshot_type(4);  // production only, no agent: nothing else takes its place
    auto r = w.create();
    BOOST_TEST(World::code(r) == started);
    BOOST_TEST(w.done(r) == not_supported);
    BOOST_TEST(w.snapshots() == 0U);

    w.user_snapshot_type(3);  // production where possible
    BOOST_TEST(w.settings(w.created()).get("IsSaved").bool_or(false));
    w.hypervisor.set_agent(w.guid, true);
    BOOST_TEST(!w.settings(w.created()).get("IsSaved").bool_or(true));
    w.hypervisor.fail_next("snapshot", Error(Status::not_supported, "wsvirt.snapshot.no_agent", "no answer"));
    r = w.create();
    auto job = w.job_of(r);
    BOOST_CHECK(job.state == JobState::completed_with_warnings);
    BOOST_TEST_REQUIRE(job.errors.size() == 1U);
    BOOST_TEST(icontains(job.errors[0].message, "standard"));
    BOOST_TEST(w.settings(vs::system_guid_of(*r.out.get("ResultingSnapshot").as_path()))
                   .get("IsSaved")
                   .bool_or(false));

    w.user_snapshot_type(5);  // standard, although the agent is there
    BOOST_TEST(w.settings(w.created()).get("IsSaved").bool_or(false));
    // Application consistency that was asked for by name has no substitute.
    const Given consistent{{"SnapshotSettings", Value(w.wishes({{"ConsistencyLevel", 1}}))}};
    BOOST_TEST(!w.settings(w.created(consistent)).get("IsSaved").bool_or(true));
    w.hypervisor.set_agent(w.guid, false);
    const auto before = w.snapshots();
    BOOST_TEST(w.done(w.create(consistent)) == not_supported);
    BOOST_TEST(w.snapshots() == before);
}

BOOST_AUTO_TEST_CASE(shared_disks_are_left_out_only_on_demand) {
    Setup w;
    auto spec = w.now().spec;
    backend::Disk d;
    d.id = make_guid();
    d.path = w.image("shared.qcow2");
    d.shareable = true;
    spec.disks.push_back(d);
    BOOST_TEST_REQUIRE(w.hypervisor.redefine({}, spec).ok());
    const auto r = w.create();
    BOOST_TEST(World::code(r) == invalid_state);
    BOOST_TEST(icontains(w.text_of(r), "shared.qcow2"));
    BOOST_TEST(w.snapshots() == 0U);
    w.created({{"SnapshotSettings", Value(w.wishes({{"IgnoreNonSnapshottableDisks", true}}))}});
}

BOOST_AUTO_TEST_CASE(failures_below_are_in_the_job_with_their_code) {
    Setup w;
    w.user_snapshot_type(5);
    w.start();
    const auto id = w.created();
    BOOST_TEST_REQUIRE(w.done(w.request_state(w.guid, 3)) == completed);
    const std::pair<Error, unsigned> cases[] = {
        {Error(Status::failed, "x", "disk full", {}, "qemu-img says so"), failed},
        {Error(Status::access_denied, "x", "not yours"), 32769},
        {Error(Status::not_supported, "x", "cannot"), not_supported},
        {Error(Status::timed_out, "x", "slow"), timeout},
        {Error(Status::unavailable, "x", "gone"), unavailable},
        {Error(Status::invalid_state, "x", "in use"), invalid_state},
        {Error(Status::out_of_memory, "x", "no memory"), 32778}};
    for (const auto& [error, expected] : cases) {
        w.hypervisor.fail_next("snapshot", error);
        BOOST_TEST(w.done(w.create()) == expected);
        w.hypervisor.fail_next("revert", error);
        BOOST_TEST(w.done(w.apply(id)) == expected);
        w.hypervisor.fail_next("delete_snapshot", error);
        BOOST_TEST(w.done(w.destroy(id)) == expected);
        w.hypervisor.fail_next("modify_snapshot", error);
        BOOST_TEST(w.done(w.clear(id)) == expected);
        w.hypervisor.fail_next("delete_snapshot", error);
        BOOST_TEST(w.done(w.destroy_tree(id)) == expected);
        BOOST_TEST(w.last_text.starts_with(error.text));
        if (!error.detail.empty()) BOOST_TEST(icontains(w.last_text, error.detail));
    }
    BOOST_TEST(w.snapshots() == 1U);
    BOOST_TEST(w.now().snapshots[0].id == id);
}

BOOST_AUTO_TEST_CASE(of_two_calls_at_once_one_runs_and_the_other_is_told_so) {
    Setup w;
    const auto id = w.created();
    const auto other = w.define({{"ElementName", "other"}});
    for (const char* operation : {"snapshot", "revert", "delete_snapshot"}) {
        w.hypervisor.hold(operation);
        const auto first = operation == std::string("snapshot") ? w.create()
                           : operation == std::string("revert") ? w.apply(id)
                                                                : w.destroy(id);
        BOOST_TEST(World::code(first) == started);
        for (const auto& r : {w.create(), w.apply(id), w.destroy(id), w.destroy_tree(id), w.clear(id)}) {
            BOOST_TEST(World::code(r) == in_use);
            BOOST_TEST(icontains(w.text_of(r), "machine"), w.text_of(r));
        }
        // Another machine does not wait, where the held call is not its own.
        if (operation != std::string("snapshot"))
            BOOST_TEST(w.done(w.call(Setup::service(), "CreateSnapshot",
                                     {{"AffectedSystem", Value(Setup::machine_path(other))}})) == completed);
        w.hypervisor.release(operation);
        BOOST_TEST(w.done(first) == completed);
    }
}

BOOST_AUTO_TEST_CASE(taking_one_can_be_cancelled_and_leaves_nothing) {
    Setup w;
    w.hypervisor.hold("snapshot");
    const auto r = w.create();
    const auto* path = r.out.get("Job").as_path();
    BOOST_TEST_REQUIRE(path);
    for (int tries = 0; w.hypervisor.calls("snapshot") == 0 && tries < 1000; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    BOOST_TEST(World::code(w.call(*path, "RequestStateChange", {{"RequestedState", 4}})) % 4096 == completed);
    const auto job = w.job_of(r);
    BOOST_CHECK(job.state == JobState::terminated);
    w.hypervisor.release("snapshot");
    BOOST_TEST(w.snapshots() == 0U);
    BOOST_TEST(World::code(w.create()) == started);  // and the machine is free again
}

BOOST_AUTO_TEST_CASE(what_does_not_run_is_not_made_consistent) {
    Setup w;
    w.hypervisor.set_agent(w.guid, true);
    const Given consistent{{"SnapshotSettings", Value(w.wishes({{"ConsistencyLevel", 1}}))}};
    for (const unsigned state : {9U, 6U}) {  // paused, saved
        w.start();
        BOOST_TEST_REQUIRE(w.done(w.request_state(w.guid, state)) == completed);
        const auto refused = [&](const Given& more, const char* advice) {
            const auto r = w.create(more);
            BOOST_TEST(World::code(r) == invalid_state);
            BOOST_TEST(w.text_of(r).find(advice) != std::string::npos, w.text_of(r));
        };
        refused(consistent, "or leave ConsistencyLevel out.");
        w.user_snapshot_type(4);
        refused({}, "or set its UserSnapshotType to 5 (");
        refused(consistent, "or leave ConsistencyLevel out and set its UserSnapshotType to 5 (");
        w.user_snapshot_type(3);
        BOOST_TEST(w.snapshots() == 0U);
        BOOST_TEST_REQUIRE(w.done(w.request_state(w.guid, 3)) == completed);
    }
    (void)w.created(consistent);  // there is nothing to prepare in a machine that is off
}

BOOST_AUTO_TEST_CASE(only_names_and_notes_of_a_snapshot_change) {
    Setup w;
    const auto id = w.created();
    const auto change = [&](const Given& given) {
        Given all = given;
        all.emplace_back("InstanceID", "Microsoft:" + id);
        return w.call(w.vsms(), "ModifySystemSettings",
                      {{"SystemSettings", Value(w.make(settings_class, all))}});
    };
    const auto first =
        change({{"ElementName", "before <update>"}, {"Notes", World::texts({"one", "two & three"})}});
    BOOST_TEST(w.done(first) == completed, w.text_of(first));
    BOOST_TEST(w.settings(id).string("ElementName") == "before <update>");
    BOOST_TEST_REQUIRE(w.settings(id).get("Notes").as_array());
    BOOST_TEST(w.settings(id).get("Notes").as_array()->at(1).string_or({}) == "two & three");
    BOOST_TEST(w.settings(w.guid).string("ElementName") == "box");
    BOOST_TEST(World::code(change({{"ElementName", " "}})) == invalid_parameter);
    BOOST_TEST(World::code(change({{"BIOSNumLock", true}})) == invalid_parameter);
    BOOST_TEST(w.settings(id).string("ElementName") == "before <update>");
    BOOST_TEST(w.done(w.apply(id)) == completed);
    BOOST_TEST(w.settings(w.guid).string("ElementName") == "box");
}

BOOST_AUTO_TEST_CASE(reference_points_are_not_supported) {
    Setup w;
    const auto id = w.created();
    BOOST_TEST(World::code(w.call(Setup::service(), "ConvertToReferencePoint",
                                  {{"AffectedSnapshot", Value(World::settings_of(id))}})) == not_supported);
}

// --- version 1 ---

BOOST_AUTO_TEST_CASE(version_1_has_the_four_methods) {
    Setup w;
    w.user_snapshot_type(5);
    const auto& v1 = *shipped_schema().find("root/virtualization");
    const auto call = [&](const char* method, const Given& in) {
        Arguments arguments;
        for (const auto& [name, v] : in) arguments.set(name, v);
        const Request request{w.admin, v1, Clock::time_point::max(), {}, "test", ""};
        auto service = w.vsms();
        service.set_name_space("root/virtualization");
        auto r = w.om.invoke(request, service, method, std::move(arguments));
        if (!r) BOOST_TEST_REQUIRE(false, std::string(method) + ": " + r.error().full_text());
        return std::move(*r);
    };
    const Value box(Setup::machine_path(w.guid));
    const auto take = [&] {
        const auto r = call("CreateVirtualSystemSnapshot", {{"SourceSystem", box}});
        BOOST_TEST(World::code(r) == started);
        BOOST_TEST(w.done(r) == completed);
        const auto* path = r.out.get("SnapshotSettingData").as_path();
        BOOST_TEST_REQUIRE(path);
        BOOST_TEST(path->name_space() == "root/virtualization");
        BOOST_TEST(r.out.get("Job").as_path()->name_space() == "root/virtualization");
        return vs::system_guid_of(*path);
    };
    const auto of = [](const std::string& id) { return Value(World::settings_of(id)); };
    const auto a = take(), b = take(), c = take();
    const auto other = w.define({{"ElementName", "other"}});
    BOOST_TEST(World::code(call("CreateVirtualSystemSnapshot", {})) == invalid_parameter);
    BOOST_TEST(World::code(call("ApplyVirtualSystemSnapshot",
                                {{"ComputerSystem", Value(Setup::machine_path(other))},
                                 {"SnapshotSettingData", of(a)}})) == invalid_parameter);
    BOOST_TEST(World::code(call("ApplyVirtualSystemSnapshot", {{"ComputerSystem", box}})) ==
               invalid_parameter);
    BOOST_TEST(w.hypervisor.calls("revert") == 0U);
    BOOST_TEST(w.done(call("ApplyVirtualSystemSnapshot",
                           {{"ComputerSystem", box}, {"SnapshotSettingData", of(a)}})) == completed);
    BOOST_TEST(w.done(call("ApplyVirtualSystemSnapshot", {{"SnapshotSettingData", of(b)}})) == completed);
    w.start();
    BOOST_TEST(World::code(call("ApplyVirtualSystemSnapshot", {{"SnapshotSettingData", of(a)}})) ==
               invalid_state);
    BOOST_TEST(w.done(call("RemoveVirtualSystemSnapshot", {{"SnapshotSettingData", of(b)}})) == completed);
    BOOST_TEST(w.snapshots() == 2U);
    BOOST_TEST(World::code(call("RemoveVirtualSystemSnapshot", {{"SnapshotSettingData", of(b)}})) ==
               invalid_parameter);
    BOOST_TEST(w.done(call("RemoveVirtualSystemSnapshotTree", {{"SnapshotSettingData", of(a)}})) ==
               completed);
    BOOST_TEST(w.snapshots() == 0U);
    (void)c;
}

BOOST_AUTO_TEST_SUITE_END()
