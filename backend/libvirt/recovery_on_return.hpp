// What was cut off on a host is finished or taken back (snapshot_journal.hpp) whenever the host answers
// again, and at once where an operation could not clear up after itself; what cannot be finished is tried
// again after pauses that grow. Files whose merge has failed are merged after that, as long as nobody else
// waits for their machine. Three threads for each host, as removing a machine and merging may take long:
// neither waits for the other, and nothing else for them. Their end waits for what they are about, at most
// for as long as a cancelled call may take.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "backend/libvirt/core.hpp"

namespace wsvirt::backend::libvirt {

class RecoveryOnReturn {
  public:
    explicit RecoveryOnReturn(const CorePtr& core);  // before the first operation
    ~RecoveryOnReturn();
    RecoveryOnReturn(const RecoveryOnReturn&) = delete;
    RecoveryOnReturn& operator=(const RecoveryOnReturn&) = delete;

    // For the start: what takes longer than the limit goes on behind it.
    void look_now(std::chrono::milliseconds limit);

  private:
    struct Rounds;
    // Whether something is left for another time; others: asked to stop where it is wanted again.
    using Look = std::function<bool(const Call&, const std::stop_token& others)>;
    static void run(const CorePtr& core, Rounds& rounds, const Look& look, const std::stop_token& stop);

    const std::shared_ptr<class LeftPools> pools_;
    std::shared_ptr<Rounds> notes_, removals_, merges_;
    std::shared_ptr<void> subscription_, pools_subscription_;
    std::jthread noting_, removing_, merging_;
};

}  // namespace wsvirt::backend::libvirt
