// Calling methods that may answer with a job (return value 4096) and waiting for its end. The job is read by
// the reference that the method returned, so any class of job on any server will do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "wsman/client/session.hpp"

namespace wsvirt::client {

struct JobStatus {
    unsigned percent = 0;
    std::string text;  // what it is doing, in the server's words
};

// What a person sees of a running job.
class JobWatcher {
  public:
    virtual ~JobWatcher() = default;
    virtual void show(const JobStatus& status) = 0;
    virtual void ended(bool well) = 0;
};

struct JobWait {
    JobWatcher* watcher = nullptr;
    std::chrono::seconds limit{3600};
    std::chrono::milliseconds first_poll{100};  // grows to ten times this
};

// The meaning of a method's return value (the codes of Hyper-V's v2 methods).
std::string return_value_text(std::uint32_t code);

// Waits for the job's end. Errors: failed with the job's own error text; timed_out; what Get answers.
Result<void> wait_for_job(Session& session, const Resource& job, const JobWait& how);

// What a return value other than 0 means: failed ("client.return"), subject = the number.
Result<void> check_return(std::string_view method, const Object& output);

// Invokes and waits. The _OUTPUT when the return value is 0 or the job ended well. Errors: those of invoke
// and of the job; failed ("client.return") for any other return value, subject = the number.
Result<Object> call(Session& session, const Resource& target, std::string_view method,
                    const std::vector<Argument>& arguments, const JobWait& how);

}  // namespace wsvirt::client
