// The threads of the JobManager, and how a job runs and ends.
#include <algorithm>
#include <exception>
#include <system_error>

#include "cim/om/job_record.hpp"
#include "cim/om/jobs_impl.hpp"

namespace wsvirt::cim {

namespace {

constexpr auto idle_time = std::chrono::seconds(10);  // then a thread ends

}  // namespace

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
        (void)change(true, [&](JobRecord& r) {
            for (auto& a : r.affected)
                if (iequals(a.path, path)) {
                    a.effects = std::move(effects);
                    return;
                }
            r.affected.push_back({std::move(path), std::move(effects)});
        });
    }
    void cancellable(bool yes) override {
        (void)change(false, [&](JobRecord& r) { r.cancellable = yes; });
    }
    void warn(JobError e) override {
        (void)change(true, [&](JobRecord& r) { r.errors.push_back(std::move(e)); });
    }
    Result<void> set_extra(std::string key, std::string value) override {
        return change(true, [&](JobRecord& r) { r.extra[std::move(key)] = std::move(value); });
    }

  private:
    template <class How>
    Result<void> change(bool save, How&& how) {
        {
            const std::scoped_lock lock(impl_.mutex);
            how(job_->record);
        }
        return save ? impl_.write(job_) : Result<void>();
    }
    Impl& impl_;
    JobPtr job_;
};

void JobManager::Impl::begin_pool() {
    const std::scoped_lock lock(mutex);
    (void)add_thread();  // one stays, for when the system has no more
    housekeeping = std::thread([this] { keep_house(); });
}

// What goes wrong once, out of memory for example, is tried again.
void JobManager::Impl::keep_house() {
    for (bool ended = false; !ended;) try {
            run_housekeeping();
            ended = true;
        } catch (const std::exception&) {
            std::unique_lock lock(mutex);
            housekeeping_waits.wait_for(lock, settings.retry, [this] { return stopping; });
        }
}

bool JobManager::Impl::add_thread() {
    threads.emplace_front();
    const auto self = threads.begin();
    try {
        *self = std::thread([this, self] { run_pool(self); });
    } catch (const std::system_error&) {
        threads.erase(self);
        return false;
    }
    return true;
}

// What takes long does not keep the others waiting: only jobs that have begun a moment ago count. So many
// that begin at once do not get in each other's way.
void JobManager::Impl::admit() {
    if (stopping) return;
    const auto now = Steady::now();
    auto young = std::count_if(running.begin(), running.end(),
                               [&](const JobPtr& j) { return now - j->began < settings.long_after; });
    for (; !waiting.empty() && young < std::max(1L, static_cast<long>(settings.threads)); ++young) {
        const auto job = waiting.front();
        waiting.pop_front();
        job->began = now;
        running.insert(job);
        ready.push_back(job);
        if (idle >= ready.size() || !add_thread()) work_waits.notify_one();
    }
}

JobManager::Impl::Steady::time_point JobManager::Impl::next_admission() const {
    auto next = never;
    if (waiting.empty()) return next;
    const auto now = Steady::now();
    for (const auto& j : running)
        if (const auto at = j->began + settings.long_after; at > now) next = std::min(next, at);
    return next;
}

// Whether it had not begun.
bool JobManager::Impl::take_from_queue(const JobPtr& job) {
    const bool taken = std::erase(waiting, job) > 0 || std::erase(ready, job) > 0;
    if (taken) running.erase(job);
    return taken;
}

void JobManager::Impl::run_pool(std::list<std::thread>::iterator self) {
    std::unique_lock lock(mutex);
    const auto called = [&] { return stopping || !ready.empty(); };
    for (;;) {
        ++idle;
        bool in_time = true;
        if (threads.size() > 1)
            in_time = work_waits.wait_for(lock, idle_time, called);
        else
            work_waits.wait(lock, called);
        --idle;
        if (stopping || (!in_time && threads.size() > 1)) break;
        if (ready.empty()) continue;
        auto job = ready.front();
        ready.pop_front();
        auto& r = job->record;
        r.state = JobState::running;
        r.status_text = "Job is running";
        r.started = r.last_change = DateTime::now();
        lock.unlock();
        run(job);
        job.reset();
        lock.lock();
    }
    exited.splice(exited.end(), threads, self);
    housekeeping_waits.notify_all();
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
    const std::scoped_lock row(job->writing);
    JobRecord r;
    bool stop_asked = false, kill = false;
    {
        const std::scoped_lock lock(mutex);
        job->record.cancellable = false;  // too late from here on
        r = job->record;
        stop_asked = job->stop_asked;
        kill = job->kill;
    }
    if (result) {
        end_as(r, r.errors.empty() ? JobState::completed : JobState::completed_with_warnings);
    } else {
        const bool cancelled = stop_asked && result.error().status == Status::cancelled;
        end_as(r, cancelled ? (kill ? JobState::killed : JobState::terminated) : JobState::exception);
        r.errors.insert(r.errors.begin(), job_error_of(result.error()));
    }
    // Written before it is seen. Where it cannot be, it is an end all the same.
    const bool written = store.put(job_kind, r.instance_id, job_to_text(r)).ok();
    job->guard.reset();
    const std::scoped_lock lock(mutex);
    job->record = std::move(r);
    job->remove_at = removal();
    job->write_at = written ? never : Steady::now() + settings.retry;
    --unfinished;
    running.erase(job);
    admit();
    something_ended.notify_all();
    housekeeping_waits.notify_all();
}

void JobManager::Impl::begin_end() {
    std::vector<std::stop_source> cancelled;
    std::vector<JobPtr> unstarted;
    {
        const std::scoped_lock lock(mutex);
        stopping = true;
        for (auto* queue : {&ready, &waiting})
            while (!queue->empty()) {
                unstarted.push_back(queue->front());
                take_from_queue(unstarted.back());
            }
        for (const auto& j : running) {
            if (!j->record.cancellable) continue;
            j->stop_asked = true;
            cancelled.push_back(j->stop);
        }
    }
    for (auto& s : cancelled) s.request_stop();  // runs stop callbacks, so without the mutex
    work_waits.notify_all();
    housekeeping_waits.notify_all();
    for (const auto& job : unstarted) end_unstarted(job, "The service stopped before the job began.");
}

void JobManager::Impl::end_pool() {
    begin_end();
    std::list<std::thread> all;
    {
        std::unique_lock lock(mutex);
        housekeeping_waits.wait(lock, [&] { return threads.empty(); });
        all.swap(exited);
    }
    for (auto& t : all) t.join();
    if (housekeeping.joinable()) housekeeping.join();
}

}  // namespace wsvirt::cim
