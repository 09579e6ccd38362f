#include <boost/test/unit_test.hpp>

#include "tests/unit/wsman/ops/service.hpp"
#include "wsman/ops/watchdog.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;
using ops_test::Service;
using namespace std::chrono_literals;

namespace {

const std::string fifth = "<w:OperationTimeout s:mustUnderstand=\"true\">PT0.2S</w:OperationTimeout>";

bool has(const HttpResponse& r, std::string_view part) {
    return r.body.find(part) != std::string::npos;
}

class Told : public Watched {
  public:
    void late() override { count.fetch_add(1); }
    std::atomic<int> count{0};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(operation_deadline)

BOOST_AUTO_TEST_CASE(W_TMO_05_08_a_blocked_operation_is_answered_in_time_and_asked_to_stop) {
    Service s;
    const auto start = cim::Clock::now();
    const auto r = s.invoke("Blocks", "", fifth);
    const auto took = cim::Clock::now() - start;
    BOOST_TEST(has(r, "w:TimedOut"));
    BOOST_TEST(has(r, "Code=\"2150858793\""));
    BOOST_TEST((took >= 200ms && took < 5s));
    BOOST_TEST(s.echo->stopped.load());
}

BOOST_AUTO_TEST_CASE(W_TMO_06_what_has_not_begun_in_time_never_begins) {
    Service s;
    s.pool.hold = true;
    const auto r = s.invoke("Nothing", "", fifth);
    BOOST_TEST(has(r, "w:TimedOut"));
    BOOST_TEST(has(r, "Nothing was changed"));
    s.pool.held();
    BOOST_TEST(s.echo->begun.load() == 0);
}

BOOST_AUTO_TEST_CASE(the_quota_counts_what_still_runs_and_nothing_else) {
    OpsSettings settings;
    settings.max_operations = 1;
    Service s(settings);
    s.pool.hold = true;
    BOOST_TEST(has(s.invoke("Nothing", "", fifth), "w:TimedOut"));
    BOOST_TEST(has(s.invoke("Nothing", ""), "w:QuotaLimit"));
    s.pool.held();
    s.pool.hold = false;
    BOOST_TEST(has(s.invoke("Nothing", ""), "Nothing_OUTPUT"));
}

BOOST_AUTO_TEST_CASE(the_watchdog_tells_once_in_order_and_nothing_that_was_forgotten) {
    Watchdog dog;
    const auto now = cim::Clock::now();
    const auto far = std::make_shared<Told>(), near = std::make_shared<Told>(),
               gone = std::make_shared<Told>();
    dog.watch(now + 1h, far);
    const auto key = dog.watch(now + 60ms, gone);
    dog.watch(now + 50ms, near);
    dog.forget(key);
    while (near->count == 0 && cim::Clock::now() < now + 10s) std::this_thread::sleep_for(1ms);
    BOOST_TEST((cim::Clock::now() >= now + 50ms));
    std::this_thread::sleep_for(50ms);
    BOOST_TEST(near->count == 1);
    BOOST_TEST(gone->count == 0);
    BOOST_TEST(far->count == 0);
}

BOOST_AUTO_TEST_SUITE_END()
