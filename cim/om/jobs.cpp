#include "cim/om/jobs.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "base/text.hpp"
#include "cim/om/job_record.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::string_view kind = "job";
constexpr std::string_view interrupted_id = "wsvirt.job.interrupted";
using Steady = std::chrono::steady_clock;

Error no_such_job(std::string_view id) {
    return {Status::not_found, "wsvirt.job.missing",
            "There is no job " + std::string(id) + ": ended jobs are removed after some minutes.",
            std::string(id)};
}

Error wrong_state(std::string_view id, std::string text) {
    return {Status::invalid_state, "wsvirt.job.state", std::move(text), std::string(id)};
}

// The keys that are taken; guards may outlive the manager.
struct BusyKeys {
    std::mutex mutex;
    std::set<std::string, ILess> taken;
};

std::chrono::microseconds age(const DateTime& since) {
    return std::chrono::microseconds(DateTime::now().microseconds() - since.microseconds());
}

}  // namespace

class JobManager::Guard {
  public:
    Guard(std::shared_ptr<BusyKeys> keys, std::string key) : keys_(std::move(keys)), key_(std::move(key)) {}
    ~Guard() {
        const std::scoped_lock lock(keys_->mutex);
        keys_->taken.erase(key_);
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    const std::string& key() const { return key_; }

  private:
    std::shared_ptr<BusyKeys> keys_;
    std::string key_;
};

struct JobManager::Impl {
    struct Job {
        JobRecord record;
        Work work;
        std::stop_source stop;
        std::shared_ptr<Guard> guard;
        std::string busy_key;
        std::uint64_t sequence = 0;
        bool stop_asked = false, kill = false;
        Steady::time_point remove_at = Steady::time_point::max();
    };
    using JobPtr = std::shared_ptr<Job>;
    class Context;

    Impl(Store& s, Settings set) : store(s), settings(set) {}

    void load();
    void run_pool();
    void run_housekeeping();
    void run(const JobPtr& job);
    void finish(const JobPtr& job, const Result<void>& result);
    void end_unstarted(const JobPtr& job, std::string why);
    void save(const JobRecord& r) { (void)store.put(kind, r.instance_id, job_to_text(r)); }
    JobPtr job(std::string_view id) const;  // under the mutex
    Result<std::shared_ptr<Guard>> take(const std::string& key);
    std::vector<JobPtr> in_order() const;  // under the mutex

    Store& store;
    Settings settings;
    std::shared_ptr<BusyKeys> keys = std::make_shared<BusyKeys>();
    mutable std::mutex mutex;
    std::condition_variable work_waits, something_ended, housekeeping_waits;
    std::map<std::string, JobPtr, ILess> jobs;
    std::deque<JobPtr> queue;
    std::uint64_t next_sequence = 0;
    unsigned unfinished = 0;
    std::uint64_t refused = 0;
    bool stopping = false;
    std::vector<std::jthread> threads;
};

// What a running job may do: changes its record under the manager's mutex; what a restart must know is saved.
class JobManager::Impl::Context : public JobContext {
  public:
    Context(Impl& impl, JobPtr job) : impl_(impl), job_(std::move(job)) {}
    const std::string& id() const override { return job_->record.instance_id; }
    std::stop_token stop() const override { return job_->stop.get_token(); }

    void progress(unsigned percent, std::string status) override {
        const std::scoped_lock lock(impl_.mutex);
        auto& r = job_->record;
        // 100 is for a job that has ended well.
        r.percent = std::max(r.percent, static_cast<std::uint16_t>(std::min(percent, 99u)));
        if (!status.empty()) r.status_text = std::move(status);
    }
    void affect(std::string path, std::vector<std::uint16_t> effects) override {
        change(true, [&](JobRecord& r) {
            for (auto& a : r.affected)
                if (iequals(a.path, path)) {
                    a.effects = std::move(effects);
                    return;
                }
            r.affected.push_back({std::move(path), std::move(effects)});
        });
    }
    void cancellable(bool yes) override {
        change(false, [&](JobRecord& r) { r.cancellable = yes; });
    }
    void warn(JobError e) override {
        change(true, [&](JobRecord& r) { r.errors.push_back(std::move(e)); });
    }
    void set_extra(std::string key, std::string value) override {
        change(true, [&](JobRecord& r) { r.extra[std::move(key)] = std::move(value); });
    }

