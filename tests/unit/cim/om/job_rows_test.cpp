// What of jobs is on disk: what a restart makes of it, and what cannot be written for a while.
#include <sqlite3.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <thread>

#include "base/text.hpp"
#include "cim/om/job_record.hpp"
#include "cim/om/jobs.hpp"
#include "tests/unit/cim/om/jobs_world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::jobs_test;
using namespace std::chrono_literals;

namespace {

// A copy of the rows is what a restart after kill -9 would find.
std::unique_ptr<Store> rows_of(Store& store) {
    auto copy = std::move(*Store::open(":memory:"));
    const auto rows = store.list("job");
    for (const auto& row : *rows) BOOST_REQUIRE(copy->put("job", row.key, row.text).ok());
    return copy;
}

template <class Condition>
bool eventually(Condition c) {
    for (int n = 0; n < 1000 && !c(); ++n) std::this_thread::sleep_for(10ms);
    return c();
}

// A store in a file, whose table others can make read-only meanwhile.
class Disk {
  public:
    Disk() { BOOST_REQUIRE_EQUAL(::sqlite3_open(file.c_str(), &db_), SQLITE_OK); }
    ~Disk() {
        ::sqlite3_close(db_);
        std::filesystem::remove_all(folder);
    }
    void breaks() {
        for (const char* event : {"INSERT", "DELETE"})
            run(std::string("CREATE TRIGGER no_") + event + " BEFORE " + event +
                " ON documents BEGIN SELECT abs(-9223372036854775807 - 1); END");
    }
    void is_whole_again() {
        for (const char* event : {"INSERT", "DELETE"}) run(std::string("DROP TRIGGER no_") + event);
    }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("wsvirt-jobs-" + make_guid());
    const std::string file = [this] {
        std::filesystem::create_directories(folder);
        return (folder / "wsvirt.db").string();
    }();
    std::unique_ptr<Store> store = std::move(*Store::open(file));

