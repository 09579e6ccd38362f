#include "backend/libvirt/recovery_on_return.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "backend/libvirt/folder_view.hpp"
#include "backend/libvirt/guarded.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/libvirt/unfinished_notes.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// Between two attempts at what could not be finished: the machine was busy, or its storage was not there.
constexpr auto first_pause = std::chrono::seconds(2), longest_pause = std::chrono::seconds(60);

// Files of machines that are off, however long it takes; but it ends where another operation waits for the
// machine, and does not begin where one has it. Whether it was so.
bool merge_left(const CorePtr& core, const Call& call) {
    bool broken_off = false;
    for (const auto& machine : unmerged_machines(*core)) {
        if (removal_was_cut_off(*core, machine)) {  // each would give way to the other
            broken_off = true;
            continue;
        }
        std::stop_source way;
        const auto give_way = [way]() mutable { way.request_stop(); };
        const std::stop_callback on_stop(call.stop, give_way);
        auto pass = enter_soon(*core, call, machine, way);
        if (!pass) {
            broken_off = true;
            continue;
        }
        const Change change{{"merge the disk", {}, true, {}, {}}, {MachineState::off}, {}, false};
        auto done = change_machine(core, call, machine, change,
                                   [core, way, pass = *pass](Session& s, virDomainPtr d) {
                                       Site w(core, s, d);
                                       w.merge_stop = way.get_token();
                                       return merge_what_waited(w);
                                   });
        if (!done && done.error().message_id == "wsvirt.machine.unknown") forget_unmerged(*core, machine);
        broken_off |= !done && done.error().status == Status::cancelled;
    }
    return broken_off;
}

// Whether some are left yet.
bool end_left_pools(const CorePtr& core, const Call& call, const std::shared_ptr<LeftPools>& pools) {
    if (!pools->some_are_on()) return false;
    const auto left = core->workers->run<bool>(
        call, {"end storage pools", core->settings().read_limit, false, {}, {}},
        [pools](Session& s) -> Result<bool> { return pools->end_left(s.connection); });
    return left.value_or(true);
}

}  // namespace

using Clock = std::chrono::steady_clock;

// Of one of the threads.
struct RecoveryOnReturn::Rounds {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool wanted = false;
    unsigned long asked = 0, looked_at = 0;
    std::stop_source others;                 // what a round takes long with
    std::optional<Clock::time_point> again;  // something is left

    unsigned long want() {
        const std::lock_guard lock(mutex);
        wanted = true;
        others.request_stop();
        changed.notify_all();
        return ++asked;
    }
    struct Round {
        unsigned long number;
        bool wanted;  // not only tried again
    };
    // Begins the next one; nullopt: never.
    std::optional<Round> wait(const std::stop_token& stop) {
        std::unique_lock lock(mutex);
        const auto called = [this] { return wanted; };
        if (again)
            changed.wait_until(lock, stop, *again, called);
        else
            changed.wait(lock, stop, called);
        others = {};
        again.reset();
        const Round next{asked, std::exchange(wanted, false)};
        return stop.stop_requested() ? std::nullopt : std::optional(next);
    }
    std::stop_token next_round() {
        const std::lock_guard lock(mutex);
        return others.get_token();
    }
    void looked(unsigned long round, std::optional<Clock::time_point> then) {
        const std::lock_guard lock(mutex);
        looked_at = round;
        again = then;
        changed.notify_all();
    }
    void wait_for(unsigned long round, Clock::time_point until) {
        std::unique_lock lock(mutex);
        changed.wait_until(lock, until, [&] { return looked_at >= round; });
    }
};

void RecoveryOnReturn::run(const CorePtr& core, Rounds& rounds, const Look& look,
                           const std::stop_token& stop) {
    auto pause = first_pause;
    while (const auto round = rounds.wait(stop)) {
        Call call;
        call.stop = stop;
        bool left = false;
        if (core->inventory->connected())
            (void)guarded("finish what was cut off", [&]() -> Result<void> {
                left = true;  // whatever goes wrong
                left = look(call, rounds.next_round());
                return {};
            });
        pause = left && !round->wanted ? std::min(pause * 2, longest_pause) : first_pause;
        rounds.looked(round->number, left ? std::optional(Clock::now() + pause) : std::nullopt);
    }
}

RecoveryOnReturn::RecoveryOnReturn(const CorePtr& core)
    : pools_(LeftPools::acquire()),
      notes_(std::make_shared<Rounds>()),
      removals_(std::make_shared<Rounds>()),
      merges_(std::make_shared<Rounds>()) {
    const auto want = [notes = notes_, removals = removals_] {
        notes->want();
        removals->want();
    };
    core->left_unfinished = want;
    subscription_ = core->inventory->subscribe([want](const Event& e) {
        if (e.kind == EventKind::host_back) want();
    });
    pools_subscription_ = pools_->subscribe([notes = notes_] { notes->want(); });
    const auto begin = [&core](const std::shared_ptr<Rounds>& rounds, Look look) {
        return std::jthread([core, rounds, look = std::move(look)](const std::stop_token& stop) {
            run(core, *rounds, look, stop);
        });
    };
    noting_ =
        begin(notes_, [core, pools = pools_, merges = merges_](const Call& call, const std::stop_token&) {
            bool left = end_left_pools(core, call, pools);
            left |= recover_snapshots(core, call) > 0;
            merges->want();
            return left;
        });
    removing_ = begin(removals_, [core](const Call& call, const std::stop_token& others) {
        return finish_removals(core, call, others) > 0;
    });
    merging_ =
        begin(merges_, [core](const Call& call, const std::stop_token&) { return merge_left(core, call); });
}

RecoveryOnReturn::~RecoveryOnReturn() {
    for (auto* thread : {&noting_, &removing_, &merging_}) thread->request_stop();
}

void RecoveryOnReturn::look_now(std::chrono::milliseconds limit) {
    const auto until = Clock::now() + limit;
    const auto noted = notes_->want(), removed = removals_->want();
    notes_->wait_for(noted, until);
    removals_->wait_for(removed, until);
}

}  // namespace wsvirt::backend::libvirt
