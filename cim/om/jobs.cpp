#include "cim/om/jobs.hpp"

#include <algorithm>

#include "cim/om/job_record.hpp"
#include "cim/om/jobs_impl.hpp"

namespace wsvirt::cim {

Error no_such_job(std::string_view id) {
    return {Status::not_found, "wsvirt.job.missing",
            "There is no job " + std::string(id) + ": ended jobs are removed after some minutes.",
            std::string(id)};
}

Error wrong_job_state(std::string_view id, std::string text) {
    return {Status::invalid_state, "wsvirt.job.state", std::move(text), std::string(id)};
}

JobManager::JobManager(Store& store, Settings settings) : impl_(std::make_unique<Impl>(store, settings)) {
    impl_->load();
    impl_->begin_pool();
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

std::uint32_t JobManager::Impl::unfinished_of(const std::vector<std::uint16_t>& types) const {
    return static_cast<std::uint32_t>(std::count_if(jobs.begin(), jobs.end(), [&](const auto& entry) {
        const auto& r = entry.second->record;
        return !job_ended(r.state) && std::find(types.begin(), types.end(), r.job_type) != types.end();
    }));
}

std::uint32_t JobManager::unfinished(const std::vector<std::uint16_t>& types) const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->unfinished_of(types);
}

Result<void> JobManager::check(const JobLimit& limit) const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->reached(limit) ? Result<void>(limit.full) : Result<void>();
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

namespace {

JobRecord record_of(JobSpec spec) {
    JobRecord r;
    r.instance_id = make_guid();
    r.class_name = std::move(spec.class_name);
    r.job_type = spec.job_type;
    r.caption = std::move(spec.caption);
    r.owner = std::move(spec.owner);
    r.role = spec.role;
    r.owning_service = std::move(spec.owning_service);
    r.cancellable = spec.cancellable;
    r.affected = std::move(spec.affected);
    r.extra = std::move(spec.extra);
    r.submitted = r.last_change = DateTime::now();
    return r;
}

Error stopping_now() {
    return {Status::server_is_shutting_down, "wsvirt.job.stopping",
            "The service is stopping: repeat this when it runs again."};
}

}  // namespace

Result<std::string> JobManager::start(JobSpec spec, Work work, std::shared_ptr<Guard> held) {
    const auto job = std::make_shared<Impl::Job>();
    job->busy_key = spec.busy_key;
    job->guard = std::move(held);
    if (!spec.busy_key.empty() && !job->guard) {
        auto guard = impl_->take(spec.busy_key);
        if (!guard) return guard.error();
        job->guard = std::move(*guard);
    }
    const auto limit = std::move(spec.limit);
    auto& r = job->record;
    r = record_of(std::move(spec));
    r.status_text = "Job is waiting";
    job->work = std::move(work);
    const auto id = r.instance_id;
    {
        const std::scoped_lock lock(impl_->mutex);
        if (impl_->stopping) return stopping_now();
        if (impl_->unfinished >= impl_->settings.max_jobs) {
            ++impl_->refused;
            return Error(Status::server_limits_exceeded, "wsvirt.job.limit",
                         "There are " + std::to_string(impl_->settings.max_jobs) +
                             " unfinished jobs already, as many as max_jobs allows: wait until some have "
                             "ended.",
                         "max_jobs");
        }
        ++impl_->unfinished;
    }
    // Durable before anything is done: after kill -9 the row tells that the work may have begun.
    if (auto saved = impl_->store.put(job_kind, id, job_to_text(r)); !saved) {
        const std::scoped_lock lock(impl_->mutex);
        --impl_->unfinished;
        return saved.error();
    }
    std::unique_lock lock(impl_->mutex);
    if (const bool full = impl_->reached(limit); full || impl_->stopping) {
        --impl_->unfinished;
        lock.unlock();
        (void)impl_->store.erase(job_kind, id);
        return full ? limit.full : stopping_now();
    }
    job->sequence = impl_->next_sequence++;
    impl_->jobs.emplace(id, job);
    impl_->waiting.push_back(job);
    impl_->admit();
    if (!impl_->waiting.empty()) impl_->housekeeping_waits.notify_all();
    return id;
}

Result<std::string> JobManager::record_ended(JobSpec spec, const Error& why) {
    const auto job = std::make_shared<Impl::Job>();
    auto& r = job->record;
    r = record_of(std::move(spec));
    r.state = JobState::exception;
    r.status_text = "Job failed";
    r.cancellable = false;
    r.started = r.submitted;
    r.ended = r.submitted;
    r.errors.push_back(job_error_of(why));
    if (auto saved = impl_->store.put(job_kind, r.instance_id, job_to_text(r)); !saved) return saved.error();
    const std::scoped_lock lock(impl_->mutex);
    job->sequence = impl_->next_sequence++;
    job->remove_at = impl_->removal();
    impl_->jobs.emplace(r.instance_id, job);
    impl_->housekeeping_waits.notify_all();
    return r.instance_id;
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

Result<void> JobManager::request_stop(std::string_view id, bool kill) {
    std::unique_lock lock(impl_->mutex);
    const auto job = impl_->job(id);
    if (!job) return no_such_job(id);
    if (job_ended(job->record.state)) return wrong_job_state(id, "This job has ended already.");
    const bool unstarted = impl_->take_from_queue(job);
    if (!unstarted && !job->record.cancellable)
        return wrong_job_state(id, "This job cannot be cancelled any more: wait until it ends.");
    job->stop_asked = true;
    job->kill = kill;
    if (unstarted) {
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

void JobManager::begin_stop() {
    impl_->begin_end();
}

void JobManager::stop() {
    impl_->end_pool();
    std::vector<Impl::JobPtr> unwritten;
    {
        const std::scoped_lock lock(impl_->mutex);
        for (const auto& [id, j] : impl_->jobs)
            if (j->write_at != Impl::never) unwritten.push_back(j);
    }
    for (const auto& j : unwritten) (void)impl_->write(j);
}

Result<std::shared_ptr<JobManager::Guard>> JobManager::lock(const std::string& busy_key) {
    return impl_->take(busy_key);
}

}  // namespace wsvirt::cim
