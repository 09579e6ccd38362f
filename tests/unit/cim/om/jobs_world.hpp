// What tests of jobs share.
#pragma once

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "cim/om/job_record.hpp"
#include "cim/om/jobs.hpp"

namespace wsvirt::cim::jobs_test {

using namespace std::chrono_literals;

struct Jobs {
    std::unique_ptr<Store> store = std::move(*Store::open(":memory:"));
    JobManager::Settings settings;
    std::unique_ptr<JobManager> jobs;
    Jobs() {
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

inline JobSpec spec(std::string busy_key = {}) {
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

}  // namespace wsvirt::cim::jobs_test