  private:
    template <class How>
    void change(bool save, How&& how) {
        JobRecord copy;
        {
            const std::scoped_lock lock(impl_.mutex);
            how(job_->record);
            if (save) copy = job_->record;
        }
        if (save) impl_.save(copy);
    }
    Impl& impl_;
    JobPtr job_;
};

JobManager::JobManager(Store& store, Settings settings) : impl_(std::make_unique<Impl>(store, settings)) {
    impl_->load();
    for (unsigned i = 0; i < std::max(1u, settings.threads); ++i)
        impl_->threads.emplace_back([this] { impl_->run_pool(); });
    impl_->threads.emplace_back([this] { impl_->run_housekeeping(); });
}

JobManager::~JobManager() {
    stop();
}

const JobManager::Settings& JobManager::settings() const {
    return impl_->settings;
}

std::size_t JobManager::unfinished() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->unfinished;
}

std::uint64_t JobManager::refused() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->refused;
}

void JobManager::Impl::load() {
    auto rows = store.list(kind);
    if (!rows) return;
    std::vector<JobRecord> records;
    for (const auto& row : *rows) {
        if (auto r = job_from_text(row.text))
            records.push_back(std::move(*r));
        else
            (void)store.erase(kind, row.key);
    }
    std::stable_sort(records.begin(), records.end(),
                     [](const auto& a, const auto& b) { return a.submitted < b.submitted; });
    for (auto& r : records) {
        if (!job_ended(r.state)) {
            r.state = JobState::exception;
            r.ended = r.last_change = DateTime::now();
            r.cancellable = false;
            r.status_text = "Interrupted";
            r.errors.insert(r.errors.begin(),
                            {32768,
                             std::string(interrupted_id),
                             "The job was interrupted by a restart of the service. What it had begun may be "
                             "done in part: look at the object that it worked on before you repeat it.",
                             {},
                             1});
            save(r);
        }
        auto j = std::make_shared<Job>();
        const auto left = settings.removal_delay - (r.ended ? age(*r.ended) : std::chrono::microseconds(0));
        j->remove_at = Steady::now() + std::max(left, std::chrono::microseconds(0));
        j->record = std::move(r);
        j->sequence = next_sequence++;
        jobs.emplace(j->record.instance_id, j);
    }
}

Result<std::shared_ptr<JobManager::Guard>> JobManager::Impl::take(const std::string& key) {
    {
        const std::scoped_lock lock(keys->mutex);
        if (!keys->taken.insert(key).second)
            return Error(Status::busy, "wsvirt.job.busy",
                         "Another operation is changing the same machine: wait until it has ended, or cancel "
                         "its job.",
                         key);
    }
    return std::make_shared<Guard>(keys, key);
}

Result<std::string> JobManager::start(JobSpec spec, Work work, std::shared_ptr<Guard> held) {
    auto job = std::make_shared<Impl::Job>();
    job->busy_key = spec.busy_key;
    job->guard = std::move(held);
    if (!spec.busy_key.empty() && !job->guard) {
        auto guard = impl_->take(spec.busy_key);
        if (!guard) return guard.error();
        job->guard = std::move(*guard);
    }
    auto& r = job->record;
    r.instance_id = make_guid();
    r.class_name = std::move(spec.class_name);
    r.job_type = spec.job_type;
    r.caption = std::move(spec.caption);
    r.owner = std::move(spec.owner);
    r.owning_service = std::move(spec.owning_service);
    r.cancellable = spec.cancellable;
    r.affected = std::move(spec.affected);
    r.extra = std::move(spec.extra);
    r.submitted = r.last_change = DateTime::now();
    r.status_text = "Job is waiting";
    job->work = std::move(work);
    {
        const std::scoped_lock lock(impl_->mutex);
        if (impl_->stopping)
            return Error(Status::server_is_shutting_down, "wsvirt.job.stopping",
                         "The service is stopping: repeat this when it runs again.");
        if (impl_->unfinished >= impl_->settings.max_jobs) {
            ++impl_->refused;
            return Error(Status::server_limits_exceeded, "wsvirt.job.limit",
                         "There are " + std::to_string(impl_->settings.max_jobs) +
                             " unfinished jobs already: wait until some have ended.");
        }
        ++impl_->unfinished;
    }
    // Durable before anything is done: after kill -9 the row tells that the work may have begun.
    if (auto saved = impl_->store.put(kind, r.instance_id, job_to_text(r)); !saved) {
        const std::scoped_lock lock(impl_->mutex);
        --impl_->unfinished;
        return saved.error();
    }
    const std::scoped_lock lock(impl_->mutex);
    job->sequence = impl_->next_sequence++;
    impl_->jobs.emplace(r.instance_id, job);
    impl_->queue.push_back(job);
    impl_->work_waits.notify_one();
    return r.instance_id;
}

