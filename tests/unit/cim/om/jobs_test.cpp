#include "cim/om/jobs.hpp"

#include <sqlite3.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "base/text.hpp"
#include "cim/om/job_record.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
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

struct Fixture {
    std::unique_ptr<Store> store = std::move(*Store::open(":memory:"));
    JobManager::Settings settings;
    std::unique_ptr<JobManager> jobs;
    Fixture() {
        settings.threads = 2;
        restart();
    }
    void restart() {
        jobs.reset();
        jobs = std::make_unique<JobManager>(*store, settings);
    }
    JobRecord ended(const std::string& id) {
        auto r = jobs->wait(id, 10s);
        BOOST_REQUIRE(r);
        BOOST_REQUIRE(job_ended(r->state));
        return *r;
    }
};

JobSpec spec(std::string busy_key = {}) {
    JobSpec s;
    s.job_type = 1;
    s.caption = "Defining";
    s.owner = "anna";
    s.owning_service = "Msvm_VirtualSystemManagementService";
    s.busy_key = std::move(busy_key);
    return s;
}

// Holds a job until it is let go.
struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool entered = false, open = false;
    void pass(const std::stop_token& stop = {}) {
        std::stop_callback wake(stop, [&] { changed.notify_all(); });
        std::unique_lock lock(mutex);
        entered = true;
        changed.notify_all();
        while (!open && !stop.stop_requested()) changed.wait_for(lock, 10ms);
    }
    void await_entry() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return entered; });
    }
    void release() {
        const std::scoped_lock lock(mutex);
        open = true;
        changed.notify_all();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(jobs, Fixture)

BOOST_AUTO_TEST_CASE(a_job_ends_well) {
    const auto id = jobs->start(spec(), [](JobContext& c) -> Result<void> {
        c.progress(40, "Copying");
        c.progress(20);
        c.progress(100);
        c.affect("\\\\H\\root:T.K=\"1\"", {5});
        c.set_extra("DestinationHost", "b");
        return {};
    });
    BOOST_REQUIRE(id);
    BOOST_CHECK(is_guid(*id));
    const auto r = ended(*id);
    BOOST_CHECK(r.state == JobState::completed);
    BOOST_CHECK_EQUAL(r.percent, 100);
    BOOST_CHECK(r.errors.empty());
    BOOST_REQUIRE_EQUAL(r.affected.size(), 1u);
    BOOST_CHECK_EQUAL(r.extra.at("DestinationHost"), "b");
    BOOST_CHECK(r.ended.has_value());
    BOOST_CHECK(!(*r.ended < r.started));
    BOOST_CHECK_EQUAL(jobs->ids().size(), 1u);
    BOOST_CHECK(jobs->find(to_lower(*id)).has_value());
}

BOOST_AUTO_TEST_CASE(progress_never_goes_back_and_100_is_for_the_end) {
    Gate gate;
    const auto id = jobs->start(spec(), [&](JobContext& c) -> Result<void> {
        c.progress(70);
        c.progress(30);
        gate.pass();
        c.progress(100);
        return {};
    });
    gate.await_entry();
    auto r = jobs->find(*id);
    BOOST_CHECK(r->state == JobState::running);
    BOOST_CHECK_EQUAL(r->percent, 70);
    gate.release();
    BOOST_CHECK_EQUAL(ended(*id).percent, 100);
}

BOOST_AUTO_TEST_CASE(failures_keep_their_reason) {
    const auto failed = jobs->start(spec(), [](JobContext& c) -> Result<void> {
        c.progress(10);
        return Error(Status::no_space, "wsvirt.disk.full", "The disk is full.", {}, "qemu-img: ENOSPC");
    });
    auto r = ended(*failed);
    BOOST_CHECK(r.state == JobState::exception);
    BOOST_CHECK_EQUAL(r.percent, 10);
    BOOST_REQUIRE_EQUAL(r.errors.size(), 1u);
    BOOST_CHECK_EQUAL(r.errors[0].message, "The disk is full. (qemu-img: ENOSPC)");
    BOOST_CHECK_EQUAL(r.errors[0].message_id, "wsvirt.disk.full");
    const auto thrown =
        jobs->start(spec(), [](JobContext&) -> Result<void> { throw std::runtime_error("boom"); });
    r = ended(*thrown);
    BOOST_CHECK(r.state == JobState::exception);
    BOOST_CHECK(r.errors[0].message.find("boom") != std::string::npos);
    const auto warned = jobs->start(spec(), [](JobContext& c) -> Result<void> {
        c.warn({32768, "w", "careful", "", 1});
        return {};
    });
    BOOST_CHECK(ended(*warned).state == JobState::completed_with_warnings);
}

BOOST_AUTO_TEST_CASE(one_job_per_machine) {
    Gate gate;
    const auto first = jobs->start(spec("VM-1"), [&](JobContext&) -> Result<void> {
        gate.pass();
        return {};
    });
    gate.await_entry();
    const auto nothing = [](JobContext&) -> Result<void> { return {}; };
    BOOST_CHECK(jobs->start(spec("vm-1"), nothing).error().status == Status::busy);
    BOOST_CHECK(jobs->lock("vm-1").error().status == Status::busy);
    BOOST_CHECK_EQUAL(jobs->running_for("vm-1").size(), 1u);
    BOOST_CHECK(jobs->start(spec("VM-2"), nothing).ok());
    gate.release();
    ended(*first);
    BOOST_CHECK(jobs->running_for("vm-1").empty());
    auto guard = jobs->lock("VM-1");
    BOOST_REQUIRE(guard);
    BOOST_CHECK(jobs->start(spec("VM-1"), nothing).error().status == Status::busy);
    const auto handed = jobs->start(spec("VM-1"), nothing, std::move(*guard));
    BOOST_REQUIRE(handed);
    ended(*handed);
    BOOST_CHECK(jobs->lock("VM-1").ok());
    BOOST_CHECK(jobs->lock("VM-1").ok());  // the guard of the line before is gone
}

BOOST_AUTO_TEST_CASE(cancelling) {
    Gate gate;
    auto s = spec();
    s.cancellable = true;
    const auto work = [&](JobContext& c) -> Result<void> {
        gate.pass(c.stop());
        return Error(Status::cancelled, "x", "stopped");
    };
    const auto id = jobs->start(s, work);
    gate.await_entry();
    BOOST_CHECK(jobs->request_stop(*id, true).ok());
    auto r = ended(*id);
    BOOST_CHECK(r.state == JobState::killed);
    BOOST_CHECK(jobs->request_stop(*id, true).error().status == Status::invalid_state);
    BOOST_CHECK(jobs->request_stop("none", true).error().status == Status::not_found);
    Gate other;
    const auto firm = jobs->start(spec(), [&](JobContext&) -> Result<void> {
        other.pass();
        return {};
    });
    other.await_entry();
    BOOST_CHECK(jobs->request_stop(*firm, false).error().status == Status::invalid_state);
    BOOST_CHECK(jobs->remove(*firm).error().status == Status::invalid_state);
    other.release();
    ended(*firm);
    BOOST_CHECK(jobs->remove(*firm).ok());
    BOOST_CHECK(!jobs->find(*firm));
}

BOOST_AUTO_TEST_CASE(a_waiting_job_is_cancelled_at_once) {
    Gate gate;
    const auto hold = [&](JobContext&) -> Result<void> {
        gate.pass();
        return {};
    };
    (void)jobs->start(spec(), hold);
    (void)jobs->start(spec(), hold);
    bool ran = false;
    const auto id = jobs->start(spec("k"), [&](JobContext&) -> Result<void> {
        ran = true;
        return {};
    });
    BOOST_CHECK(jobs->request_stop(*id, false).ok());
    BOOST_CHECK(ended(*id).state == JobState::terminated);
    BOOST_CHECK(jobs->lock("k").ok());
    gate.release();
    jobs->stop();
    BOOST_CHECK(!ran);
    BOOST_CHECK(jobs->start(spec(), hold).error().status == Status::server_is_shutting_down);
}

BOOST_AUTO_TEST_CASE(limit_of_unfinished_jobs) {
    settings.max_jobs = 1;
    restart();
    Gate gate;
    const auto hold = [&](JobContext&) -> Result<void> {
        gate.pass();
        return {};
    };
    const auto id = jobs->start(spec(), hold);
    BOOST_CHECK(jobs->start(spec(), hold).error().status == Status::server_limits_exceeded);
    gate.release();
    ended(*id);
    const auto next = jobs->start(spec(), hold);
    BOOST_REQUIRE(next.ok());
    ended(*next);  // it uses the gate
}

// Whoever counts them first and begins later may find that others have begun meanwhile.
BOOST_AUTO_TEST_CASE(no_more_of_a_type_than_their_limit) {
    Gate gate;
    const auto hold = [&](JobContext&) -> Result<void> {
        gate.pass();
        return {};
    };
    auto one = spec();
    one.job_type = 305;
    one.limit = {{305, 306}, 1, Error(Status::busy, "test.full", "Full.")};
    BOOST_CHECK(jobs->check(one.limit).ok());
    const auto id = jobs->start(one, hold);
    BOOST_REQUIRE(id);
    BOOST_CHECK_EQUAL(jobs->check(one.limit).error().message_id, "test.full");
    BOOST_CHECK_EQUAL(jobs->start(one, hold).error().message_id, "test.full");
    BOOST_CHECK_EQUAL(jobs->unfinished(one.limit.types), 1u);
    BOOST_CHECK_EQUAL(jobs->unfinished(), 1u);
    BOOST_CHECK_EQUAL(*store->count("job"), 1u);
    gate.release();
    ended(*id);
    const auto next = jobs->start(one, hold);
    BOOST_REQUIRE(next.ok());
    ended(*next);  // it uses the gate
}

BOOST_AUTO_TEST_CASE(ended_jobs_go_after_the_delay) {
    settings.removal_delay = 1s;
    restart();
    const auto id = jobs->start(spec(), [](JobContext&) -> Result<void> { return {}; });
    ended(*id);
    BOOST_CHECK(jobs->find(*id).has_value());
    for (int i = 0; i < 100 && jobs->find(*id); ++i) std::this_thread::sleep_for(50ms);
    BOOST_CHECK(!jobs->find(*id));
    for (int i = 0; i < 100 && *store->count("job") > 0; ++i) std::this_thread::sleep_for(10ms);
    BOOST_CHECK_EQUAL(*store->count("job"), 0u);
}

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

BOOST_AUTO_TEST_CASE(long_jobs_do_not_keep_others_waiting) {
    settings.long_after = 300ms;
    settings.max_jobs = 6;
    restart();
    std::vector<std::unique_ptr<Gate>> gates;
    std::vector<std::string> ids;
    for (int n = 0; n < 5; ++n) {
        auto& gate = *gates.emplace_back(std::make_unique<Gate>());
        const auto id = jobs->start(spec(), [&gate](JobContext&) -> Result<void> {
            gate.pass();
            return {};
        });
        BOOST_REQUIRE(id);
        ids.push_back(*id);
    }
    // Two at a time begin.
    BOOST_CHECK(jobs->find(ids[2])->state == JobState::new_);
    for (auto& g : gates) g->await_entry();
    const auto last = jobs->start(spec(), [](JobContext&) -> Result<void> { return {}; });
    BOOST_CHECK(ended(*last).state == JobState::completed);
    for (auto& g : gates) g->release();
    for (const auto& id : ids) BOOST_CHECK(ended(id).state == JobState::completed);
}

BOOST_AUTO_TEST_CASE(a_refusal_needs_no_thread) {
    settings.threads = 1;
    settings.max_jobs = 1;
    restart();
    Gate gate;
    const auto busy = jobs->start(spec(), [&](JobContext&) -> Result<void> {
        gate.pass();
        return {};
    });
    const auto id =
        jobs->record_ended(spec(), Error(Status::invalid_state, "x", "It runs.", {}, "libvirt: it does"));
    BOOST_REQUIRE(id);
    const auto r = jobs->find(*id);
    BOOST_REQUIRE(r);
    BOOST_CHECK(r->state == JobState::exception);
    BOOST_CHECK_EQUAL(r->errors.at(0).code, 32775u);
    BOOST_CHECK_EQUAL(r->errors[0].message, "It runs. (libvirt: it does)");
    BOOST_CHECK(r->ended.has_value());
    BOOST_CHECK_EQUAL(jobs->unfinished(), 1u);
    BOOST_CHECK(job_from_text(**store->get("job", *id))->state == JobState::exception);
    gate.release();
    ended(*busy);
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

BOOST_AUTO_TEST_CASE(return_codes) {
    const auto code = [](Status s) { return code_of(Error(s, "", "")); };
    BOOST_CHECK_EQUAL(code(Status::failed), 32768u);
    BOOST_CHECK_EQUAL(code(Status::access_denied), 32769u);
    BOOST_CHECK_EQUAL(code(Status::not_supported), 32770u);
    BOOST_CHECK_EQUAL(code(Status::timed_out), 32772u);
    BOOST_CHECK_EQUAL(code(Status::malformed), 32773u);
    BOOST_CHECK_EQUAL(code(Status::busy), 32774u);
    BOOST_CHECK_EQUAL(code(Status::invalid_state), 32775u);
    BOOST_CHECK_EQUAL(code(Status::type_mismatch), 32776u);
    BOOST_CHECK_EQUAL(code(Status::out_of_memory), 32778u);
}

BOOST_AUTO_TEST_SUITE_END()
