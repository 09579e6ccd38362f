// Keeps the inventory true: holds a connection of its own, listens to libvirt's events, looks again at every
// machine that an event names, lists everything after a reconnect and, on hosts that others change too, from
// time to time. One thread; opens the connection again with growing pauses when the host goes away.
#pragma once

#include <functional>
#include <memory>

#include "backend/libvirt/connector.hpp"
#include "backend/libvirt/inventory.hpp"

namespace wsvirt::backend::libvirt {

class Watcher {
  public:
    // on_listed runs on the watcher's thread after every listing, with its connection.
    Watcher(std::shared_ptr<Connector> connector, std::shared_ptr<Inventory> inventory,
            std::function<void(virConnectPtr)> on_listed);
    ~Watcher();
    // How it went to reach the host and list its machines; one that must be there is waited for.
    Result<void> wait_first();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace wsvirt::backend::libvirt
