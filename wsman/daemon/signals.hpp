// Waits for the signals that a daemon acts on. SIGPIPE is ignored from here on.
#pragma once

#include <functional>
#include <memory>

namespace wsvirt::wsman {

class Signals {
  public:
    Signals();  // from here on nothing is missed; construct it before anything takes long
    ~Signals();
    // Until run(): SIGTERM or SIGINT calls stop(), on a thread of its own.
    void while_starting(std::function<void()> stop);
    // Blocks until SIGTERM or SIGINT; on SIGHUP calls reload(), and every second tick().
    void run(const std::function<void()>& reload, const std::function<void()>& tick);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wsvirt::wsman
