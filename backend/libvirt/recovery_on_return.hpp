// What was cut off on a host is finished or taken back (snapshot_journal.hpp) whenever the host answers
// again, and at once where an operation could not clear up after itself; what cannot be finished is tried
// again after pauses that grow. Files whose merge has failed are merged then, as long as nobody else waits
// for their machine. One thread for each host; its end waits for what it is about, at most for as long as a
// cancelled call may take.
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "backend/libvirt/core.hpp"

namespace wsvirt::backend::libvirt {

class RecoveryOnReturn {
  public:
    explicit RecoveryOnReturn(const CorePtr& core);  // before the first operation
    RecoveryOnReturn(const RecoveryOnReturn&) = delete;
    RecoveryOnReturn& operator=(const RecoveryOnReturn&) = delete;

    // For the start: what takes longer than the limit goes on behind it.
    void look_now(std::chrono::milliseconds limit);

  private:
    struct State;
    std::shared_ptr<State> state_;
    std::shared_ptr<void> subscription_;
    std::jthread thread_;
};

}  // namespace wsvirt::backend::libvirt
