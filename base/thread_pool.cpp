#include "base/thread_pool.hpp"

#include <algorithm>

namespace wsvirt {

ThreadPool::ThreadPool(unsigned threads, std::size_t queue_limit) : queue_limit_(queue_limit) {
    threads_.reserve(std::max(1u, threads));
    for (unsigned i = 0; i < std::max(1u, threads); ++i) threads_.emplace_back([this] { run(); });
}

ThreadPool::~ThreadPool() {
    stop();
}

bool ThreadPool::post(std::function<void()> work) {
    {
        const std::lock_guard guard(mutex_);
        if (stopping_ || queue_.size() >= queue_limit_) return false;
        queue_.push_back(std::move(work));
    }
    wake_.notify_one();
    return true;
}

void ThreadPool::stop() {
    {
        const std::lock_guard guard(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (auto& t : threads_)
        if (t.joinable()) t.join();
}

std::size_t ThreadPool::queued() const {
    const std::lock_guard guard(mutex_);
    return queue_.size();
}

void ThreadPool::run() {
    for (;;) {
        std::function<void()> work;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            work = std::move(queue_.front());
            queue_.pop_front();
        }
        try {
            work();
        } catch (...) {  // a thread of the pool outlives whatever went wrong in its work
        }
    }
}

}  // namespace wsvirt
