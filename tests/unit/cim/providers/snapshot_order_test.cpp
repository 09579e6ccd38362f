// How the snapshots of a machine stand on each other, and which one was applied last.
#include "cim/providers/virtual_system/snapshots.hpp"
#include "tests/unit/cim/providers/snapshot_world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

using Setup = SnapshotWorld;

constexpr unsigned completed = 0;

using Names = std::vector<std::string>;

Names sorted(Names all) {
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_service)

// P-SV-22, P-SV-23, P-SV-24
BOOST_AUTO_TEST_CASE(associations_follow_create_apply_and_delete) {
    Setup w;
    BOOST_TEST(w.associated("Msvm_SnapshotOfVirtualSystem").empty());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot").empty());
    const auto a = w.created(), b = w.created();
    BOOST_TEST(w.associated("Msvm_SnapshotOfVirtualSystem") == sorted({a, b}),
               boost::test_tools::per_element());
    BOOST_TEST(w.associated("Msvm_MostCurrentSnapshotInBranch") == Names{b},
               boost::test_tools::per_element());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot").empty());  // taking is not applying
    BOOST_TEST(w.children(a) == Names{b}, boost::test_tools::per_element());
    BOOST_TEST(w.children(b) == Names{w.guid}, boost::test_tools::per_element());

    BOOST_TEST(w.done(w.apply(a)) == completed);
    BOOST_TEST(w.associated("Msvm_MostCurrentSnapshotInBranch") == Names{a},
               boost::test_tools::per_element());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot") == Names{a}, boost::test_tools::per_element());
    const auto c = w.created();
    BOOST_TEST(w.associated("Msvm_MostCurrentSnapshotInBranch") == Names{c},
               boost::test_tools::per_element());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot") == Names{a}, boost::test_tools::per_element());
    BOOST_TEST(w.children(a) == sorted({b, c}), boost::test_tools::per_element());

    BOOST_TEST(w.done(w.destroy(a)) == completed);
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot").empty());
    BOOST_TEST(w.settings(b).get("Parent").is_null());
    BOOST_TEST(w.done(w.apply(b)) == completed);
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot") == Names{b}, boost::test_tools::per_element());
    const auto d = w.created();
    BOOST_TEST(w.done(w.destroy(b)) == completed);
    BOOST_TEST(w.done(w.destroy(d)) == completed);
    BOOST_TEST(w.associated("Msvm_MostCurrentSnapshotInBranch").empty());
    BOOST_TEST(w.associated("Msvm_SnapshotOfVirtualSystem") == Names{c}, boost::test_tools::per_element());
}

// P-SV-24
BOOST_AUTO_TEST_CASE(none_is_the_last_applied_one_any_more_whatever_is_deleted_after_it) {
    Setup w;
    const auto later = [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
    const auto root = w.created();
    later();
    const auto applied = w.created();
    later();
    w.created();
    BOOST_TEST(w.done(w.apply(applied)) == completed);
    later();
    const auto current = w.created();
    BOOST_TEST(w.done(w.destroy(applied)) == completed);
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot").empty());
    BOOST_TEST(w.done(w.destroy(current)) == completed);
    BOOST_TEST(w.associated("Msvm_MostCurrentSnapshotInBranch") == Names{root},
               boost::test_tools::per_element());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot").empty());
}

BOOST_AUTO_TEST_CASE(going_back_with_other_tools_is_seen) {
    Setup w;
    const auto a = w.created();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const auto b = w.created();
    BOOST_TEST(w.hypervisor.revert({}, w.guid, a).ok());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot") == Names{a}, boost::test_tools::per_element());
    BOOST_TEST(w.done(w.apply(b)) == completed);
    BOOST_TEST(w.hypervisor.revert({}, w.guid, a).ok());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot") == Names{a}, boost::test_tools::per_element());
    BOOST_TEST(w.associated("Msvm_MostCurrentSnapshotInBranch") == Names{a},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(going_back_with_other_tools_is_seen_after_a_deletion) {
    Setup w;
    const auto later = [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
    const auto a = w.created();
    later();
    const auto b = w.created();
    later();
    BOOST_TEST(w.done(w.apply(b)) == completed);
    BOOST_TEST(w.done(w.destroy(b)) == completed);
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot").empty());
    later();
    (void)w.created();
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot").empty());
    BOOST_TEST(w.hypervisor.revert({}, w.guid, a).ok());
    BOOST_TEST(w.associated("Msvm_LastAppliedSnapshot") == Names{a}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(deleting_one_keeps_its_children_and_deleting_a_tree_does_not) {
    Setup w;
    const auto a = w.created(), b = w.created(), c = w.created();
    BOOST_TEST(w.done(w.apply(a)) == completed);
    const auto d = w.created();
    const auto one = w.destroy(b);
    BOOST_TEST(w.done(one) == completed);
    BOOST_TEST(w.job_of(one).job_type == 72U);
    BOOST_TEST(w.children(a) == sorted({c, d}), boost::test_tools::per_element());
    const auto r = w.destroy_tree(a);
    BOOST_TEST(w.job_of(r).affected.size() == 4U);  // the machine and the three that go
    BOOST_TEST(w.done(r) == completed);
    BOOST_TEST(w.snapshots() == 0U);
}

// By whatever is done to its snapshots.
BOOST_AUTO_TEST_CASE(an_apply_that_was_cut_off_comes_before_what_is_noted_of_the_last_one) {
    Setup w;
    const auto a = w.created(), b = w.created();
    BOOST_TEST(w.done(w.apply(a)) == completed);
    const auto marks = [&] {
        Names r;
        for (const auto& s : w.now().snapshots)
            r.push_back(s.spec.attributes.contains(vs::snapshot_applied)
                            ? s.spec.attributes.at(vs::snapshot_applied)
                            : "");
        return r;
    };
    const auto before = marks();
    for (const auto& call :
         {std::function([&] { return w.destroy(a); }), std::function([&] { return w.create(); })}) {
        w.hypervisor.fail_next("check_whole", Error(Status::invalid_state, "test", "Its disk is missing."));
        BOOST_TEST(w.done(call()) == 32775U);
        BOOST_TEST(marks() == before, boost::test_tools::per_element());
    }
    w.hypervisor.fail_next("check_whole", Error(Status::busy, "wsvirt.snapshot.just_applied", "Only now."));
    BOOST_TEST(w.done(w.destroy(a)) == completed);
}

BOOST_AUTO_TEST_SUITE_END()
