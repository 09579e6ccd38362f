#include "wsman/client/job.hpp"

#include <algorithm>
#include <thread>

#include "base/text.hpp"

namespace wsvirt::client {
namespace {

constexpr const char* job_started = "4096";
enum : std::uint64_t {  // CIM_ConcreteJob.JobState
    state_completed = 7,
    state_terminated = 8,
    state_killed = 9,
    state_exception = 10,
    state_service = 11,
    state_query_pending = 12,
    state_completed_with_warnings = 32768,
};

Error job_error(const Object& job, std::uint64_t state) {
    std::string text = job.text("ErrorDescription");
    if (text.empty()) text = job.text("JobStatus");
    if (state == state_terminated || state == state_killed)
        return Error(Status::cancelled, "job.cancelled", text.empty() ? "The job was cancelled." : text);
    if (text.empty()) text = "The job failed without a reason.";
    return Error(Status::failed, "job.failed", text, job.text("ErrorCode"));
}

}  // namespace

std::string return_value_text(std::uint32_t code) {
    switch (code) {
        case 0:
            return "Done";
        case 1:
        case 32770:
            return "Not supported";
        case 2:
        case 32768:
            return "Failed";
        case 3:
        case 32772:
            return "Timed out";
        case 4:
        case 32773:
            return "Invalid parameter";
        case 5:
        case 32775:
            return "The machine is not in a state that allows this";
        case 6:
            return "Incompatible parameters";
        case 4096:
            return "A job was started";
        case 32769:
            return "Access denied";
        case 32771:
            return "Status unknown";
        case 32774:
            return "In use by something else";
        case 32776:
            return "A value has the wrong type";
        case 32777:
            return "Not available";
        case 32778:
            return "The host has not enough memory";
        case 32779:
            return "A file is in use or missing";
        default:
            return "Return value " + std::to_string(code);
    }
}

Result<void> wait_for_job(Session& session, const Resource& job, const JobWait& how) {
    const auto started = std::chrono::steady_clock::now();
    auto pause = how.first_poll;
    for (;;) {
        auto now = session.get(job);
        if (!now) return now.error();
        const std::uint64_t state = parse_uint(now->text("JobState")).value_or(0);
        JobStatus status{static_cast<unsigned>(std::min<std::uint64_t>(
                             parse_uint(now->text("PercentComplete")).value_or(0), 100)),
                         now->text("JobStatus")};
        const bool well = state == state_completed || state == state_completed_with_warnings;
        if (well) status.percent = 100;
        if (how.watcher != nullptr) how.watcher->show(status);
        if (state >= state_completed && state != state_service && state != state_query_pending) {
            if (how.watcher != nullptr) how.watcher->ended(well);
            return well ? Result<void>() : Result<void>(job_error(*now, state));
        }
        if (std::chrono::steady_clock::now() - started > how.limit) {
            if (how.watcher != nullptr) how.watcher->ended(false);
            return Error(Status::timed_out, "client.job.timeout",
                         "The job still runs after " + std::to_string(how.limit.count()) +
                             " seconds; it goes on. Read it with: wsvirt get '" + path_text(job) + "'");
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 3 / 2, how.first_poll * 10);
    }
}

Result<void> check_return(std::string_view method, const Object& output) {
    const std::uint64_t code = parse_uint(output.text("ReturnValue")).value_or(0);  // void methods have none
    if (code == 0) return {};
    return Error(Status::failed, "client.return", return_value_text(static_cast<std::uint32_t>(code)) + ".",
                 std::to_string(code), std::string(method) + " answered " + std::to_string(code));
}

Result<Object> call(Session& session, const Resource& target, std::string_view method,
                    const std::vector<Argument>& arguments, const JobWait& how) {
    auto output = session.invoke(target, method, arguments);
    if (!output) return output;
    const Resource* job = output->reference("Job");
    auto done = job != nullptr && output->text("ReturnValue") == job_started
                    ? wait_for_job(session, *job, how)
                    : check_return(method, *output);
    if (!done && job != nullptr && output->text("ReturnValue") != job_started) {
        // Some servers say in an ended job why they refused.
        const auto refused = session.get(*job);
        const auto why = refused ? refused->text("ErrorDescription") : std::string();
        if (!why.empty()) done.error().text = why;
    }
    return done ? std::move(output) : Result<Object>(done.error());
}

}  // namespace wsvirt::client
