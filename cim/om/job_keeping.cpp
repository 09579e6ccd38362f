// The rows of jobs: what a restart makes of them, writing what could not be written, and removing.
#include <algorithm>

#include "cim/om/job_record.hpp"
#include "cim/om/jobs_impl.hpp"

namespace wsvirt::cim {

namespace {

std::chrono::microseconds age(const DateTime& since) {
    return std::chrono::microseconds(DateTime::now().microseconds() - since.microseconds());
}

void interrupt(JobRecord& r) {
    r.state = JobState::exception;
    r.ended = r.last_change = DateTime::now();
    r.cancellable = false;
    r.unsettled = true;
    r.status_text = "Interrupted";
    r.errors.insert(r.errors.begin(),
                    {32768,
                     "wsvirt.job.interrupted",
                     "The job was interrupted by a restart of the service. What it had begun may be "
                     "done in part: look at the object that it worked on before you repeat it.",
                     {},
                     1});
}

}  // namespace

void JobManager::Impl::load() {
    auto rows = store.list(job_kind);
    if (!rows) return;
    std::vector<JobRecord> records;
    for (const auto& row : *rows) {
        if (auto r = job_from_text(row.text))
            records.push_back(std::move(*r));
        else
            (void)store.erase(job_kind, row.key);
    }
    std::stable_sort(records.begin(), records.end(),
                     [](const auto& a, const auto& b) { return a.submitted < b.submitted; });
    for (auto& r : records) {
        auto j = std::make_shared<Job>();
        if (!job_ended(r.state)) {
            interrupt(r);
            if (!store.put(job_kind, r.instance_id, job_to_text(r))) j->write_at = Steady::now();
        }
        // However long ago it was cut off: recovering it may have been cut off, too.
        if (!r.unsettled) {
            constexpr std::chrono::microseconds none{0};
            const auto since = r.ended ? age(*r.ended) : none;  // less than none where the clock was set back
            j->remove_at = Steady::now() + std::clamp<std::chrono::microseconds>(
                                               settings.removal_delay - since, none, settings.removal_delay);
        }
        j->record = std::move(r);
        j->sequence = next_sequence++;
        jobs.emplace(j->record.instance_id, j);
    }
}

// As the record is now.
Result<void> JobManager::Impl::write(const JobPtr& job) {
    const std::scoped_lock row(job->writing);
    JobRecord copy;
    {
        const std::scoped_lock lock(mutex);
        if (job->removed) return {};
        copy = job->record;
    }
    auto written = store.put(job_kind, copy.instance_id, job_to_text(copy));
    const std::scoped_lock lock(mutex);
    job->write_at = written ? never : Steady::now() + settings.retry;
    if (!written) housekeeping_waits.notify_all();
    return written;
}

// A row that stays would be there again after a restart, so its job stays as well.
bool JobManager::Impl::erase_rows(const std::vector<JobPtr>& ended) {
    const auto erased = store.transaction([&]() -> Result<void> {
        for (const auto& j : ended)
            if (auto r = store.erase(job_kind, j->record.instance_id); !r) return r.error();
        return {};
    });
    return erased.ok();
}

void JobManager::Impl::run_housekeeping() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        admit();
        const auto now = Steady::now();
        auto next = next_admission();
        std::vector<JobPtr> gone, unwritten;
        for (const auto& [id, j] : jobs) {
            if (j->remove_at <= now) gone.push_back(j);
            if (j->write_at <= now) unwritten.push_back(j);
            next = std::min({next, j->remove_at, j->write_at});
        }
        std::list<std::thread> ended;
        ended.swap(exited);
        if (!gone.empty() || !unwritten.empty() || !ended.empty()) {
            lock.unlock();
            for (auto& t : ended) t.join();
            for (const auto& j : unwritten) (void)write(j);
            const bool erased = gone.empty() || erase_rows(gone);
            lock.lock();
            for (const auto& j : gone) {
                j->removed = erased;
                j->remove_at = Steady::now() + settings.retry;
                if (erased) jobs.erase(j->record.instance_id);
            }
        } else if (next == never) {
            housekeeping_waits.wait(lock);
        } else {
            housekeeping_waits.wait_until(lock, next);
        }
    }
}

std::vector<JobRecord> JobManager::interrupted() const {
    const std::scoped_lock lock(impl_->mutex);
    std::vector<JobRecord> records;
    for (const auto& j : impl_->in_order())
        if (j->record.unsettled) records.push_back(j->record);
    return records;
}

Result<void> JobManager::settle(std::string_view id, JobState state, std::optional<JobError> error) {
    Impl::JobPtr job;
    {
        const std::scoped_lock lock(impl_->mutex);
        job = impl_->job(id);
        if (!job) return no_such_job(id);
        auto& r = job->record;
        if (!r.unsettled) return wrong_job_state(id, "This job was not interrupted.");
        r.unsettled = false;
        r.errors.erase(r.errors.begin());
        if (error) r.errors.insert(r.errors.begin(), std::move(*error));
        end_as(r, state);
        job->remove_at = impl_->removal();
        impl_->housekeeping_waits.notify_all();
    }
    return impl_->write(job);
}

void JobManager::recovered() {
    std::vector<Impl::JobPtr> left;
    {
        const std::scoped_lock lock(impl_->mutex);
        for (const auto& j : impl_->in_order()) {
            if (!j->record.unsettled) continue;
            j->record.unsettled = false;
            j->record.ended = DateTime::now();
            j->remove_at = impl_->removal();
            left.push_back(j);
        }
        impl_->housekeeping_waits.notify_all();
    }
    for (const auto& j : left) (void)impl_->write(j);
}

Result<void> JobManager::remove(std::string_view id) {
    Impl::JobPtr job;
    {
        const std::scoped_lock lock(impl_->mutex);
        job = impl_->job(id);
        if (!job) return no_such_job(id);
        if (!job_ended(job->record.state))
            return wrong_job_state(id, "This job has not ended yet: cancel it, or wait until it ends.");
    }
    const std::scoped_lock row(job->writing);
    auto erased = impl_->store.erase(job_kind, job->record.instance_id);
    if (!erased) return erased.error();
    const std::scoped_lock lock(impl_->mutex);
    job->removed = true;
    impl_->jobs.erase(job->record.instance_id);
    return {};
}

}  // namespace wsvirt::cim
