// A fixed number of threads with a bounded queue, for calls that block. post() never blocks: false when the
// queue is full or the pool has stopped. Work must not throw; what it throws is dropped.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace wsvirt {

class ThreadPool {
  public:
    ThreadPool(unsigned threads, std::size_t queue_limit);
    ~ThreadPool();  // stop()
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    bool post(std::function<void()> work);
    // Takes no more work, finishes what is queued, and waits for it.
    void stop();
    std::size_t queued() const;

  private:
    void run();

    const std::size_t queue_limit_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace wsvirt
