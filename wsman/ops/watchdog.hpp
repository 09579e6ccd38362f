// Ends operations whose time is over (DSP0226 6.1): one thread that sleeps until the earliest deadline. What
// is watched is told once that it is late, on that thread; it must not block there. Thread safe.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "cim/om/operation.hpp"

namespace wsvirt::wsman {

class Watched {
  public:
    virtual ~Watched() = default;
    virtual void late() = 0;
};

class Watchdog {
  public:
    using Key = std::pair<cim::Clock::time_point, const Watched*>;

    Watchdog();
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    Key watch(cim::Clock::time_point deadline, std::shared_ptr<Watched> what);
    // After it late() neither runs nor will run.
    void forget(const Key& key);

  private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Key, std::shared_ptr<Watched>> all_;
    const Watched* telling_ = nullptr;  // whose late() runs now
    cim::Clock::time_point sleeps_until_ = cim::Clock::time_point::min();
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace wsvirt::wsman
