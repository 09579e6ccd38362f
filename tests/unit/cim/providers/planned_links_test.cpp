// What clients follow from a planned system, and from a machine with snapshots, to their settings.
#include "base/text.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/snapshot_world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

using Names = std::vector<std::string>;
constexpr const char* machine_class = "Msvm_ComputerSystem";
constexpr const char* planned_class = "Msvm_PlannedComputerSystem";

struct Links : SnapshotWorld {
    // A system, or the settings of one.
    static std::string end(const char* cls, const std::string& id) {
        return (vs::parse_setting_id(id) ? vs::setting_path(cls, id) : vs::system_path(cls, id))
            .relative_text();
    }
    // The keys of what is at the other end.
    Names led_to(const std::string& from, const std::string& where) {
        Names out;
        for (const auto& i : query("ASSOCIATORS OF {" + from + "} WHERE " + where))
            out.push_back(i.string(i.cls().is_a("CIM_ComputerSystem") ? "Name" : "InstanceID"));
        std::sort(out.begin(), out.end());
        return out;
    }
    // As clients write it, with all that may be said.
    Names related(const std::string& from, const std::string& result, const std::string& over,
                  const std::string& role, const std::string& result_role) {
        auto full = led_to(from, "AssocClass = " + over + " ResultClass = " + result + " Role = " + role +
                                     " ResultRole = " + result_role);
        BOOST_TEST(led_to(from, "AssocClass = " + over + " ResultClass = " + result) == full,
                   boost::test_tools::per_element());
        return full;
    }
    void both_ways(const std::string& over, const char* system_class, const std::string& system,
                   const std::string& system_role, const char* settings, const std::string& role,
                   const Names& ids) {
        BOOST_TEST_CONTEXT(over << " of " << system_class) {
            BOOST_TEST(related(end(system_class, system), settings, over, system_role, role) == ids,
                       boost::test_tools::per_element());
            for (const auto& id : ids)
                BOOST_TEST(related(end(settings, id), system_class, over, role, system_role) == Names{system},
                           boost::test_tools::per_element());
        }
    }
    // A planned system with two snapshots, the second on the first, which it stands on.
    std::string planned_with(const std::string& first, const std::string& second) {
        const auto r = call(
            vsms(), "DefinePlannedSystem",
            {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData", {{"ElementName", "plan"}}))}});
        BOOST_TEST_REQUIRE(done(r) == 0U, text_of(r));
        const auto id = r.out.get("ResultingSystem").as_path()->key_string("Name");
        auto p = *vs::PlannedSystems(services).find(id);
        for (const auto& [snapshot, parent] : {std::pair(first, std::string()), std::pair(second, first)}) {
            backend::SnapshotInfo s;
            s.id = snapshot;
            s.parent = parent;
            s.spec = p.spec;
            s.current = !parent.empty();
            p.snapshots.push_back(std::move(s));
        }
        BOOST_TEST_REQUIRE(vs::PlannedSystems(services).replace(p).ok());
        return id;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(planned_links, Links)

BOOST_AUTO_TEST_CASE(a_planned_system_leads_to_its_settings_and_snapshots) {
    const auto first = make_guid(), second = make_guid();
    const auto id = planned_with(first, second);
    const auto own = vs::setting_id(id), one = vs::setting_id(first), two = vs::setting_id(second);
    both_ways("Msvm_SettingsDefineState", planned_class, id, "ManagedElement", settings_class, "SettingData",
              {own});
    both_ways("Msvm_SnapshotOfVirtualSystem", planned_class, id, "Antecedent", settings_class, "Dependent",
              {std::min(one, two), std::max(one, two)});
    both_ways("Msvm_MostCurrentSnapshotInBranch", planned_class, id, "Antecedent", settings_class,
              "Dependent", {two});
    both_ways("Msvm_SystemExportSettingData", planned_class, id, "ManagedElement",
              "Msvm_VirtualSystemExportSettingData", "SettingData", {own});
    BOOST_TEST(led_to(end(planned_class, id), "AssocClass = Msvm_LastAppliedSnapshot").empty());
    // The tree of settings, from the first to the planned system's own.
    const Names tree{one, two, own};
    for (std::size_t n = 0; n < tree.size(); ++n) {
        const auto next = [&](const char* role) {
            return led_to(end(settings_class, tree[n]),
                          std::string("AssocClass = Msvm_ParentChildSettingData ResultRole = ") + role);
        };
        BOOST_TEST(next("Antecedent") == (n ? Names{tree[n - 1]} : Names{}),
                   boost::test_tools::per_element());
        BOOST_TEST(next("Dependent") == (n < 2 ? Names{tree[n + 1]} : Names{}),
                   boost::test_tools::per_element());
    }
    // And each of them by its class alone; the machine beside it has no snapshots.
    BOOST_TEST(query("SELECT * FROM Msvm_SettingsDefineState").size() == 2U);
    BOOST_TEST(query("SELECT * FROM Msvm_SystemExportSettingData").size() == 2U);
    BOOST_TEST(query("SELECT * FROM Msvm_SnapshotOfVirtualSystem").size() == 2U);
    BOOST_TEST(query("SELECT * FROM Msvm_ParentChildSettingData").size() == 2U);
    both_ways("Msvm_SettingsDefineState", machine_class, guid, "ManagedElement", settings_class,
              "SettingData", {vs::setting_id(guid)});
}

// Clients take the one that there is, or the first.
BOOST_AUTO_TEST_CASE(a_machine_with_snapshots_leads_to_one_export_setting) {
    constexpr const char* exports = "Msvm_VirtualSystemExportSettingData";
    const auto snapshot = created();
    BOOST_TEST(created() != snapshot);
    both_ways("Msvm_SystemExportSettingData", machine_class, guid, "ManagedElement", exports, "SettingData",
              {vs::setting_id(guid)});
    BOOST_TEST(query("SELECT * FROM Msvm_SystemExportSettingData").size() == 1U);
    BOOST_TEST(
        led_to(end(exports, vs::setting_id(snapshot)), "AssocClass = Msvm_SystemExportSettingData").empty());
    const auto of_snapshot = get_setting(exports, vs::setting_id(snapshot));
    BOOST_TEST(of_snapshot.string("SnapshotVirtualSystem").find(snapshot) != std::string::npos);
    BOOST_TEST(query(std::string("SELECT * FROM ") + exports).size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
