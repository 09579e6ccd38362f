// What the parts of the JobManager share: jobs.cpp (what others call), job_pool.cpp (threads and what they
// do) and job_keeping.cpp (rows: written, written again, removed). A job's `writing` is taken before `mutex`;
// neither is held while a job works or ends.
#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <set>
#include <thread>

#include "base/text.hpp"
#include "cim/om/jobs.hpp"

namespace wsvirt::cim {

Error no_such_job(std::string_view id);
Error wrong_job_state(std::string_view id, std::string text);

// The keys that are taken; guards may outlive the manager.
struct BusyKeys {
    std::mutex mutex;
    std::set<std::string, ILess> taken;
};

class JobManager::Guard {
  public:
    Guard(std::shared_ptr<BusyKeys> keys, std::string key) : keys_(std::move(keys)), key_(std::move(key)) {}
    ~Guard() {
        const std::scoped_lock lock(keys_->mutex);
        keys_->taken.erase(key_);
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

  private:
    std::shared_ptr<BusyKeys> keys_;
    std::string key_;
};

struct JobManager::Impl {
    using Steady = std::chrono::steady_clock;
    static constexpr auto never = Steady::time_point::max();

    struct Job {
        JobRecord record;
        Work work;
        std::stop_source stop;
        std::shared_ptr<Guard> guard;
        std::string busy_key;
        std::uint64_t sequence = 0;
        bool stop_asked = false, kill = false;
        Steady::time_point began;              // when a thread was to take it
        Steady::time_point remove_at = never;  // and not before what became of it is known
        Steady::time_point write_at = never;   // again: its row is not what the record says
        std::mutex writing;                    // its row
        bool removed = false;
    };
    using JobPtr = std::shared_ptr<Job>;
    class Context;

    Impl(Store& s, Settings set) : store(s), settings(set) {}

    void begin_pool();
    void begin_end();
    void end_pool();
    void run_pool(std::list<std::thread>::iterator self);
    void run(const JobPtr& job);
    void finish(const JobPtr& job, const Result<void>& result);
    void end_unstarted(const JobPtr& job, std::string why);
    void keep_house();
    void run_housekeeping();
    void load();
    Result<void> write(const JobPtr& job);
    bool erase_rows(const std::vector<JobPtr>& ended);
    // An ended job may be looked at for a while.
    Steady::time_point removal() const { return Steady::now() + settings.removal_delay; }
    Result<std::shared_ptr<Guard>> take(const std::string& key);

    // Under the mutex:
    void admit();
    bool add_thread();
    Steady::time_point next_admission() const;
    bool take_from_queue(const JobPtr& job);
    JobPtr job(std::string_view id) const;
    std::uint32_t unfinished_of(const std::vector<std::uint16_t>& types) const;
    bool reached(const JobLimit& limit) const {
        return limit.most != 0 && unfinished_of(limit.types) >= limit.most;
    }
    std::vector<JobPtr> in_order() const;

    Store& store;
    Settings settings;
    std::shared_ptr<BusyKeys> keys = std::make_shared<BusyKeys>();
    mutable std::mutex mutex;
    std::condition_variable work_waits, something_ended, housekeeping_waits;
    std::map<std::string, JobPtr, ILess> jobs;
    std::deque<JobPtr> waiting;  // for others that have just begun
    std::deque<JobPtr> ready;    // for a thread
    std::set<JobPtr> running;    // and those that are ready
    std::uint64_t next_sequence = 0;
    unsigned unfinished = 0;
    std::uint64_t refused = 0;
    bool stopping = false;
    std::size_t idle = 0;
    std::list<std::thread> threads, exited;
    std::thread housekeeping;
};

}  // namespace wsvirt::cim
