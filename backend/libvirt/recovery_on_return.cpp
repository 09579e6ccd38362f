#include "backend/libvirt/recovery_on_return.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "backend/libvirt/guarded.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// Between two attempts at what could not be finished: the machine was busy, or its storage was not there.
constexpr auto first_pause = std::chrono::seconds(2), longest_pause = std::chrono::seconds(600);

// Files of machines that are off, however long it takes; but it ends where another operation waits for the
// machine, or there is something to recover. Whether it did.
bool merge_left(const CorePtr& core, const Call& call, const std::stop_token& others) {
    bool broken_off = false;
    for (const auto& machine : unmerged_machines(*core)) {
        std::stop_source way;
        const auto give_way = [way]() mutable { way.request_stop(); };
        const std::stop_callback on_stop(call.stop, give_way), on_others(others, give_way);
        const Change change{{"merge the disk", {}, true, {}, {}}, {MachineState::off}, {}, true, way};
        auto done = change_machine(core, call, machine, change, [core, way](Session& s, virDomainPtr d) {
            Site w(core, s, d);
            w.merge_stop = way.get_token();
            return merge_what_waited(w);
        });
        if (!done && done.error().message_id == "wsvirt.machine.unknown") forget_unmerged(*core, machine);
        broken_off |= !done && done.error().status == Status::cancelled;
    }
    return broken_off;
}

}  // namespace

using Clock = std::chrono::steady_clock;

struct RecoveryOnReturn::State {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool wanted = false;
    unsigned long asked = 0, looked_at = 0;  // rounds
    std::stop_source merging;                // what a round takes long with
    std::optional<Clock::time_point> again;  // something is left

    unsigned long want() {
        const std::lock_guard lock(mutex);
        wanted = true;
        merging.request_stop();
        changed.notify_all();
        return ++asked;
    }
    // Begins the next round; which one, nullopt: never.
    std::optional<unsigned long> wait(const std::stop_token& stop) {
        std::unique_lock lock(mutex);
        const auto called = [this] { return wanted; };
        if (again)
            changed.wait_until(lock, stop, *again, called);
        else
            changed.wait(lock, stop, called);
        wanted = false;
        merging = {};
        again.reset();
        return stop.stop_requested() ? std::nullopt : std::optional(asked);
    }
    std::stop_token next_round() {
        const std::lock_guard lock(mutex);
        return merging.get_token();
    }
    void looked(unsigned long round) {
        const std::lock_guard lock(mutex);
        looked_at = round;
        changed.notify_all();
    }
    void leave_until(Clock::time_point at) {
        const std::lock_guard lock(mutex);
        again = at;
    }
};

RecoveryOnReturn::RecoveryOnReturn(const CorePtr& core) : state_(std::make_shared<State>()) {
    core->left_unfinished = [state = state_] { state->want(); };
    subscription_ = core->inventory->subscribe([state = state_](const Event& e) {
        if (e.kind == EventKind::host_back) state->want();
    });
    thread_ = std::jthread([core, state = state_](const std::stop_token& stop) {
        auto pause = first_pause;
        while (const auto round = state->wait(stop)) {
            Call call;
            call.stop = stop;
            bool left = false;
            if (core->inventory->connected())
                (void)guarded("finish what was cut off", [&]() -> Result<void> {
                    left = true;  // whatever goes wrong
                    const auto others = state->next_round();
                    left = recover_snapshots(core, call, others) > 0;
                    state->looked(*round);
                    left |= merge_left(core, call, others);
                    return {};
                });
            state->looked(*round);
            pause = left ? std::min(pause * 2, longest_pause) : first_pause;
            if (left) state->leave_until(Clock::now() + pause);
        }
    });
}

void RecoveryOnReturn::look_now(std::chrono::milliseconds limit) {
    const auto round = state_->want();
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, limit, [&] { return state_->looked_at >= round; });
}

}  // namespace wsvirt::backend::libvirt
