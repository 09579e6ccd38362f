// Every machine of a host as last seen, in memory. Readers share immutable snapshots and never wait for
// libvirt. Writers bring what they saw together with a ticket drawn before they looked; a look that began
// earlier never replaces one that began later, so a change is visible from the moment its caller returns.
// Events go out in order on a thread of the inventory's own. Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"

namespace wsvirt::backend::libvirt {

std::int64_t now_us();  // unix time

class Inventory {
  public:
    Inventory();
    ~Inventory();

    using Ticket = std::uint64_t;
    Ticket draw();
    void seen(Ticket ticket, Machine machine);
    void gone(Ticket ticket, std::string_view uuid);
    // Everything that is not in the list and was not seen since the ticket is gone.
    void only(Ticket ticket, const std::vector<std::string>& uuids);
    // While set, the machine shows this state whatever libvirt says ("starting", "saving").
    void set_transition(std::string_view uuid, MachineState state);
    // Where nothing came of it, a machine that is as it was before has been so since then.
    void end_transition(std::string_view uuid, bool nothing_came_of_it);
    // While set, the machine shows the snapshots that it had when libvirt lists none.
    void set_snapshots_aside(std::string_view uuid, bool aside);
    // While set, nobody needs to look because of what libvirt tells of the machine: whoever has set it looks
    // afterwards.
    void set_taking_snapshot(std::string_view uuid, bool taking);
    bool takes_snapshot(std::string_view uuid) const;
    void set_connected(bool connected);

    std::vector<std::shared_ptr<const Machine>> machines() const;
    std::shared_ptr<const Machine> machine(std::string_view uuid) const;
    bool connected() const;
    // Null where no look at it has begun since the ticket was drawn.
    std::shared_ptr<const Machine> seen_since(Ticket ticket, std::string_view uuid) const;
    // Whether it was there, or libvirt's files told, when the machine's state changed; else state_since_us is
    // when that was first seen.
    bool knows_since_when(std::string_view uuid) const;
    // Dropping the handle waits for the callback when it runs right then, unless in the callback itself.
    std::shared_ptr<void> subscribe(std::function<void(const Event&)> on_event);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

// Shows a passing state of a machine for as long as it lives.
class Transition {
  public:
    Transition(std::shared_ptr<Inventory> inventory, std::string uuid, MachineState state)
        : inventory_(std::move(inventory)), uuid_(std::move(uuid)) {
        inventory_->set_transition(uuid_, state);
    }
    ~Transition() { inventory_->end_transition(uuid_, came_to_nothing_); }
    void came_to_nothing() { came_to_nothing_ = true; }
    Transition(const Transition&) = delete;
    Transition& operator=(const Transition&) = delete;

  private:
    std::shared_ptr<Inventory> inventory_;
    std::string uuid_;
    bool came_to_nothing_ = false;
};

// A machine shows its snapshots for as long as this lives, though libvirt must not know them.
class SnapshotsAside {
  public:
    SnapshotsAside(std::shared_ptr<Inventory> inventory, std::string uuid)
        : inventory_(std::move(inventory)), uuid_(std::move(uuid)) {
        inventory_->set_snapshots_aside(uuid_, true);
    }
    ~SnapshotsAside() { inventory_->set_snapshots_aside(uuid_, false); }
    SnapshotsAside(const SnapshotsAside&) = delete;
    SnapshotsAside& operator=(const SnapshotsAside&) = delete;

  private:
    std::shared_ptr<Inventory> inventory_;
    std::string uuid_;
};

// libvirt tells three times of a machine whose snapshot it takes, and each look would slow that down. To be
// followed by a look at the machine.
class TakingSnapshot {
  public:
    TakingSnapshot(std::shared_ptr<Inventory> inventory, std::string uuid)
        : inventory_(std::move(inventory)), uuid_(std::move(uuid)) {
        inventory_->set_taking_snapshot(uuid_, true);
    }
    ~TakingSnapshot() { inventory_->set_taking_snapshot(uuid_, false); }
    TakingSnapshot(const TakingSnapshot&) = delete;
    TakingSnapshot& operator=(const TakingSnapshot&) = delete;

  private:
    std::shared_ptr<Inventory> inventory_;
    std::string uuid_;
};

}  // namespace wsvirt::backend::libvirt
