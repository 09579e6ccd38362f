#include "wsman/auth/sign_in.hpp"

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <future>

#include "tests/support/test_identity.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;
using namespace std::chrono_literals;
using Kind = SignIn::Outcome::Kind;
using Clock = std::chrono::steady_clock;

namespace {

// "u:p" is right, user "broken" breaks the source; counts checks; can be made to wait.
class Source : public Authenticator {
  public:
    Result<Identity> check(std::string_view user, std::string_view password) override {
        ++checks;
        std::unique_lock lock(mutex);
        open.wait(lock, [&] { return !closed; });
        if (user == "broken") return Error{Status::failed, "test", "broken"};
        if (user != "u" || password != "p") return Error{Status::access_denied, "test", "no"};
        return make_identity("u", Role::viewer);
    }
    void let_go() {
        const std::lock_guard guard(mutex);
        closed = false;
        open.notify_all();
    }
    std::atomic<int> checks{0};
    std::mutex mutex;
    std::condition_variable open;
    bool closed = false;
};

constexpr const char* right = "Basic dTpw";           // u:p
constexpr const char* wrong = "Basic dTpx";           // u:x
constexpr const char* broken = "Basic YnJva2VuOng=";  // broken:x

struct Fixture {
    std::shared_ptr<Source> source = std::make_shared<Source>();
    SignInSettings settings;
    std::unique_ptr<SignIn> sign_in;

