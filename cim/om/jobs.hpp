// Jobs: everything long. A job is a row in the Store from the moment it exists, so that a restart after kill
// -9 tells the truth: what ran then and was not resumed is shown as failed ("interrupted"). Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/identity.hpp"
#include "base/result.hpp"
#include "cim/model/datetime.hpp"
#include "cim/model/object_path.hpp"
#include "cim/om/store.hpp"

namespace wsvirt::cim {

// CIM_ConcreteJob.JobState
enum class JobState : std::uint16_t {
    new_ = 2,
    starting = 3,
    running = 4,
    suspended = 5,
    shutting_down = 6,
    completed = 7,
    terminated = 8,
    killed = 9,
    exception = 10,
    service = 11,
    completed_with_warnings = 32768,
};
inline bool job_ended(JobState s) {
    return static_cast<std::uint16_t>(s) >= 7 && s != JobState::service;
}

struct JobError {                // becomes an Msvm_Error
    std::uint32_t code = 32768;  // the method's return code that fits (327xx)
    std::string message_id;
    std::string message;
    std::string source;  // object path text of what the error is about, or ""
    std::uint16_t cim_status = 1;
};

struct JobRecord {
    std::string instance_id;                      // GUID, upper case
    std::string class_name = "Msvm_ConcreteJob";  // or Msvm_MigrationJob, Msvm_StorageJob
    std::uint16_t job_type = 0;                   // see the reference: 1 define, 3 destroy, 12 start ...
    std::string caption, owner, owning_service;   // owning_service: "Msvm_VirtualSystemManagementService" ...
    JobState state = JobState::new_;
    std::uint16_t percent = 0;
    std::string status_text;
    DateTime submitted, started, last_change;
    std::optional<DateTime> ended;
    bool cancellable = false;
    bool unsettled = false;           // interrupted, and what became of it is not known yet
    Role role = Role::administrator;  // what its method needs, and so cancelling it
    std::vector<JobError> errors;     // problems; the first gives ErrorCode and ErrorDescription
    struct Affected {
        std::string path;                    // object path text
        std::vector<std::uint16_t> effects;  // CIM_AffectedJobElement.ElementEffects
    };
    std::vector<Affected> affected;
    std::map<std::string, std::string> extra;  // class specific (migration: DestinationHost ...)
};

// What a running job may do. Valid for the duration of the job's function.
class JobContext {
  public:
    virtual ~JobContext() = default;
    virtual const std::string& id() const = 0;
    virtual std::stop_token stop() const = 0;
    virtual void progress(unsigned percent, std::string status = {}) = 0;  // never goes backwards
    virtual void affect(std::string path, std::vector<std::uint16_t> effects) = 0;
    virtual void cancellable(bool yes) = 0;
    virtual void warn(JobError e) = 0;  // completed_with_warnings
    // Errors: it is not written down, and a restart will not know it.
    virtual Result<void> set_extra(std::string key, std::string value) = 0;
};

// How many jobs of some types may be unfinished at a time.
struct JobLimit {
    std::vector<std::uint16_t> types;
    unsigned most = 0;  // 0: any number
    Error full;         // what one too many is refused with
};

struct JobSpec {
    std::uint16_t job_type = 0;
    std::string class_name = "Msvm_ConcreteJob";
    std::string caption;
    std::string owner;  // user name
    Role role = Role::administrator;
    std::string owning_service;
    bool cancellable = false;
    std::vector<JobRecord::Affected> affected;
    std::string busy_key;  // "" or the machine's GUID: a second job for the same key is refused as busy
    std::map<std::string, std::string> extra;
    JobLimit limit;  // counted and kept in one step: of two that begin at once only as many as fit do
    // What a failure's Error becomes as a return code; default: by status (see code_of()).
};

class JobManager {
  public:
    struct Settings {
        unsigned threads = 8;                         // jobs that are in their first moment at once
        std::chrono::milliseconds long_after{2'000};  // how long that is
        std::chrono::milliseconds retry{2'000};       // when a row could not be written
        std::chrono::seconds removal_delay{300};      // TimeBeforeRemoval
        std::chrono::milliseconds synchronous{0};     // how long run() waits before it answers 4096
        unsigned max_jobs = 1000;                     // unfinished ones
    };
    const Settings& settings() const;
    JobManager(Store& store, Settings settings);  // marks jobs that were running as interrupted
    ~JobManager();                                // stop(): cancels what is cancellable, waits for the rest

    using Work = std::function<Result<void>(JobContext&)>;
    class Guard;
    // Starts a job. It waits only for such as have just begun. Errors: busy (busy_key taken),
    // server_limits_exceeded, server_is_shutting_down, what the limit says. `held`: the busy key of the spec,
    // already taken with lock() by a caller that checked its arguments under it; the job takes it over (and
    // counts in running_for()), and releases it before it is seen as ended.
    Result<std::string> start(JobSpec spec, Work work, std::shared_ptr<Guard> held = nullptr);
    // A job that has ended before it began, for the text of a refusal; always at once. Errors: no_space,
    // failed.
    Result<std::string> record_ended(JobSpec spec, const Error& why);
    // Waits up to `how_long` for the end; the record as it then is.
    std::optional<JobRecord> wait(const std::string& id, std::chrono::milliseconds how_long);

    // Jobs that were running when the service ended without stopping them, until it is known what became of
    // them: they outlive further restarts, and are not removed. Whoever owns their kind may look at what
    // became of the work, undo halves, and settle() what the job then says.
    std::vector<JobRecord> interrupted() const;
    // The true end of an interrupted job. Errors: not_found, invalid_state (not an interrupted one).
    Result<void> settle(std::string_view id, JobState state, std::optional<JobError> error);

    // All has been looked at: what is not settled now stays interrupted, as a job that has ended.
    void recovered();

    std::optional<JobRecord> find(std::string_view id) const;
    std::vector<JobRecord> all() const;
    std::vector<std::string> ids() const;
    // RequestStateChange 4 terminate, 5 kill. Errors: not_found, invalid_state (ended or not cancellable).
    Result<void> request_stop(std::string_view id, bool kill);
    // Jobs (running) that affect a path; used for OperationalStatus and Msvm_SummaryInformation.
    std::vector<JobRecord> running_for(std::string_view busy_key) const;
    // Removes an ended job at once (DeleteInstance). Errors: not_found, invalid_state.
    Result<void> remove(std::string_view id);
    // Takes no more jobs and cancels what is cancellable, without waiting for it.
    void begin_stop();
    void stop();
    std::size_t unfinished() const;
    std::uint32_t unfinished(const std::vector<std::uint16_t>& types) const;
    // Whether one more could begin now. Errors: limit.full.
    Result<void> check(const JobLimit& limit) const;
    std::uint64_t refused() const;  // because of max_jobs, since the start

    // Takes the busy key for a short synchronous change (no job). Errors: busy. Released by the guard.
    Result<std::shared_ptr<Guard>> lock(const std::string& busy_key);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// 32768 failed, 32769 access denied, 32770 not supported, 32772 timeout, 32773 invalid parameter, 32774 in
// use, 32775 invalid state, 32776 incorrect data type, 32777 not available, 32778 out of memory, 32779 file
// in use.
std::uint32_t code_of(const Error& e);

}  // namespace wsvirt::cim
