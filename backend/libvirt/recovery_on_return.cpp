#include "backend/libvirt/recovery_on_return.hpp"

#include <condition_variable>
#include <mutex>

#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

struct RecoveryOnReturn::State {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool wanted = false;

    void want() {
        const std::lock_guard lock(mutex);
        wanted = true;
        changed.notify_all();
    }
    bool wait(const std::stop_token& stop) {
        std::unique_lock lock(mutex);
        const bool now = changed.wait(lock, stop, [this] { return wanted; });
        wanted = false;
        return now && !stop.stop_requested();
    }
};

RecoveryOnReturn::RecoveryOnReturn(const CorePtr& core) : state_(std::make_shared<State>()) {
    core->left_unfinished = [state = state_] { state->want(); };
    subscription_ = core->inventory->subscribe([state = state_](const Event& e) {
        if (e.kind == EventKind::host_back) state->want();
    });
    thread_ = std::jthread([core, state = state_](const std::stop_token& stop) {
        while (state->wait(stop)) {
            Call call;
            call.stop = stop;
            if (core->inventory->connected()) recover_snapshots(core, call);
        }
    });
}

}  // namespace wsvirt::backend::libvirt
