#include "backend/libvirt/recovery_on_return.hpp"

#include <condition_variable>
#include <mutex>

#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// Files of machines that are off; a start that comes meanwhile waits no longer than if it merged them itself.
void merge_left(const CorePtr& core, const Call& call) {
    for (const auto& machine : unmerged_machines(*core)) {
        const Change change{{"merge the disk", {}, true, {}, {}}, {MachineState::off}, {}};
        auto done =
            change_machine(core, call, machine, change, [core](Session& s, virDomainPtr d) -> Result<void> {
                Site w(core, s, d);
                w.merge_until = std::chrono::steady_clock::now() + core->settings().call_limit / 2;
                return merge_what_waited(w);
            });
        if (!done && done.error().message_id == "wsvirt.machine.unknown") forget_unmerged(*core, machine);
    }
}

}  // namespace

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
            if (!core->inventory->connected()) continue;
            recover_snapshots(core, call);
            merge_left(core, call);
        }
    });
}

}  // namespace wsvirt::backend::libvirt
