// What an export does to the machine and to the folder it writes to, over machines in memory.
#include <sys/stat.h>

#include <climits>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "base/text.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
using backend::MachineState;
namespace fs = std::filesystem;

namespace {

constexpr unsigned crash_consistent = 0, saved_state = 1;

struct Exporter : TwoHosts {
    Exporter() { fs::create_directories(place()); }

    fs::path place() const { return folder / "export"; }
    MethodResult begin(const std::string& guid, const Given& wishes = {}, const std::string& where = {}) {
        return call(vsms(), "ExportSystemDefinition",
                    {{"ComputerSystem", system(guid)},
                     {"ExportDirectory", Value(where.empty() ? place().string() : where)},
                     {"ExportSettingData", Value(make("Msvm_VirtualSystemExportSettingData", wishes))}});
    }
    std::string running() {
        const auto guid = machine();
        start(guid);
        return guid;
    }
    MachineState state(const std::string& guid) const { return hypervisor.machine(guid)->state; }
    std::size_t held() const {
        return store->count("export_held").value_or(9) + store->count("export_left").value_or(9);
    }
    template <class Condition>
    static bool eventually(Condition c) {
        for (int n = 0; n < 1000 && !c(); ++n) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return c();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(exporting, Exporter)

BOOST_AUTO_TEST_CASE(a_machine_whose_host_does_not_answer_goes_on_when_it_is_back) {
    const auto watched = watch(services);
    const auto guid = running();
    hypervisor.hold("convert_image");
    const auto r = begin(guid, {{"CaptureLiveState", crash_consistent}});
    BOOST_TEST_REQUIRE(eventually([&] { return hypervisor.calls("convert_image") == 1; }));
    BOOST_CHECK(state(guid) == MachineState::paused);
    hypervisor.set_connected(false);
    hypervisor.release("convert_image");
    BOOST_TEST(done(r) != 0U);
    BOOST_CHECK(state(guid) == MachineState::paused);
    hypervisor.set_connected(true);
    BOOST_TEST(eventually([&] { return state(guid) == MachineState::running && held() == 0; }));
}

BOOST_AUTO_TEST_CASE(a_machine_that_could_not_be_resumed_for_now_is_resumed_soon) {
    const auto guid = running();
    hypervisor.fail_next("resume", Error(Status::unavailable, "test", "Not now."));
    BOOST_TEST(done(begin(guid, {{"CaptureLiveState", crash_consistent}})) == 32777U);
    BOOST_TEST(eventually([&] { return state(guid) == MachineState::running && held() == 0; }));
}

// The host does it when it can, after the export has failed.
BOOST_AUTO_TEST_CASE(a_machine_that_is_stopped_late_goes_on_all_the_same) {
    using enum MachineState;
    const auto guid = machine();
    const auto watched = watch(services);
    for (const bool shows : {true, false})
        for (const bool save : {true, false})
            for (const auto before : {running, paused}) {
                if (before == paused && !save) continue;  // need not be stopped
                start(guid);
                if (before == paused) BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
                const auto asked = hypervisor.calls(before == paused ? "suspend" : "resume");
                hypervisor.give_up(save ? "save" : "suspend", shows);
                BOOST_TEST(done(begin(guid, {{"CaptureLiveState", save ? saved_state : crash_consistent}})) ==
                           32772U);
                if (!shows)
                    BOOST_TEST_REQUIRE(eventually([&] {
                        return hypervisor.calls(before == paused ? "suspend" : "resume") > asked + 1;
                    }));
                BOOST_TEST(held() == 1U);
                hypervisor.finish_given_up();
                BOOST_TEST(eventually([&] { return state(guid) == before && held() == 0; }));
                BOOST_TEST_REQUIRE(eventually([&] { return jobs.unfinished() == 0U; }));
                BOOST_TEST_REQUIRE(hypervisor.power_off({}, guid).ok());
            }
}

// What was planned on is not so any more when it is the job's turn.
BOOST_AUTO_TEST_CASE(a_half_applied_machine_is_not_exported) {
    const auto guid = machine();
    hypervisor.fail_next("check_whole", Error(Status::busy, "test", "Finished only now."));
    BOOST_TEST(done(begin(guid)) == 32774U);
    BOOST_TEST(last_text.find("Finished only now.") != std::string::npos, last_text);
    BOOST_TEST(hypervisor.calls("convert_image") == 0U);
    BOOST_TEST(fs::is_empty(place()));
    BOOST_TEST(done(begin(guid)) == 0U);
}

BOOST_AUTO_TEST_CASE(an_export_of_a_machine_that_somebody_lets_run_before_it_begins_fails) {
    using enum MachineState;
    const auto guid = machine();
    for (const auto before : {paused, saved, off}) {
        if (before != off) start(guid);
        if (before == paused) BOOST_TEST_REQUIRE(hypervisor.suspend({}, guid).ok());
        if (before == saved) BOOST_TEST_REQUIRE(hypervisor.save({}, guid).ok());
        const auto looked = hypervisor.calls("image_info"), copied = hypervisor.calls("convert_image");
        hypervisor.hold("image_info");
        auto somebody = std::async(std::launch::async, [&] {  // who must not speak to Boost.Test
            const bool begun = eventually([&] { return hypervisor.calls("image_info") > looked; });
            const auto let_run = before == paused ? hypervisor.resume({}, guid) : hypervisor.start({}, guid);
            hypervisor.release("image_info");
            return begun && let_run.ok();
        });
        const auto r = begin(guid, {{"CaptureLiveState", before == paused ? crash_consistent : saved_state}});
        BOOST_TEST_REQUIRE(somebody.get());
        BOOST_TEST(done(r) == 32775U);
        BOOST_TEST(last_text.find("somebody else") != std::string::npos, last_text);
        BOOST_TEST(hypervisor.calls("convert_image") == copied);
        BOOST_TEST(fs::is_empty(place()));
        BOOST_CHECK(state(guid) == running);
        BOOST_TEST_REQUIRE(hypervisor.power_off({}, guid).ok());
    }
}

BOOST_AUTO_TEST_CASE(an_export_of_a_machine_that_somebody_lets_run_meanwhile_fails) {
    using enum MachineState;
    const auto guid = machine();
    const auto resume = [&] { return hypervisor.resume({}, guid).ok(); };
    const auto suspend = [&] { return hypervisor.suspend({}, guid).ok(); };
    const auto begin_it = [&] { return hypervisor.start({}, guid).ok(); };
    const auto end_it = [&] { return hypervisor.power_off({}, guid).ok(); };
    struct Case {
        MachineState before;
        unsigned live;
        std::vector<std::function<bool()>> others;
        MachineState after;
    };
    for (const auto& c :
         {Case{running, crash_consistent, {resume}, running},
          Case{running, crash_consistent, {resume, suspend}, running},
          Case{running, crash_consistent, {end_it}, off}, Case{running, saved_state, {begin_it}, running},
          Case{paused, crash_consistent, {resume, suspend}, paused},
          Case{saved, saved_state, {begin_it}, running}, Case{off, saved_state, {begin_it, end_it}, off}}) {
        if (c.before != off) start(guid);
        if (c.before == paused) BOOST_TEST_REQUIRE(suspend());
        if (c.before == saved) BOOST_TEST_REQUIRE(hypervisor.save({}, guid).ok());
        hypervisor.hold("convert_image");
        const auto calls = hypervisor.calls("convert_image");
        const auto r = begin(guid, {{"CaptureLiveState", c.live}});
        BOOST_TEST_REQUIRE(eventually([&] { return hypervisor.calls("convert_image") > calls; }));
        for (const auto& act : c.others) BOOST_TEST_REQUIRE(act());
        hypervisor.release("convert_image");
        BOOST_TEST(done(r) == 32775U);
        BOOST_TEST(last_text.find("somebody else") != std::string::npos, last_text);
        BOOST_TEST(fs::is_empty(place()));
        BOOST_CHECK(state(guid) == c.after);
        BOOST_TEST(held() == 0U);
        if (state(guid) != off) BOOST_TEST_REQUIRE(end_it());
        BOOST_TEST_REQUIRE(done(begin(guid)) == 0U);  // undisturbed
        fs::remove_all(place() / "traveller");
    }
}

// A host that is silent tells nothing of it, and what ended before it answers again is nobody's event.
BOOST_AUTO_TEST_CASE(an_export_of_a_machine_that_may_have_run_unseen_fails) {
    const auto guid = machine();
    const auto while_copied = [&](const std::function<void()>& act) {
        const auto calls = hypervisor.calls("convert_image");
        hypervisor.hold("convert_image");
        const auto r = begin(guid);
        BOOST_TEST_REQUIRE(eventually([&] { return hypervisor.calls("convert_image") > calls; }));
        act();
        hypervisor.release("convert_image");
        const auto code = done(r);
        BOOST_TEST(fs::is_empty(place()));
        return code;
    };
    BOOST_TEST(while_copied([&] { hypervisor.set_connected(false); }) == 32777U);
    BOOST_TEST(last_text.find("does not answer") != std::string::npos, last_text);
    hypervisor.set_connected(true);
    BOOST_TEST(while_copied([&] {
                   fs::last_write_time(disk_path, fs::last_write_time(disk_path) + std::chrono::seconds(1));
               }) == 32775U);
    BOOST_TEST(last_text.find("somebody else") != std::string::npos, last_text);
    BOOST_TEST(done(begin(guid)) == 0U);
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_be_written_down_are_refused_before_the_machine_is_stopped) {
    const auto guid = running();
    hypervisor.fail_next("spec_to_text", Error(Status::invalid_parameter, "test", "No such drive."));
    const auto r = begin(guid, {{"CaptureLiveState", saved_state}});
    BOOST_TEST(code(r) == 32773U);
    BOOST_TEST(text_of(r).find("No such drive.") != std::string::npos, text_of(r));
    BOOST_TEST(hypervisor.calls("save") == 0U);
    BOOST_CHECK(state(guid) == MachineState::running);
}

// Nothing is lost without a word: neither a disk, nor memory that could not be used without a device.
BOOST_AUTO_TEST_CASE(what_the_settings_have_no_word_for_is_refused_or_said) {
    const auto guid = running();
    const auto with = [&](const backend::UnknownDevices& own, const backend::UnknownDevices& of_snapshot) {
        auto m = *hypervisor.machine(guid);
        m.unknown = own;
        for (auto& s : m.snapshots) s.unknown = of_snapshot;
        hypervisor.remove_behind_back(guid);
        hypervisor.show(m);
    };
    const auto refused = [&](const Given& wishes, const std::string& named) {
        const auto r = begin(guid, wishes);
        BOOST_TEST(code(r) == 32770U);
        BOOST_TEST(text_of(r).find(named) != std::string::npos, text_of(r));
        BOOST_TEST(hypervisor.calls("save") + hypervisor.calls("convert_image") == 0U);
    };
    const auto warned = [&](const Given& wishes) {
        const auto r = begin(guid, wishes);
        (void)done(r);
        const auto job = job_of(r);
        fs::remove_all(place() / "traveller");
        return std::pair(job.state, job.errors.empty() ? std::string() : job.errors.front().message);
    };
    const Given crash{{"CaptureLiveState", crash_consistent}},
        settings_only{{"CopyVmStorage", false}, {"CaptureLiveState", 0U}};
    with({"disk sdz of type file", {}, {}}, {});
    refused(crash, "sdz");
    with({{}, "rng", {}}, {});
    refused({{"CaptureLiveState", saved_state}}, "rng");
    with({}, {});
    backend::SnapshotRequest request;
    request.machine = guid;
    request.id = make_guid();
    BOOST_TEST_REQUIRE(hypervisor.snapshot({}, request).ok());
    with({}, {{}, "tpm", {}});
    refused(crash, "tpm");
    with({}, {"disk sdy of type volume", {}, {}});
    refused(crash, "sdy");

    for (const auto& [own, wishes] :
         {std::pair(backend::UnknownDevices{{}, "rng", "interface of type direct"}, Given{crash}),
          std::pair(backend::UnknownDevices{"disk sdz of type file", {}, {}}, Given{settings_only})}) {
        with(own, {});
        const auto [state, text] = warned(wishes);
        BOOST_CHECK(state == JobState::completed_with_warnings);
        BOOST_TEST(text.find(backend::names_of(own)) != std::string::npos, text);
    }
    with({}, {});
    BOOST_CHECK(warned(crash).first == JobState::completed);
}

BOOST_AUTO_TEST_CASE(nobody_changes_the_disks_meanwhile) {
    const auto guid = machine();
    hypervisor.hold("convert_image");
    const auto r = begin(guid);
    BOOST_TEST_REQUIRE(eventually([&] { return hypervisor.calls("convert_image") == 1; }));
    const auto images = vs::service_path("testhost", "Msvm_ImageManagementService", "vhdsvc");
    const Given larger{{"Path", Value(disk_path)}, {"MaxInternalSize", Value(std::uint64_t{4} << 20)}};
    BOOST_TEST(done(call(images, "ResizeVirtualHardDisk", larger)) == 32774U);
    hypervisor.release("convert_image");
    BOOST_TEST(done(r) == 0U);
    BOOST_TEST(done(call(images, "ResizeVirtualHardDisk", larger)) == 0U, last_text);
}

// QEMU uses the disks there after an import, perhaps as another user.
BOOST_AUTO_TEST_CASE(others_may_pass_the_folders_and_not_look_into_them) {
    const auto guid = machine();
    const auto before = ::umask(077);
    const auto code = done(begin(guid, {}, (place() / "new").string()));
    ::umask(before);
    BOOST_TEST_REQUIRE(code == 0U);
    const auto made = place() / "new" / "traveller";
    for (const auto& made_one :
         {place() / "new", made, made / "Virtual Machines", made / "Virtual Hard Disks", made / "Snapshots"})
        BOOST_TEST(unsigned(fs::status(made_one).permissions()) == 0711U, made_one);
    BOOST_TEST(unsigned(fs::status(made / "Virtual Machines" / (guid + ".xml")).permissions()) == 0600U);
}

BOOST_AUTO_TEST_CASE(what_somebody_puts_at_the_place_meanwhile_stays) {
    const auto guid = machine();
    const auto target = place() / "traveller";
    for (const char* what : {"file", "link", "folder"}) {
        hypervisor.hold("convert_image");
        const auto before = hypervisor.calls("convert_image");
        const auto r = begin(guid);
        BOOST_TEST_REQUIRE(eventually([&] { return hypervisor.calls("convert_image") > before; }));
        if (what == std::string("file")) std::ofstream(target) << "precious";
        if (what == std::string("link")) fs::create_symlink("nowhere", target);
        if (what == std::string("folder")) {
            fs::create_directory(target);
            std::ofstream(target / "inside") << "precious";
        }
        hypervisor.release("convert_image");
        BOOST_TEST(done(r) == 32773U);
        BOOST_TEST(last_text.find("somebody else") != std::string::npos, last_text);
        BOOST_TEST(
            fs::exists(fs::symlink_status(what == std::string("folder") ? target / "inside" : target)));
        BOOST_TEST(!fs::exists(target / "Virtual Machines"));
        BOOST_TEST(std::distance(fs::directory_iterator(place()), {}) == 1);
        fs::remove_all(target);
    }
}

// The name of the one folder is just short enough.
BOOST_AUTO_TEST_CASE(an_export_whose_folders_cannot_be_made_leaves_nothing) {
    constexpr std::size_t longest = PATH_MAX - 1, partial = std::string_view("/.wsvirt-partial-").size() + 36,
                          inside = std::string_view("/Virtual Machines").size();
    const auto length = longest - partial - inside;
    auto deep = place();
    while (deep.string().size() + 102 < length) deep /= std::string(100, 'd');
    deep /= std::string(length - deep.string().size() - 1, 'd');
    fs::create_directories(deep);
    BOOST_TEST(done(begin(machine(), {}, deep.string())) == 32768U, last_text);
    BOOST_TEST(last_text.find("Virtual Hard Disks") != std::string::npos, last_text);
    BOOST_TEST(fs::is_empty(deep));
    BOOST_TEST(store->count("export_partial").value_or(9) == 0U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_export_has_made_goes_with_the_folder_around_it) {
    const auto partial = [&](const char* around) {
        const auto made = place() / around / ".wsvirt-partial-x";
        fs::create_directories(made / "Virtual Machines");
        BOOST_TEST_REQUIRE(store->put("export_partial", made.string(), made.parent_path().string()).ok());
    };
    partial("new");
    partial("used");
    std::ofstream(place() / "used" / "of somebody") << "precious";
    recover(services);
    BOOST_TEST(!fs::exists(place() / "new"));
    BOOST_TEST(fs::exists(place() / "used" / "of somebody"));
    BOOST_TEST(!fs::exists(place() / "used" / ".wsvirt-partial-x"));
    BOOST_TEST(store->count("export_partial").value_or(9) == 0U);

    hypervisor.hold("convert_image");  // that is what an export notes
    const auto r = begin(machine(), {}, (place() / "another").string());
    BOOST_TEST_REQUIRE(eventually([&] { return hypervisor.calls("convert_image") == 1; }));
    const auto rows = store->list("export_partial");
    BOOST_TEST_REQUIRE(rows->size() == 1U);
    BOOST_TEST(rows->front().text == (place() / "another").string());
    hypervisor.release("convert_image");
    BOOST_TEST(done(r) == 0U);
}

BOOST_AUTO_TEST_CASE(a_copy_beside_its_original_gets_addresses_of_its_own) {
    const auto guid = machine();
    auto spec = hypervisor.machine(guid)->spec;
    spec.nics.resize(2);
    spec.nics[0].id = make_guid();
    spec.nics[0].mac = "00:15:5d:00:00:01";
    spec.nics[1].id = make_guid();
    spec.nics[1].mac = "00:15:5d:00:00:02";
    spec.nics[1].attributes["StaticMacAddress"] = "true";
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, spec).ok());
    BOOST_TEST_REQUIRE(done(begin(guid)) == 0U);
    const auto file = place() / "traveller" / "Virtual Machines" / (guid + ".xml");
    const auto addresses = [&] {
        const auto r =
            call(vsms(), "ImportSystemDefinition",
                 {{"SystemDefinitionFile", Value(file.string())}, {"GenerateNewSystemIdentifier", true}});
        BOOST_TEST_REQUIRE(done(r) == 0U, text_of(r));
        const auto id = r.out.get("ImportedSystem").as_path()->key_string("Name");
        const auto planned = vs::PlannedSystems(services).find(id);
        BOOST_TEST_REQUIRE(planned->spec.nics.size() == 2U);
        BOOST_TEST(planned->spec.nics[1].mac == "00:15:5d:00:00:02");  // the client's own choice
        return planned->spec.nics[0].mac;
    };
    const auto first = addresses(), second_one = addresses();
    BOOST_TEST(first != "00:15:5d:00:00:01");
    BOOST_TEST(second_one != "00:15:5d:00:00:01");
    BOOST_TEST(first != second_one);
    for (const auto& p : vs::PlannedSystems(services).all())
        BOOST_TEST_REQUIRE(vs::PlannedSystems(services).remove(p->spec.uuid).ok());
    BOOST_TEST_REQUIRE(hypervisor.undefine({}, guid).ok());
    BOOST_TEST(addresses() == "00:15:5d:00:00:01");  // nobody has it any more
}

BOOST_AUTO_TEST_SUITE_END()