    Fixture() {
        settings.failures.burst = 3;
        settings.failures.refill = 1h;
        settings.failures.first_delay = 100ms;
        settings.failures.longest_delay = 300ms;
        remake();
    }
    void remake() {
        sign_in = std::make_unique<SignIn>(std::vector<std::shared_ptr<Authenticator>>{source}, settings);
    }
    std::future<SignIn::Outcome> begin(const std::string& header, const std::string& from = "10.0.0.1") {
        auto promise = std::make_shared<std::promise<SignIn::Outcome>>();
        auto future = promise->get_future();
        sign_in->verify(sign_in->digest(header), header, from,
                        [promise](SignIn::Outcome o) { promise->set_value(std::move(o)); });
        return future;
    }
    SignIn::Outcome ask(const std::string& header, const std::string& from = "10.0.0.1") {
        return begin(header, from).get();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sign_in, Fixture)

BOOST_AUTO_TEST_CASE(a_right_one_is_remembered_and_a_wrong_one_is_not) {
    const auto outcome = ask(right);
    BOOST_TEST((outcome.kind == Kind::accepted));
    BOOST_TEST(outcome.who->name() == "u");
    BOOST_TEST(sign_in->remembered(sign_in->digest(right)).has_value());
    BOOST_TEST((ask(wrong).kind == Kind::denied));
    BOOST_TEST(!sign_in->remembered(sign_in->digest(wrong)));
    sign_in->forget_all();
    BOOST_TEST(!sign_in->remembered(sign_in->digest(right)));
}

BOOST_AUTO_TEST_CASE(failures_wait_longer_each_time_and_then_are_blocked) {
    BOOST_TEST((ask(wrong).wait == 100ms));
    BOOST_TEST((ask(wrong).wait == 200ms));
    BOOST_TEST((ask(wrong).wait == 300ms));
    const auto fourth = ask(wrong);
    BOOST_TEST((fourth.kind == Kind::blocked));
    BOOST_TEST((fourth.wait > 0ms));
    BOOST_TEST((ask(right).kind == Kind::blocked));               // it may be a guess as well
    BOOST_TEST((ask(right, "10.0.0.2").kind == Kind::accepted));  // others are not held up
    BOOST_TEST(source->checks.load() == 4);
}

BOOST_AUTO_TEST_CASE(right_ones_and_broken_sources_do_not_count_as_failures) {
    for (int i = 0; i < 10; ++i) BOOST_TEST((ask(right).kind == Kind::accepted));
    for (int i = 0; i < 10; ++i) BOOST_TEST((ask(broken).kind == Kind::broken));
    BOOST_TEST((ask(wrong).wait == 100ms));
}

BOOST_AUTO_TEST_CASE(the_same_header_at_the_same_time_is_checked_once) {
    source->closed = true;
    std::vector<std::future<SignIn::Outcome>> all;
    for (int i = 0; i < 20; ++i) all.push_back(begin(right));
    source->let_go();
    for (auto& one : all) BOOST_TEST((one.get().kind == Kind::accepted));
    BOOST_TEST(source->checks.load() == 1);
}

BOOST_AUTO_TEST_CASE(attempts_at_once_count_before_they_end) {
    source->closed = true;
    std::vector<std::future<SignIn::Outcome>> all;
    for (char c = 'a'; c < 'k'; ++c) all.push_back(begin(std::string("Basic dTp") + c));
    source->let_go();
    int blocked = 0;
    for (auto& one : all) blocked += one.get().kind == Kind::blocked ? 1 : 0;
    BOOST_TEST(blocked == 7);
}

BOOST_AUTO_TEST_CASE(too_many_waiting_checks_are_refused) {
    settings.threads = 1;
    settings.queue = 2;
    settings.failures.burst = 1000;
    remake();
    source->closed = true;
    std::vector<std::future<SignIn::Outcome>> all;
    all.push_back(begin("Basic dTpw", "a"));
    while (source->checks == 0) std::this_thread::yield();
    for (int i = 0; i < 5; ++i)
        all.push_back(begin("Basic dTp" + std::to_string(i), "b" + std::to_string(i)));
    int busy = 0;
    for (auto& one : all)
        if (one.wait_for(0s) == std::future_status::ready) busy += one.get().kind == Kind::busy ? 1 : 0;
    BOOST_TEST(busy == 3);
    source->let_go();
}

BOOST_AUTO_TEST_CASE(users_that_change_during_a_check_are_not_remembered) {
    source->closed = true;
    auto one = begin(right);
    sign_in->forget_all();
    source->let_go();
    BOOST_TEST((one.get().kind == Kind::accepted));
    BOOST_TEST(!sign_in->remembered(sign_in->digest(right)));
}

// One that begins after the change does not take what was found before it.
BOOST_AUTO_TEST_CASE(users_that_changed_are_checked_anew) {
    source->closed = true;
    auto one = begin(right);
    sign_in->forget_all();
    auto two = begin(right);
    source->let_go();
    BOOST_TEST((one.get().kind == Kind::accepted));
    BOOST_TEST((two.get().kind == Kind::accepted));
    BOOST_TEST(source->checks.load() == 2);
    BOOST_TEST(sign_in->remembered(sign_in->digest(right)).has_value());
}

BOOST_AUTO_TEST_CASE(unreadable_credentials_cost_no_check) {
    for (const auto* text : {"Basic", "Basic !", "Basic dTr/"})
        BOOST_TEST((ask(text, text).kind == Kind::denied));
    BOOST_TEST(source->checks.load() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(login_cache)

BOOST_AUTO_TEST_CASE(digests_depend_on_the_text_and_on_the_process_key) {
    const LoginCache a(1min, 10);
    const LoginCache b(1min, 10);
    BOOST_TEST((a.digest("x") == a.digest("x")));
    BOOST_TEST((a.digest("x") != a.digest("y")));
    BOOST_TEST((a.digest("x") != b.digest("x")));
    BOOST_TEST(same_digest(a.digest("x"), a.digest("x")));
    BOOST_TEST(!same_digest(a.digest("x"), a.digest("X")));
}

BOOST_AUTO_TEST_CASE(entries_expire) {
    LoginCache cache(10s, 10);
    const auto now = Clock::now();
    cache.remember(cache.digest("x"), TestIdentity::make(Role::viewer), now);
    BOOST_TEST(cache.find(cache.digest("x"), now + 9s).has_value());
    BOOST_TEST(!cache.find(cache.digest("x"), now + 10s));
}

BOOST_AUTO_TEST_CASE(it_is_bounded_and_the_oldest_go_first) {
    LoginCache cache(10s, 3);
    const auto now = Clock::now();
    for (int i = 0; i < 10; ++i)
        cache.remember(cache.digest(std::to_string(i)), TestIdentity::make(Role::viewer),
                       now + std::chrono::seconds(i));
    BOOST_TEST(cache.size() == 3u);
    BOOST_TEST(cache.find(cache.digest("9"), now + 9s).has_value());
    BOOST_TEST(!cache.find(cache.digest("5"), now + 9s));
    LoginCache none(10s, 0);
    none.remember(none.digest("x"), TestIdentity::make(Role::viewer));
    BOOST_TEST(none.size() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(failure_limiter)

BOOST_AUTO_TEST_CASE(failures_are_forgiven_with_time) {
    FailureLimiter limiter(FailureLimits{2, 10s, 1s, 8s, 100});
    const auto now = Clock::now();
    limiter.begin("a", now);
    BOOST_TEST((limiter.blocked_for("a", now) == 0ms));
    limiter.begin("a", now);
    BOOST_TEST((limiter.blocked_for("a", now) > 9s));
    BOOST_TEST((limiter.blocked_for("a", now) <= 10s));
    BOOST_TEST((limiter.blocked_for("a", now + 11s) == 0ms));
    BOOST_TEST((limiter.blocked_for("b", now) == 0ms));
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_whatever_comes) {
    FailureLimiter limiter(FailureLimits{2, 10s, 1s, 8s, 50});
    const auto now = Clock::now();
    for (int i = 0; i < 3; ++i) limiter.begin("guilty", now);
    for (int i = 0; i < 1000; ++i) limiter.begin("x" + std::to_string(i), now);
    BOOST_TEST((limiter.blocked_for("guilty", now) > 0ms));  // those with the most failures are kept
}

BOOST_AUTO_TEST_CASE(addresses_of_one_network_are_one) {
    BOOST_TEST(limiter_key("10.0.0.1") == "10.0.0.1");
    BOOST_TEST(limiter_key("::ffff:10.0.0.1") == "10.0.0.1");
    BOOST_TEST(limiter_key("2001:db8:1:2:3:4:5:6") == limiter_key("2001:db8:1:2::1"));
    BOOST_TEST(limiter_key("2001:db8:1:2::1") != limiter_key("2001:db8:1:3::1"));
    BOOST_TEST(limiter_key("fe80::1%eth0") == limiter_key("fe80::2"));
}

BOOST_AUTO_TEST_SUITE_END()