void JobManager::Impl::run_pool() {
    for (;;) {
        JobPtr job;
        {
            std::unique_lock lock(mutex);
            work_waits.wait(lock, [&] { return stopping || !queue.empty(); });
            if (queue.empty()) return;
            job = queue.front();
            queue.pop_front();
            if (stopping) {
                lock.unlock();
                end_unstarted(job, "The service stopped before the job began.");
                continue;
            }
            auto& r = job->record;
            r.state = JobState::running;
            r.status_text = "Job is running";
            r.started = r.last_change = DateTime::now();
        }
        run(job);
    }
}

void JobManager::Impl::run(const JobPtr& job) {
    Context context(*this, job);
    Result<void> result;
    try {
        result = job->work(context);
    } catch (const std::exception& e) {
        result = Error(Status::failed, "wsvirt.job.exception",
                       "The job ended because of an error of the service itself: see its log.", {}, e.what());
    }
    job->work = nullptr;  // what it captured goes before the end is seen
    finish(job, result);
}

void JobManager::Impl::end_unstarted(const JobPtr& job, std::string why) {
    {
        const std::scoped_lock lock(mutex);
        job->stop_asked = true;
    }
    job->work = nullptr;
    finish(job, Error(Status::cancelled, "wsvirt.job.unstarted", std::move(why)));
}

void JobManager::Impl::finish(const JobPtr& job, const Result<void>& result) {
    JobRecord r;
    bool stop_asked = false, kill = false;
    {
        const std::scoped_lock lock(mutex);
        job->record.cancellable = false;  // too late from here on
        r = job->record;
        stop_asked = job->stop_asked;
        kill = job->kill;
    }
    r.ended = r.last_change = DateTime::now();
    if (result) {
        r.state = r.errors.empty() ? JobState::completed : JobState::completed_with_warnings;
        r.percent = 100;
        r.status_text = r.errors.empty() ? "Job is completed successfully" : "Job is completed with warnings";
    } else {
        const bool cancelled = stop_asked && result.error().status == Status::cancelled;
        r.state = cancelled ? (kill ? JobState::killed : JobState::terminated) : JobState::exception;
        r.status_text = cancelled ? "Job was cancelled" : "Job failed";
        r.errors.insert(r.errors.begin(), job_error_of(result.error()));
    }
    save(r);
    job->guard.reset();
    const std::scoped_lock lock(mutex);
    job->record = std::move(r);
    job->remove_at = Steady::now() + settings.removal_delay;
    --unfinished;
    something_ended.notify_all();
    housekeeping_waits.notify_all();
}

void JobManager::Impl::run_housekeeping() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        auto next = Steady::time_point::max();
        std::vector<std::string> gone;
        const auto now = Steady::now();
        for (auto it = jobs.begin(); it != jobs.end();) {
            if (it->second->remove_at > now) {
                next = std::min(next, it->second->remove_at);
                ++it;
                continue;
            }
            gone.push_back(it->first);
            it = jobs.erase(it);
        }
        if (!gone.empty()) {
            lock.unlock();
            (void)store.transaction([&]() -> Result<void> {
                for (const auto& id : gone)
                    if (auto r = store.erase(kind, id); !r) return r.error();
                return {};
            });
            lock.lock();
            continue;
        }
        if (next == Steady::time_point::max())
            housekeeping_waits.wait(lock);
        else
            housekeeping_waits.wait_until(lock, next);
    }
}

JobManager::Impl::JobPtr JobManager::Impl::job(std::string_view id) const {
    const auto it = jobs.find(id);
    return it == jobs.end() ? nullptr : it->second;
}

std::vector<JobManager::Impl::JobPtr> JobManager::Impl::in_order() const {
    std::vector<JobPtr> all;
    all.reserve(jobs.size());
    for (const auto& [id, j] : jobs) all.push_back(j);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->sequence < b->sequence; });
    return all;
}

std::optional<JobRecord> JobManager::wait(const std::string& id, std::chrono::milliseconds how_long) {
    std::unique_lock lock(impl_->mutex);
    const auto job = impl_->job(id);
    if (!job) return std::nullopt;
    impl_->something_ended.wait_for(lock, how_long, [&] { return job_ended(job->record.state); });
    return job->record;
}

std::optional<JobRecord> JobManager::find(std::string_view id) const {
    const std::scoped_lock lock(impl_->mutex);
    const auto job = impl_->job(id);
    return job ? std::optional(job->record) : std::nullopt;
}

