#include "wsman/ops/watchdog.hpp"

namespace wsvirt::wsman {

Watchdog::Watchdog() : thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Watchdog::Key Watchdog::watch(cim::Clock::time_point deadline, std::shared_ptr<Watched> what) {
    const Key key{deadline, what.get()};
    bool earlier = false;
    {
        const std::lock_guard lock(mutex_);
        all_.emplace(key, std::move(what));
        earlier = deadline < sleeps_until_;
    }
    // Most operations end long before their deadline: the thread sleeps on and finds nothing.
    if (earlier) changed_.notify_all();
    return key;
}

void Watchdog::forget(const Key& key) {
    std::unique_lock lock(mutex_);
    all_.erase(key);
    changed_.wait(lock, [&] { return telling_ != key.second; });
}

void Watchdog::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (all_.empty()) {
            sleeps_until_ = cim::Clock::time_point::max();
            changed_.wait(lock);
            continue;
        }
        const auto first = all_.begin();
        if (first->first.first > cim::Clock::now()) {
            sleeps_until_ = first->first.first;
            changed_.wait_until(lock, cim::Clock::time_point(sleeps_until_));
            continue;
        }
        const auto what = std::move(first->second);
        all_.erase(first);
        telling_ = what.get();
        lock.unlock();
        what->late();
        lock.lock();
        telling_ = nullptr;
        changed_.notify_all();
    }
}

}  // namespace wsvirt::wsman
