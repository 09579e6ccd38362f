#include "base/thread_pool.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>
#include <stdexcept>

using wsvirt::ThreadPool;

BOOST_AUTO_TEST_SUITE(thread_pool)

BOOST_AUTO_TEST_CASE(everything_that_was_taken_is_done_before_the_end) {
    std::atomic<int> done{0};
    {
        ThreadPool pool(3, 1000);
        for (int i = 0; i < 500; ++i) BOOST_TEST(pool.post([&] { ++done; }));
    }
    BOOST_TEST(done.load() == 500);
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses) {
    std::promise<void> go, running;  // outlive the pool, whose thread uses them
    ThreadPool pool(1, 2);
    BOOST_TEST(pool.post([&] {
        running.set_value();
        go.get_future().wait();
    }));
    running.get_future().wait();
    BOOST_TEST(pool.post([] {}));
    BOOST_TEST(pool.post([] {}));
    BOOST_TEST(!pool.post([] {}));
    BOOST_TEST(pool.queued() == 2u);
    go.set_value();
}

BOOST_AUTO_TEST_CASE(a_stopped_pool_refuses) {
    ThreadPool pool(1, 2);
    pool.stop();
    BOOST_TEST(!pool.post([] {}));
}

BOOST_AUTO_TEST_CASE(work_that_throws_harms_nothing) {
    std::promise<int> after;
    ThreadPool pool(1, 10);
    pool.post([] { throw std::runtime_error("x"); });
    pool.post([&] { after.set_value(1); });
    BOOST_TEST(after.get_future().get() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