std::vector<JobRecord> JobManager::all() const {
    const std::scoped_lock lock(impl_->mutex);
    std::vector<JobRecord> records;
    for (const auto& j : impl_->in_order()) records.push_back(j->record);
    return records;
}

std::vector<std::string> JobManager::ids() const {
    const std::scoped_lock lock(impl_->mutex);
    std::vector<std::string> names;
    for (const auto& j : impl_->in_order()) names.push_back(j->record.instance_id);
    return names;
}

std::vector<JobRecord> JobManager::running_for(std::string_view busy_key) const {
    const std::scoped_lock lock(impl_->mutex);
    // Part of every look at a machine: most jobs have ended, and only the few that match are put in order.
    std::vector<Impl::JobPtr> running;
    if (impl_->unfinished > 0)
        for (const auto& [id, j] : impl_->jobs)
            if (!job_ended(j->record.state) && iequals(j->busy_key, busy_key)) running.push_back(j);
    std::sort(running.begin(), running.end(),
              [](const auto& a, const auto& b) { return a->sequence < b->sequence; });
    std::vector<JobRecord> records;
    for (const auto& j : running) records.push_back(j->record);
    return records;
}

std::vector<JobRecord> JobManager::interrupted() const {
    const std::scoped_lock lock(impl_->mutex);
    std::vector<JobRecord> records;
    for (const auto& j : impl_->in_order())
        if (!j->record.errors.empty() && j->record.errors.front().message_id == interrupted_id)
            records.push_back(j->record);
    return records;
}

Result<void> JobManager::settle(std::string_view id, JobState state, std::optional<JobError> error) {
    JobRecord copy;
    {
        const std::scoped_lock lock(impl_->mutex);
        const auto job = impl_->job(id);
        if (!job) return no_such_job(id);
        auto& r = job->record;
        if (r.errors.empty() || r.errors.front().message_id != interrupted_id)
            return wrong_state(id, "This job was not interrupted.");
        r.errors.erase(r.errors.begin());
        if (error) r.errors.insert(r.errors.begin(), std::move(*error));
        r.state = state;
        if (state == JobState::completed) r.percent = 100;
        r.status_text = state == JobState::completed ? "Job is completed successfully" : "Job failed";
        copy = r;
    }
    return impl_->store.put(kind, copy.instance_id, job_to_text(copy));
}

Result<void> JobManager::request_stop(std::string_view id, bool kill) {
    std::unique_lock lock(impl_->mutex);
    const auto job = impl_->job(id);
    if (!job) return no_such_job(id);
    if (job_ended(job->record.state)) return wrong_state(id, "This job has ended already.");
    const auto waiting = std::find(impl_->queue.begin(), impl_->queue.end(), job);
    if (waiting == impl_->queue.end() && !job->record.cancellable)
        return wrong_state(id, "This job cannot be cancelled any more: wait until it ends.");
    job->stop_asked = true;
    job->kill = kill;
    if (waiting != impl_->queue.end()) {
        impl_->queue.erase(waiting);
        lock.unlock();
        impl_->end_unstarted(job, "The job was cancelled before it began.");
        return {};
    }
    job->record.state = JobState::shutting_down;
    job->record.last_change = DateTime::now();
    job->record.status_text = "Job is being cancelled";
    lock.unlock();
    job->stop.request_stop();  // runs stop callbacks, so without the mutex
    return {};
}

Result<void> JobManager::remove(std::string_view id) {
    std::string key;
    {
        const std::scoped_lock lock(impl_->mutex);
        const auto job = impl_->job(id);
        if (!job) return no_such_job(id);
        if (!job_ended(job->record.state))
            return wrong_state(id, "This job has not ended yet: cancel it, or wait until it ends.");
        key = job->record.instance_id;
        impl_->jobs.erase(key);
    }
    auto erased = impl_->store.erase(kind, key);
    if (!erased) return erased.error();
    return {};
}

void JobManager::stop() {
    std::vector<std::stop_source> cancelled;
    {
        const std::scoped_lock lock(impl_->mutex);
        impl_->stopping = true;
        for (const auto& [id, j] : impl_->jobs) {
            if (job_ended(j->record.state) || !j->record.cancellable) continue;
            j->stop_asked = true;
            cancelled.push_back(j->stop);
        }
    }
    for (auto& s : cancelled) s.request_stop();
    impl_->work_waits.notify_all();
    impl_->housekeeping_waits.notify_all();
    impl_->threads.clear();
}

Result<std::shared_ptr<JobManager::Guard>> JobManager::lock(const std::string& busy_key) {
    return impl_->take(busy_key);
}

}  // namespace wsvirt::cim
