// Runs blocking libvirt calls for callers that have deadlines, because libvirt's calls have none. Each worker
// thread has a connection of its own: remote connections shared by threads block each other and can crash in
// libvirt's client. A caller whose deadline passes, or that is cancelled, gets its answer at once; the worker
// stays with the stuck call and comes back when that ends. Thread safe. Work must only touch what it owns or
// shares, since it may outlive its caller.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/connector.hpp"

namespace wsvirt::backend::libvirt {

// What work sees.
struct Session {
    virConnectPtr connection = nullptr;
    std::chrono::steady_clock::time_point deadline;
    std::stop_token stop;
    std::function<void(const Progress&)> progress;  // never empty; silent once the caller has gone
    std::string snapshot_added{};  // said by the work: no other one of the machine has changed
};

struct Ask {
    std::string doing;                   // "start the machine"
    std::chrono::milliseconds limit{0};  // on top of the caller's deadline; 0 = Settings::call_limit
    bool unlimited = false;              // only the caller's deadline counts
    std::function<void()> on_stop;       // asks the host to give up; may be empty; called until the work ends
    std::chrono::milliseconds grace{0};  // what a cancelled call may still take; 0 = Settings::cancel_grace
};

class Workers {
  public:
    explicit Workers(std::shared_ptr<Connector> connector);
    ~Workers();

    // undo: takes back what the work has done when that succeeded but its caller had gone with an error
    // before. Either the caller gets the work's result or undo runs.
    template <class T>
    Result<T> run(const Call& call, const Ask& ask, std::function<Result<T>(Session&)> work,
                  std::function<void(Session&)> undo = {}) {
        auto result = std::make_shared<std::optional<Result<T>>>();
        auto error = run_task(
            call, ask,
            [result, work = std::move(work)](Session& s) -> const Error* {
                result->emplace(work(s));
                return (*result)->ok() ? nullptr : &(*result)->error();
            },
            std::move(undo));
        if (error) return std::move(*error);
        return std::move(**result);
    }

  private:
    using Body = std::function<const Error*(Session&)>;
    struct Task;
    struct State;
    std::optional<Error> run_task(const Call& call, const Ask& ask, Body body,
                                  std::function<void(Session&)> undo);
    static void work(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;
};

}  // namespace wsvirt::backend::libvirt