  private:
    void run(const std::string& sql) {
        ::sqlite3_busy_timeout(db_, 20'000);
        BOOST_REQUIRE_EQUAL(::sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    }
    sqlite3* db_ = nullptr;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_rows, Jobs)

BOOST_AUTO_TEST_CASE(a_restart_tells_the_truth) {
    const auto good = jobs->start(spec(), [](JobContext& c) -> Result<void> {
        c.affect("p", {5, 2});
        return {};
    });
    ended(*good);
    Gate gate;
    const auto cut = jobs->start(spec("VM"), [&](JobContext& c) -> Result<void> {
        c.affect("q", {0});
        gate.pass();
        return {};
    });
    gate.await_entry();
    const auto copy = rows_of(*store);
    JobManager after(*copy, settings);
    BOOST_CHECK(after.find(*good)->state == JobState::completed);
    BOOST_CHECK((after.find(*good)->affected[0].effects == std::vector<std::uint16_t>{5, 2}));
    const auto r = after.find(*cut);
    BOOST_REQUIRE(r);
    BOOST_CHECK(r->state == JobState::exception);
    BOOST_CHECK(r->ended.has_value());
    BOOST_CHECK_EQUAL(r->affected[0].path, "q");
    BOOST_CHECK_EQUAL(r->errors[0].message_id, "wsvirt.job.interrupted");
    BOOST_CHECK(after.lock("VM").ok());
    BOOST_REQUIRE_EQUAL(after.interrupted().size(), 1u);
    BOOST_CHECK(after.settle(*cut, JobState::completed, std::nullopt).ok());
    BOOST_CHECK(after.find(*cut)->state == JobState::completed);
    BOOST_CHECK(after.interrupted().empty());
    BOOST_CHECK(after.settle(*cut, JobState::completed, std::nullopt).error().status ==
                Status::invalid_state);
    gate.release();
}

// The first recovery was itself cut off, and the service was down for long then.
BOOST_AUTO_TEST_CASE(what_was_cut_off_twice_is_not_forgotten) {
    Gate gate;
    const auto work = [&](JobContext&) -> Result<void> {
        gate.pass();
        return {};
    };
    const auto cut = jobs->start(spec(), work), other = jobs->start(spec(), work);
    gate.await_entry();
    settings.removal_delay = 1s;
    const auto copy = rows_of(*store);
    gate.release();
    (void)std::make_unique<JobManager>(*copy, settings);
    std::this_thread::sleep_for(1200ms);
    auto again = std::make_unique<JobManager>(*copy, settings);
    std::this_thread::sleep_for(300ms);
    BOOST_REQUIRE_EQUAL(again->interrupted().size(), 2u);
    BOOST_CHECK(again->settle(*cut, JobState::completed, std::nullopt).ok());
    again->recovered();
    // From now on they are jobs that have ended just now.
    BOOST_CHECK(again->interrupted().empty());
    const auto settled = again->find(*cut), left = again->find(*other);
    BOOST_REQUIRE(settled && left);
    BOOST_CHECK(settled->state == JobState::completed);
    BOOST_CHECK_EQUAL(left->errors.at(0).message_id, "wsvirt.job.interrupted");
    BOOST_CHECK(DateTime::now().microseconds() - settled->ended->microseconds() < 1'000'000);
    again = std::make_unique<JobManager>(*copy, settings);
    BOOST_CHECK(again->interrupted().empty());
    BOOST_CHECK(eventually([&] { return !again->find(*cut) && !again->find(*other); }));
    BOOST_CHECK(eventually([&] { return *copy->count("job") == 0u; }));
}

// Its clock was set back since.
BOOST_AUTO_TEST_CASE(what_ended_later_than_now_is_removed_after_the_usual_time) {
    const auto id = jobs->start(spec(), [](JobContext&) -> Result<void> { return {}; });
    auto row = ended(*id);
    row.ended = DateTime::timestamp(DateTime::now().microseconds() + 86'400'000'000);
    const auto copy = rows_of(*store);
    BOOST_REQUIRE(copy->put("job", *id, job_to_text(row)).ok());
    settings.removal_delay = 1s;
    JobManager after(*copy, settings);
    BOOST_CHECK(after.find(*id).has_value());
    BOOST_CHECK(eventually([&] { return !after.find(*id); }));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_is_written_later) {
    Disk disk;
    settings.retry = 100ms;
    settings.removal_delay = 1s;
    JobManager on_disk(*disk.store, settings);
    Gate gate;
    const auto id = on_disk.start(spec(), [&](JobContext&) -> Result<void> {
        gate.pass();
        return {};
    });
    BOOST_REQUIRE(id);
    gate.await_entry();
    disk.breaks();
    gate.release();
    BOOST_CHECK(on_disk.wait(*id, 10s)->state == JobState::completed);
    const auto state = [&] { return job_from_text(**disk.store->get("job", *id))->state; };
    BOOST_CHECK(state() != JobState::completed);
    // What cannot be removed would be there again after a restart.
    std::this_thread::sleep_for(1300ms);
    BOOST_CHECK(on_disk.find(*id).has_value());
    BOOST_CHECK(!on_disk.remove(*id).ok());
    BOOST_CHECK(on_disk.find(*id).has_value());
    disk.is_whole_again();
    BOOST_CHECK(eventually([&] { return !on_disk.find(*id); }));
    BOOST_CHECK_EQUAL(*disk.store->count("job"), 0u);
    const auto next = on_disk.start(spec(), [&](JobContext&) -> Result<void> {
        disk.breaks();
        return {};
    });
    BOOST_CHECK(on_disk.wait(*next, 10s)->state == JobState::completed);
    disk.is_whole_again();
    BOOST_CHECK(eventually(
        [&] { return job_from_text(**disk.store->get("job", *next))->state == JobState::completed; }));
}

BOOST_AUTO_TEST_CASE(stopping_writes_what_could_not_be_written) {
    Disk disk;
    settings.retry = 1h;
    {
        JobManager on_disk(*disk.store, settings);
        const auto id = on_disk.start(spec(), [&](JobContext&) -> Result<void> {
            disk.breaks();
            return {};
        });
        on_disk.wait(*id, 10s);
        disk.is_whole_again();
    }
    BOOST_CHECK(job_from_text(disk.store->list("job")->at(0).text)->state == JobState::completed);
}

BOOST_AUTO_TEST_CASE(records_keep_any_text) {
    JobRecord r;
    r.instance_id = "ID";
    r.caption = "a\nb\tc\\n\x1f\xc3\xa4";
    r.extra["k=\n"] = "v\x1fw";
    r.errors.push_back({32773, "id", "x\x1fy\n", "s", 4});
    r.affected.push_back({"p\x1f", {1, 5}});
    r.cancellable = r.unsettled = true;
    r.role = Role::operator_;
    r.submitted = DateTime::now();
    const auto back = job_from_text(job_to_text(r));
    BOOST_REQUIRE(back);
    BOOST_CHECK_EQUAL(back->caption, r.caption);
    BOOST_CHECK(back->extra == r.extra);
    BOOST_CHECK_EQUAL(back->errors[0].message, r.errors[0].message);
    BOOST_CHECK_EQUAL(back->affected[0].path, r.affected[0].path);
    BOOST_CHECK_EQUAL(back->affected[0].effects.size(), 2u);
    BOOST_CHECK(back->submitted == r.submitted);
    BOOST_CHECK(!back->ended);
    BOOST_CHECK(back->unsettled);
    BOOST_CHECK(back->role == Role::operator_);
    BOOST_CHECK(!job_from_text("rubbish"));
}

BOOST_AUTO_TEST_SUITE_END()
