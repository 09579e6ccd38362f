// The WS-Management service as one HTTP handler (DSP0226). Thread safe. The object manager and the pool must
// outlive it. Identify, and what providers answer from memory, is answered on the I/O thread, everything else
// on the pool.
#pragma once

#include <memory>

#include "wsman/http/message.hpp"
#include "wsman/ops/settings.hpp"
#include "wsman/ops/usage.hpp"

namespace wsvirt::cim {
class ObjectManager;
}

namespace wsvirt::wsman {

class WsmanHandler : public HttpHandler {
  public:
    virtual Usage usage() const = 0;
};

std::unique_ptr<WsmanHandler> make_wsman_handler(cim::ObjectManager& object_manager, WorkPool& pool,
                                                 OpsSettings settings);

}  // namespace wsvirt::wsman
