#include "cim/om/jobs.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <thread>

#include "base/text.hpp"
#include "cim/om/job_record.hpp"
#include "tests/unit/cim/om/jobs_world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::jobs_test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(jobs, Jobs)

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
