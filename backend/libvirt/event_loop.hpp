// libvirt has one event loop per process, and it must exist and run before the first connection is opened.
// acquire() starts the thread that runs it; the last holder's release stops the thread. Callbacks of libvirt
// run on this thread and must not call back into libvirt.
#pragma once

#include <memory>

namespace wsvirt::backend::libvirt {

class EventLoop {
  public:
    static std::shared_ptr<EventLoop> acquire();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

  private:
    EventLoop();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wsvirt::backend::libvirt
