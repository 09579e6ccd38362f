#include "wsman/ops/contexts.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

using namespace wsvirt;
using namespace wsvirt::wsman;

namespace {

std::unique_ptr<Enumeration> enumeration(const std::string& owner) {
    auto e = std::make_unique<Enumeration>();
    e->owner = owner;
    e->resource_uri = "urn:r";
    return e;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(contexts)

BOOST_AUTO_TEST_CASE(W_ENU_05_only_the_owner_may_use_it) {
    OpsSettings s;
    ContextTable t(s);
    const auto id = t.add(enumeration("ann")).value();
    BOOST_TEST((t.lend(id, "bob").error().status == Status::invalid_enumeration_context));
    BOOST_TEST(!t.release(id, "bob").ok());
    BOOST_TEST(t.resource_of(id, "ann").value() == "urn:r");
    BOOST_TEST(t.release(id, "ann").ok());
    BOOST_TEST(!t.release(id, "ann").ok());
    BOOST_TEST(t.size() == 0u);
}

BOOST_AUTO_TEST_CASE(W_ENU_34_quotas_per_user_and_in_all) {
    OpsSettings s;
    s.max_contexts = 3;
    s.max_contexts_per_user = 2;
    ContextTable t(s);
    BOOST_TEST(t.add(enumeration("ann")).ok());
    const auto second = t.add(enumeration("ann")).value();
    BOOST_TEST(t.add(enumeration("ann")).error().subject == "wsman.limits.max_contexts_per_user");
    BOOST_TEST(t.add(enumeration("bob")).ok());
    BOOST_TEST(t.add(enumeration("eve")).error().subject == "wsman.limits.max_contexts");
    BOOST_TEST(t.release(second, "ann").ok());
    BOOST_TEST(t.add(enumeration("ann")).ok());
}

BOOST_AUTO_TEST_CASE(W_ENU_33_one_pull_at_a_time_and_W_ENU_39_release_during_it) {
    OpsSettings s;
    ContextTable t(s);
    const auto id = t.add(enumeration("ann")).value();
    const auto lent = t.lend(id, "ann").value();
    BOOST_TEST((t.lend(id, "ann").error().status == Status::busy));
    BOOST_TEST(t.release(id, "ann").ok());
    BOOST_TEST((t.lend(id, "ann").error().status == Status::invalid_enumeration_context));
    t.give_back(lent);
    BOOST_TEST(t.size() == 0u);
}

BOOST_AUTO_TEST_CASE(W_ENU_11_and_W_ENU_42_expiry_and_idle_time) {
    using namespace std::chrono_literals;
    OpsSettings s;
    s.context_idle = 30ms;
    ContextTable t(s);
    const auto idle = t.add(enumeration("ann")).value();
    auto granted = enumeration("ann");
    granted->expires = cim::Clock::now() + 10s;
    const auto lasting = t.add(std::move(granted)).value();
    std::this_thread::sleep_for(50ms);
    BOOST_TEST((t.lend(idle, "ann").error().status == Status::invalid_enumeration_context));
    BOOST_TEST(t.lend(lasting, "ann").ok());
}

BOOST_AUTO_TEST_SUITE_END()
