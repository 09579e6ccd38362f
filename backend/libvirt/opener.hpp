// Opens connections to a host for one who cannot wait for ever. libvirt has no limit for this: a host that
// accepts and then is silent would hold whoever asks. Over the network an attempt that takes too long is left
// behind with a thread of its own, and what arrives late is closed. While one is left behind, the host is
// first asked for a sign of life, so that not one after the other is left behind. Thread safe.
#pragma once

#include <memory>

#include "backend/libvirt/connector.hpp"

namespace wsvirt::backend::libvirt {

class Opener {
  public:
    // The limit is Settings::open_limit.
    explicit Opener(std::shared_ptr<Connector> connector);
    Result<Connection> open();
    // One that was given back, or a new one.
    Result<Connection> borrow();
    // Only one by which everything has ended well: libvirt clears up after the others when they are closed.
    // Its handles must be gone.
    void give_back(Connection connection);
    void give_up();  // nobody waits any more, from now on

  private:
    struct State;
    std::shared_ptr<Connector> connector_;
    std::shared_ptr<State> state_;
};

}  // namespace wsvirt::backend::libvirt
