// A World with a machine, and what tests of its snapshots call.
#pragma once

#include <algorithm>

#include "base/text.hpp"
#include "tests/unit/cim/providers/world.hpp"

namespace wsvirt::cim::provider_test {

struct SnapshotWorld : World {
    static constexpr const char* settings_class = "Msvm_VirtualSystemSettingData";

    std::string guid = define({{"ElementName", "box"}});

    static ObjectPath service() {
        return vs::service_path("testhost", "Msvm_VirtualSystemSnapshotService", "vssnapsvc");
    }
    static ObjectPath machine_path(const std::string& id) {
        return vs::system_path("Msvm_ComputerSystem", id);
    }
    const backend::Machine& now() {
        last = hypervisor.machine(guid);
        BOOST_TEST_REQUIRE(last != nullptr);
        return *last;
    }
    Instance wishes(const Given& given) const { return make("Msvm_VirtualSystemSnapshotSettingData", given); }
    MethodResult create(const Given& more = {}) {
        Given in = more;
        in.emplace_back("AffectedSystem", Value(machine_path(guid)));
        return call(service(), "CreateSnapshot", in);
    }
    // The GUID of a new snapshot.
    std::string created(const Given& more = {}) {
        const auto r = create(more);
        BOOST_TEST_REQUIRE(code(r) == 4096U);
        (void)done(r);
        const auto state =
            job_of(r).state;  // with a warning where a standard one took a production one's place
        BOOST_TEST_REQUIRE((state == JobState::completed || state == JobState::completed_with_warnings),
                           text_of(r));
        return vs::system_guid_of(*r.out.get("ResultingSnapshot").as_path());
    }
    MethodResult apply(const std::string& id) {
        return call(service(), "ApplySnapshot", {{"Snapshot", Value(settings_of(id))}});
    }
    MethodResult destroy(const std::string& id) {
        return call(service(), "DestroySnapshot", {{"AffectedSnapshot", Value(settings_of(id))}});
    }
    MethodResult destroy_tree(const std::string& id) {
        return call(service(), "DestroySnapshotTree", {{"SnapshotSettingData", Value(settings_of(id))}});
    }
    MethodResult clear(const std::string& id) {
        return call(service(), "ClearSnapshotState", {{"SnapshotSettingData", Value(settings_of(id))}});
    }
    JobRecord job_of(const MethodResult& r) {
        const auto* path = r.out.get("Job").as_path();
        BOOST_TEST_REQUIRE(path);
        auto record = jobs.wait(path->key_string("InstanceID"), std::chrono::seconds(10));
        BOOST_TEST_REQUIRE(record.has_value());
        return *record;
    }
    Instance settings(const std::string& id) { return get_setting(settings_class, "Microsoft:" + id); }
    std::vector<std::string> ids(const std::string& wql) {
        std::vector<std::string> out;
        for (const auto& i : query(wql)) out.push_back(vs::parse_setting_id(i.string("InstanceID"))->guid);
        std::sort(out.begin(), out.end());
        return out;
    }
    std::vector<std::string> associated(const std::string& association) {
        return ids("ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='" +
                   guid + "'} WHERE AssocClass = " + association +
                   " ResultClass = Msvm_VirtualSystemSettingData");
    }
    std::vector<std::string> children(const std::string& id) {
        return ids("ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:" + id +
                   "'} WHERE AssocClass = Msvm_ParentChildSettingData ResultRole = Dependent");
    }
    void user_snapshot_type(unsigned type) {
        const auto r =
            call(vsms(), "ModifySystemSettings",
                 {{"SystemSettings", Value(make(settings_class, {{"InstanceID", "Microsoft:" + guid},
                                                                 {"UserSnapshotType", type}}))}});
        BOOST_TEST_REQUIRE(done(r) == 0U, text_of(r));
    }
    void start() { BOOST_TEST_REQUIRE(done(request_state(guid, 2)) == 0U); }
    unsigned snapshots() { return static_cast<unsigned>(now().snapshots.size()); }
};

}  // namespace wsvirt::cim::provider_test
