#include "backend/libvirt/event_loop.hpp"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <atomic>
#include <mutex>
#include <thread>

namespace wsvirt::backend::libvirt {

namespace {

void quiet(void*, virError*) {}  // errors are read where they happen; libvirt would print them to stderr
void tick(int, void*) {}         // wakes the loop so that it sees the stop flag
constexpr int tick_milliseconds = 500;

}  // namespace

struct EventLoop::Impl {
    std::atomic<bool> stop{false};
    int timer = -1;
    std::thread thread;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
    static std::once_flag registered;  // libvirt keeps the loop in globals of its own and takes it only once
    std::call_once(registered, [] {
        virSetErrorFunc(nullptr, quiet);
        virEventRegisterDefaultImpl();
        virInitialize();
    });
    impl_->timer = virEventAddTimeout(tick_milliseconds, tick, nullptr, nullptr);
    impl_->thread = std::thread([impl = impl_.get()] {
        // A new loop may be asked for while the last one still ends; libvirt's must never run twice.
        static std::mutex running;
        while (!impl->stop) {
            const std::lock_guard lock(running);
            virEventRunDefaultImpl();
        }
    });
}

EventLoop::~EventLoop() {
    impl_->stop = true;
    virEventUpdateTimeout(impl_->timer, 0);
    impl_->thread.join();
    virEventRemoveTimeout(impl_->timer);
}

std::shared_ptr<EventLoop> EventLoop::acquire() {
    static std::mutex mutex;
    static std::weak_ptr<EventLoop> current;
    const std::lock_guard lock(mutex);
    auto loop = current.lock();
    if (!loop) {
        loop = std::shared_ptr<EventLoop>(new EventLoop);
        current = loop;
    }
    return loop;
}

}  // namespace wsvirt::backend::libvirt
