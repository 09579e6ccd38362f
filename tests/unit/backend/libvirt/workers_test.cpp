// Callers that do not wait for the end of their work.
#include "backend/libvirt/workers.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "backend/libvirt/core.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace std::chrono_literals;

namespace {

// The worker has its thread and its connection, and is at work: what has not begun is not taken back.
constexpr auto begun_by_then = 2s;

struct Pool {
    Pool() {
        libvirt::Settings s;
        s.uri = "test:///default";
        s.call_limit = 10s;
        s.cancel_grace = 50ms;
        auto connector = std::make_shared<libvirt::Connector>(s);
        BOOST_REQUIRE(connector->prepare());
        workers = std::make_unique<libvirt::Workers>(std::move(connector));
    }
    // Work that ends when it is let go and is taken back when nobody wanted its result.
    Result<int> run(const Call& call) {
        return workers->run<int>(
            call, {"work", {}, false, {}, {}},
            [go = let_go.get_future().share(), ended = ended](libvirt::Session&) -> Result<int> {
                go.wait();
                ended->set_value();
                return 7;
            },
            [undone = undone](libvirt::Session&) { undone->set_value(); });
    }

    std::unique_ptr<libvirt::Workers> workers;
    std::promise<void> let_go;
    std::shared_ptr<std::promise<void>> ended = std::make_shared<std::promise<void>>(),
                                        undone = std::make_shared<std::promise<void>>();
};

// A host that answers whoever connects to it only when it is told to: libvirt waits for its file.
struct LateHost {
    std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("wsvirt-late-host-" + std::to_string(::getpid()) + ".xml");
    std::unique_ptr<libvirt::Workers> workers;

    LateHost() {
        std::filesystem::remove(file);
        BOOST_REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
        libvirt::Settings s;
        s.uri = "test://" + file.string();
        s.cancel_grace = 50ms;
        auto connector = std::make_shared<libvirt::Connector>(s);
        BOOST_REQUIRE(connector->prepare());
        workers = std::make_unique<libvirt::Workers>(std::move(connector));
    }
    ~LateHost() { std::filesystem::remove(file); }
    LateHost(const LateHost&) = delete;
    LateHost& operator=(const LateHost&) = delete;

    void answer() const { std::ofstream(file) << "<node/>"; }
    Result<void> run(const Call& call, const std::shared_ptr<std::atomic<bool>>& begun) const {
        return workers->run<void>(call, {"start the machine", 10s, false, {}, {}},
                                  [begun](libvirt::Session&) -> Result<void> {
                                      *begun = true;
                                      return {};
                                  });
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(workers)

// A machine that a call could not start in time does not start when its host answers again.
BOOST_AUTO_TEST_CASE(work_that_had_not_begun_when_its_caller_was_told_so_never_begins) {
    const auto ran = std::make_shared<std::atomic<bool>>(),
               stopped_ran = std::make_shared<std::atomic<bool>>(),
               wanted = std::make_shared<std::atomic<bool>>();
    LateHost host;
    Call late, stopped;
    late.deadline = std::chrono::steady_clock::now() + 50ms;
    const auto timed_out = host.run(late, ran);
    BOOST_REQUIRE(!timed_out);
    BOOST_CHECK(timed_out.error().status == Status::timed_out);
    std::stop_source stop;
    stopped.stop = stop.get_token();
    auto cancelled = std::async(std::launch::async, [&] { return host.run(stopped, stopped_ran); });
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
    BOOST_CHECK(cancelled.get().error().status == Status::cancelled);
    host.answer();
    BOOST_TEST(host.run({}, wanted).ok());
    host.workers.reset();  // ends the threads
    BOOST_TEST(*wanted);
    BOOST_TEST(!*ran);
    BOOST_TEST(!*stopped_ran);
}

BOOST_AUTO_TEST_CASE(work_whose_caller_was_told_of_a_timeout_is_taken_back) {
    Pool pool;
    auto undone = pool.undone->get_future();
    Call call;
    call.deadline = std::chrono::steady_clock::now() + begun_by_then;
    const auto r = pool.run(call);
    BOOST_REQUIRE(!r);
    BOOST_CHECK(r.error().status == Status::timed_out);
    BOOST_CHECK(undone.wait_for(50ms) == std::future_status::timeout);
    pool.let_go.set_value();
    BOOST_CHECK(undone.wait_for(10s) == std::future_status::ready);
}

// As when libvirtd ends right after it.
BOOST_AUTO_TEST_CASE(a_change_that_was_made_before_the_host_was_lost_has_succeeded) {
    libvirt::Settings s;
    s.uri = "test:///default";
    const auto core = std::make_shared<libvirt::Core>();
    core->connector = std::make_shared<libvirt::Connector>(s);
    BOOST_REQUIRE(core->connector->prepare());
    core->workers = std::make_unique<libvirt::Workers>(core->connector);
    const auto change = [&](bool lost) {
        return libvirt::change_machine(core, {}, "6695eb01-f6a4-8304-79aa-97f2502e193f",
                                       {{"work", {}, false, {}, {}}, {}, {}},
                                       [&](libvirt::Session& session, virDomainPtr) -> Result<void> {
                                           if (lost) session.connection = nullptr;
                                           return {};
                                       });
    };
    for (const bool lost : {false, true}) {
        const auto done = change(lost);
        BOOST_TEST(done.ok(), (done ? "" : done.error().full_text()));
    }
}

BOOST_AUTO_TEST_CASE(work_whose_caller_was_cancelled_is_taken_back) {
    Pool pool;
    auto undone = pool.undone->get_future();
    std::stop_source stop;
    Call call;
    call.stop = stop.get_token();
    std::jthread canceller([&] {
        std::this_thread::sleep_for(begun_by_then);
        stop.request_stop();
    });
    const auto r = pool.run(call);
    BOOST_REQUIRE(!r);
    BOOST_CHECK(r.error().status == Status::cancelled);
    pool.let_go.set_value();
    BOOST_CHECK(undone.wait_for(10s) == std::future_status::ready);
}

BOOST_AUTO_TEST_CASE(work_that_ends_in_time_stays) {
    Pool pool;
    auto undone = pool.undone->get_future();
    pool.let_go.set_value();
    const auto r = pool.run({});
    BOOST_REQUIRE(r);
    BOOST_TEST(*r == 7);
    pool.workers.reset();  // ends the threads
    pool.undone.reset();
    BOOST_CHECK_THROW(undone.get(), std::future_error);  // nobody is left who could
}

BOOST_AUTO_TEST_CASE(work_that_throws_has_failed_and_the_others_go_on) {
    Pool pool;
    const auto thrown = pool.workers->run<int>(
        {}, {"work", {}, false, {}, {}},
        [](libvirt::Session&) -> Result<int> { throw std::runtime_error("storage is stale"); });
    BOOST_REQUIRE(!thrown);
    BOOST_CHECK(thrown.error().status == Status::failed);
    BOOST_TEST(thrown.error().message_id == "wsvirt.host.exception");
    BOOST_TEST(thrown.error().detail == "storage is stale");
    pool.let_go.set_value();
    BOOST_CHECK(pool.run({}));
}

BOOST_AUTO_TEST_SUITE_END()
