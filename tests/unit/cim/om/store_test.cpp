#include "cim/om/store.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

struct Folder {
    std::filesystem::path path;
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "om-store-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(store)

BOOST_AUTO_TEST_CASE(documents_by_kind_and_key) {
    auto s = Store::open(":memory:");
    BOOST_REQUIRE(s);
    Store& store = **s;
    BOOST_CHECK(store.put("a", "k1", "one").ok());
    BOOST_CHECK(store.put("a", "k1", "two").ok());
    BOOST_CHECK(store.put("b", "k1", std::string("x\0y", 3)).ok());
    BOOST_CHECK_EQUAL(store.get("a", "k1")->value(), "two");
    BOOST_CHECK(*store.get("b", "k1") == std::string("x\0y", 3));
    BOOST_CHECK(!store.get("a", "nope")->has_value());
    BOOST_CHECK(store.insert("a", "k1", "three").error().status == Status::already_exists);
    BOOST_CHECK(store.insert("a", "k0", "").ok());
    BOOST_CHECK_EQUAL(store.get("a", "k0")->value(), "");
    BOOST_CHECK_EQUAL(store.count("a").value(), 2u);
    BOOST_CHECK(store.erase("a", "k1").value());
    BOOST_CHECK(!store.erase("a", "k1").value());
    BOOST_CHECK_EQUAL(store.count("a").value(), 1u);
}

// What cannot be read is not taken for what is not there.
BOOST_AUTO_TEST_CASE(a_damaged_file_is_not_opened) {
    const Folder folder;
    const auto file = folder.path / "wsvirt.db";
    {
        auto s = Store::open(file);
        BOOST_REQUIRE(s);
        for (int i = 0; i < 200; ++i)
            BOOST_REQUIRE((*s)->put("job", std::to_string(i), std::string(200, 'x')).ok());
    }
    BOOST_REQUIRE(Store::open(file));
    constexpr int page = 4096;
    BOOST_REQUIRE(std::filesystem::file_size(file) > 3U * page);
    {
        std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
        f.seekp(2 * page);
        f << std::string(page, '\xa5');
    }
    const auto damaged = Store::open(file);
    BOOST_REQUIRE(!damaged);
    BOOST_CHECK_EQUAL(damaged.error().message_id, "wsvirt.store.damaged");
    BOOST_CHECK_EQUAL(damaged.error().subject, file.string());
}

BOOST_AUTO_TEST_CASE(lists_page_in_key_order) {
    auto s = Store::open(":memory:");
    for (int i = 0; i < 25; ++i)
        BOOST_REQUIRE((*s)->put("n", "k" + std::to_string(100 + i), std::to_string(i)).ok());
    std::string after;
    int seen = 0;
    for (;;) {
        const auto page = (*s)->list("n", after, 10);
        BOOST_REQUIRE(page);
        if (page->empty()) break;
        for (const auto& row : *page) BOOST_CHECK_EQUAL(row.text, std::to_string(seen++));
        after = page->back().key;
    }
    BOOST_CHECK_EQUAL(seen, 25);
}

BOOST_AUTO_TEST_CASE(transactions_are_all_or_nothing) {
    auto s = Store::open(":memory:");
    Store& store = **s;
    const Error no(Status::failed, "x", "no");
    BOOST_CHECK(!store
                     .transaction([&]() -> Result<void> {
                         BOOST_CHECK(store.put("t", "a", "1").ok());
                         return no;
                     })
                     .ok());
    BOOST_CHECK_EQUAL(store.count("t").value(), 0u);
    BOOST_CHECK(store
                    .transaction([&]() -> Result<void> {
                        BOOST_CHECK(store.put("t", "a", "1").ok());
                        BOOST_CHECK(!store
                                         .transaction([&]() -> Result<void> {
                                             BOOST_CHECK(store.put("t", "b", "1").ok());
                                             return no;
                                         })
                                         .ok());
                        return store.transaction([&] { return store.put("t", "c", "1"); });
                    })
                    .ok());
    BOOST_CHECK(store.get("t", "a")->has_value());
    BOOST_CHECK(!store.get("t", "b")->has_value());
    BOOST_CHECK(store.get("t", "c")->has_value());
    BOOST_CHECK_THROW((void)store.transaction([&]() -> Result<void> {
        (void)store.put("t", "d", "1");
        throw std::runtime_error("x");
    }),
                      std::runtime_error);
    BOOST_CHECK(!store.get("t", "d")->has_value());
    BOOST_CHECK(store.put("t", "e", "1").ok());
}

BOOST_AUTO_TEST_CASE(many_threads_write_at_once) {
    auto s = Store::open(":memory:");
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&store = **s, t] {
            for (int i = 0; i < 200; ++i)
                (void)store.transaction(
                    [&] { return store.put("m", std::to_string(t) + "/" + std::to_string(i), "x"); });
        });
    threads.clear();
    BOOST_CHECK_EQUAL((*s)->count("m").value(), 800u);
}

BOOST_AUTO_TEST_CASE(what_was_written_survives_kill_9) {
    const Folder folder;
    const auto file = folder.path / "state.db";
    int pipe_ends[2];
    BOOST_REQUIRE(pipe(pipe_ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        auto s = Store::open(file);
        if (!s) _exit(1);
        for (int i = 0;; ++i) {
            if (!(*s)->put("k", std::to_string(i), "x").ok()) _exit(1);
            if (write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(1);
        }
    }
    close(pipe_ends[1]);
    int last = -1;
    for (int n = 0; n < 20; ++n) BOOST_REQUIRE(read(pipe_ends[0], &last, sizeof last) == sizeof last);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(pipe_ends[0], &last, sizeof last) == sizeof last) {
    }
    close(pipe_ends[0]);
    auto s = Store::open(file);
    BOOST_REQUIRE(s);
    BOOST_CHECK_GE((*s)->count("k").value(), static_cast<std::uint64_t>(last) + 1);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_database_is_refused_with_sqlites_words) {
    const Folder folder;
    std::ofstream(folder.path / "state.db") << std::string(5000, 'x');
    const auto s = Store::open(folder.path / "state.db");
    BOOST_REQUIRE(!s);
    BOOST_CHECK(s.error().status == Status::failed);
    BOOST_CHECK(!s.error().detail.empty());
    BOOST_CHECK(!Store::open(folder.path / "none" / "state.db").ok());
}

BOOST_AUTO_TEST_SUITE_END()
