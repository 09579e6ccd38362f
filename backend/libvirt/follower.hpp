// Follows a migration from a connection of its own, because the first one is busy with it: reports progress,
// brings one to an end that would go on for ever, and ends one whose destination has fallen silent, which
// QEMU itself would only notice after a quarter of an hour. One thread, ended by the destructor.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string_view>
#include <thread>

#include "backend/libvirt/core.hpp"
#include "backend/libvirt/workers.hpp"

namespace wsvirt::backend::libvirt {

// Asks a migration to end, from a worker of its own, whether the destination answers or not.
std::function<void()> abort_migration(const CorePtr& core, std::string_view uuid);

// A migration whose client died comes to its end by itself, a moment later; it is waited for.
void wait_for_other_job(const Session& s, virDomainPtr d);

class Follower {
  public:
    // destination: the connection that the migration uses; outlives this.
    Follower(const CorePtr& core, const MigrationRequest& request, Session& session,
             virConnectPtr destination);

    bool gave_up() const { return gave_up_; }  // the guest changes its memory too fast
    bool lost() const { return lost_; }        // the destination does not answer any more

  private:
    void follow(const std::stop_token& stop, const CorePtr& core, const MigrationRequest& request,
                Session& session, virConnectPtr destination);
    void bring_to_an_end(virDomainPtr d, const MigrationRequest& request);

    std::atomic<bool> gave_up_{false}, lost_{false};
    std::uint64_t last_round_ = 0;
    std::chrono::milliseconds standstill_;
    std::jthread thread_;  // the last member: it uses the others
};

}  // namespace wsvirt::backend::libvirt
