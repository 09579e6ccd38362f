// The associations between a machine, its settings and its snapshots after a long random sequence of what
// clients do through the service and others behind its back.
#include <map>
#include <optional>
#include <random>
#include <set>

#include "base/text.hpp"
#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

constexpr unsigned completed = 0;
using Names = std::vector<std::string>;

// What must hold. "" = none.
struct Model {
    std::map<std::string, std::string> parent;
    std::string current, applied;

    void create(const std::string& id) {
        parent[id] = current;
        current = id;
    }
    std::set<std::string> below(const std::string& id) const {
        std::set<std::string> r{id};
        for (const auto& [child, p] : parent)
            if (p == id) r.merge(below(child));
        return r;
    }
    void destroy(const std::string& id, bool tree) {
        const auto gone = tree ? below(id) : std::set<std::string>{id};
        const auto above = parent.at(id);
        if (gone.contains(current)) current = above;
        if (gone.contains(applied)) applied.clear();
        for (const auto& g : gone) parent.erase(g);
        for (auto& [child, p] : parent)
            if (gone.contains(p)) p = above;
    }
};

struct Trees : World {
    std::string guid = define({{"ElementName", "box"}});
    Model model;
    std::string noted;  // the last applied one after the last change by a client

    static ObjectPath service() {
        return vs::service_path("testhost", "Msvm_VirtualSystemSnapshotService", "vssnapsvc");
    }
    std::string asked(const char* method, const char* parameter, const ObjectPath& path) {
        const auto r = call(service(), method, {{parameter, Value(path)}});
        BOOST_TEST_REQUIRE(done(r) == completed, text_of(r));
        const auto* made = r.out.get("ResultingSnapshot").as_path();
        return made ? vs::system_guid_of(*made) : "";
    }
    Names ids(const std::string& wql) {
        Names out;
        for (const auto& i : query(wql)) out.push_back(vs::parse_setting_id(i.string("InstanceID"))->guid);
        std::sort(out.begin(), out.end());
        return out;
    }
    Names associated(const std::string& association) {
        return ids("ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='" +
                   guid + "'} WHERE AssocClass = " + association +
                   " ResultClass = Msvm_VirtualSystemSettingData");
    }
    Names around(const std::string& id, const char* role) {
        return ids("ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:" + id +
                   "'} WHERE AssocClass = Msvm_ParentChildSettingData ResultRole = " + role);
    }
    std::string any(std::mt19937& dice) const {
        auto i = model.parent.begin();
        std::advance(i, dice() % model.parent.size());
        return i->first;
    }
    static Names only(const std::string& id) { return id.empty() ? Names{} : Names{id}; }

    void check_parent(const std::string& id, const std::string& parent) {
        BOOST_TEST(around(id, "Antecedent") == only(parent), boost::test_tools::per_element());
        const auto text = get_setting("Msvm_VirtualSystemSettingData", "Microsoft:" + id).string("Parent");
        BOOST_TEST(text.empty() == parent.empty());
        BOOST_TEST(text.find(parent) != std::string::npos);
    }
    void check() {
        Names all;
        for (const auto& [id, parent] : model.parent) all.push_back(id);
        BOOST_TEST(associated("Msvm_SnapshotOfVirtualSystem") == all, boost::test_tools::per_element());
        BOOST_TEST(associated("Msvm_MostCurrentSnapshotInBranch") == only(model.current),
                   boost::test_tools::per_element());
        BOOST_TEST(associated("Msvm_LastAppliedSnapshot") == only(model.applied),
                   boost::test_tools::per_element());
        BOOST_TEST(associated("Msvm_SettingsDefineState") == only(guid), boost::test_tools::per_element());
        check_parent(guid, model.current);
        for (const auto& [id, parent] : model.parent) {
            check_parent(id, parent);
            Names children;
            for (const auto& [child, p] : model.parent)
                if (p == id) children.push_back(child);
            if (id == model.current) children.push_back(guid);
            std::sort(children.begin(), children.end());
            BOOST_TEST(around(id, "Dependent") == children, boost::test_tools::per_element());
        }
    }

    void client_does(std::mt19937& dice) {
        const auto id = model.parent.empty() ? "" : any(dice);
        const auto what = dice() % 6;
        if (id.empty() || what < 3) {
            model.create(
                asked("CreateSnapshot", "AffectedSystem", vs::system_path("Msvm_ComputerSystem", guid)));
        } else if (what < 5) {
            asked("ApplySnapshot", "Snapshot", settings_of(id));
            model.current = model.applied = id;
        } else if (dice() % 3) {
            asked("DestroySnapshot", "AffectedSnapshot", settings_of(id));
            model.destroy(id, false);
        } else {
            asked("DestroySnapshotTree", "SnapshotSettingData", settings_of(id));
            model.destroy(id, true);
        }
        noted = model.applied;
    }
    // Which snapshot others went back to is told by where the machine stands: not when it could have come
    // there from the last one that is noted, nor when they have deleted that or taken another since.
    void others_do(std::mt19937& dice) {
        const auto id = any(dice), before = model.applied;
        switch (dice() % 3) {
            case 0: {
                backend::SnapshotRequest request;
                request.machine = guid;
                request.id = make_guid();
                BOOST_TEST_REQUIRE(hypervisor.snapshot({}, request).ok());
                model.create(request.id);
                break;
            }
            case 1:
                BOOST_TEST_REQUIRE(hypervisor.revert({}, guid, id).ok());
                model.current = id;
                break;
            default:
                BOOST_TEST_REQUIRE(hypervisor.delete_snapshot({}, guid, id, false).ok());
                model.destroy(id, false);
        }
        const auto shown = associated("Msvm_LastAppliedSnapshot");
        model.applied = shown.empty() ? "" : shown.front();
        BOOST_TEST((model.applied == model.current || model.applied.empty() || model.applied == before ||
                    (model.applied == noted && model.below(noted).contains(model.current))));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_tree)

BOOST_AUTO_TEST_CASE(associations_follow_any_sequence) {
    for (const unsigned seed : {1U, 2U, 3U}) {
        std::mt19937 dice(seed);
        Trees w;
        for (int step = 0; step < 60; ++step) {
            BOOST_TEST_CONTEXT("seed " << seed << ", step " << step) {
                if (w.model.parent.empty() || dice() % 4)
                    w.client_does(dice);
                else
                    w.others_do(dice);
                w.check();
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
