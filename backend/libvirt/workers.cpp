#include "backend/libvirt/workers.hpp"

#include <deque>
#include <thread>

#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/guarded.hpp"
#include "backend/libvirt/opener.hpp"

namespace wsvirt::backend::libvirt {

using Clock = std::chrono::steady_clock;

namespace {

constexpr auto exit_patience = std::chrono::seconds(5);
constexpr auto stop_again = std::chrono::milliseconds(200);
// condition_variable::wait_until overflows on time_point::max()
constexpr auto longest_wait = std::chrono::hours(24 * 365);

}  // namespace

struct Workers::Task {
    std::string doing;
    Body body;
    std::function<void(Session&)> undo;
    Session session;
    std::function<void(const Progress&)> caller_progress;
    std::mutex mutex;
    std::condition_variable_any changed;
    bool settled = false;  // the caller gets what the work gave
    bool done = false, abandoned = false;
    std::optional<Error> refused;  // what the caller gets when there is no result
    std::stop_source stop;

    void report(const Progress& p) {
        const std::lock_guard lock(mutex);
        if (!abandoned && caller_progress) caller_progress(p);
    }
    // What is told to have ended before it has begun never begins.
    std::optional<Error> given_up() {
        const std::lock_guard lock(mutex);
        return abandoned || stop.stop_requested() ? std::optional(cancelled(doing)) : std::nullopt;
    }
    // Whether the caller waits for the result; from then on it does not go without.
    bool settle() {
        const std::lock_guard lock(mutex);
        settled = !abandoned;
        return settled;
    }
    void finish(std::optional<Error> why) {
        const std::lock_guard lock(mutex);
        refused = std::move(why);
        done = true;
        changed.notify_all();
    }
};

struct Workers::State {
    explicit State(std::shared_ptr<Connector> c) : connector(std::move(c)), opener(connector) {}
    const std::shared_ptr<Connector> connector;
    Opener opener;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::shared_ptr<Task>> queue;
    unsigned threads = 0, idle = 0;
    bool stopping = false;

    // Errors: the host cannot be reached, or the caller has given up; those of the work itself are in its
    // result.
    Result<void> perform(Connection& connection, Task& task) {
        if (auto why = task.given_up()) return std::move(*why);
        if (connection && virConnectIsAlive(connection.get()) != 1) connection.reset();
        if (!connection) {
            auto opened = opener.open();  // which may take longer than the caller waits
            if (!opened) return opened.error();
            connection = std::move(*opened);
            if (auto why = task.given_up()) return std::move(*why);
        }
        task.session.connection = connection.get();
        const Error* const failed = task.body(task.session);
        const bool worked = !failed, lost = failed && failed->status == Status::unavailable;
        if (!task.settle() && worked && task.undo) task.undo(task.session);
        if (lost) connection.reset();
        return {};
    }
};

Workers::Workers(std::shared_ptr<Connector> connector)
    : state_(std::make_shared<State>(std::move(connector))) {}

Workers::~Workers() {
    state_->opener.give_up();
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
    // A worker that is stuck in libvirt is left behind; it holds everything it uses.
    state_->changed.wait_for(lock, exit_patience, [this] { return state_->threads == 0; });
}

void Workers::work(const std::shared_ptr<State>& state) {
    Connection connection;
    std::unique_lock lock(state->mutex);
    for (;;) {
        ++state->idle;
        state->changed.wait(lock, [&] { return state->stopping || !state->queue.empty(); });
        --state->idle;
        if (state->stopping) break;
        const auto task = std::move(state->queue.front());
        state->queue.pop_front();
        lock.unlock();
        const auto ran = guarded("work on the host", [&] { return state->perform(connection, *task); });
        task->body = nullptr;  // what they hold is released before the caller goes on
        task->undo = nullptr;
        task->finish(ran ? std::nullopt : std::optional<Error>(ran.error()));
        lock.lock();
    }
    lock.unlock();
    connection.reset();
    lock.lock();
    --state->threads;
    state->changed.notify_all();
}

std::optional<Error> Workers::run_task(const Call& call, const Ask& ask, Body body,
                                       std::function<void(Session&)> undo) {
    const Settings& settings = state_->connector->settings();
    const auto now = Clock::now();
    auto deadline = std::min(call.deadline, now + longest_wait);
    if (!ask.unlimited)
        deadline = std::min(deadline, now + (ask.limit.count() > 0 ? ask.limit : settings.call_limit));
    if (call.stop.stop_requested()) return cancelled(ask.doing);
    if (deadline <= now) return deadline_passed(ask.doing);

    const auto task = std::make_shared<Task>();
    task->doing = ask.doing;
    task->body = std::move(body);
    task->undo = std::move(undo);
    task->caller_progress = call.progress;
    task->session.deadline = deadline;
    task->session.stop = task->stop.get_token();
    task->session.progress = [raw = task.get()](const Progress& p) { raw->report(p); };
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stopping) return host_lost();
        state_->queue.push_back(task);
        if (state_->idle < state_->queue.size() && state_->threads < settings.max_workers) {
            const auto begun = guarded("begin a thread", [&]() -> Result<void> {
                std::thread(&Workers::work, state_).detach();
                ++state_->threads;
                return {};
            });
            if (!begun && state_->threads == 0) {
                state_->queue.pop_back();
                return begun.error();
            }
        }
        state_->changed.notify_one();
    }
    std::unique_lock lock(task->mutex);
    const auto done = [&] { return task->done; };
    if (!task->changed.wait_until(lock, call.stop, deadline, done)) {
        const bool stopped = call.stop.stop_requested();
        task->stop.request_stop();
        if (stopped) {
            const auto grace = ask.grace.count() > 0 ? ask.grace : settings.cancel_grace;
            const auto patience = std::min(deadline, Clock::now() + grace);
            // What shall end may not have begun yet, so it is asked again until it has ended.
            while (!task->done && ask.on_stop && Clock::now() < patience) {
                lock.unlock();
                ask.on_stop();
                lock.lock();
                task->changed.wait_until(lock, std::min(patience, Clock::now() + stop_again), done);
            }
            task->changed.wait_until(lock, patience, done);
        }
        if (task->settled) task->changed.wait(lock, done);
        if (!task->done) {
            task->abandoned = true;
            return stopped ? cancelled(ask.doing) : deadline_passed(ask.doing);
        }
    }
    return std::move(task->refused);
}

}  // namespace wsvirt::backend::libvirt
