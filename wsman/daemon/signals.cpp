#include "wsman/daemon/signals.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <thread>

namespace wsvirt::wsman {

struct Signals::Impl {
    boost::asio::io_context context{1};
    boost::asio::signal_set set{context, SIGTERM, SIGINT, SIGHUP};
    boost::asio::steady_timer timer{context};
    std::thread starting;
    bool started = false;  // of the thread that runs the context

    void end_start() {
        if (!starting.joinable()) return;
        boost::asio::post(context, [this] {
            started = true;
            set.cancel();
        });
        starting.join();
        context.restart();
    }

    void await_signal(const std::function<void()>& reload) {
        set.async_wait([this, &reload](const boost::system::error_code& ec, int number) {
            if (ec) return;
            if (number != SIGHUP) return context.stop();
            reload();
            await_signal(reload);
        });
    }
    void await_stop(const std::function<void()>& stop) {
        if (started) return;  // a signal that came before it was known
        set.async_wait([this, &stop](const boost::system::error_code& ec, int number) {
            if (ec) return;
            if (number != SIGHUP) return stop();
            await_stop(stop);  // what is new is being read anyway
        });
    }
    void await_tick(const std::function<void()>& tick) {
        timer.expires_after(std::chrono::seconds(1));
        timer.async_wait([this, &tick](const boost::system::error_code& ec) {
            if (ec) return;
            tick();
            await_tick(tick);
        });
    }
};

Signals::Signals() : impl_(std::make_unique<Impl>()) {
    std::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
    impl_->end_start();
}

void Signals::while_starting(std::function<void()> stop) {
    impl_->starting = std::thread([impl = impl_.get(), stop = std::move(stop)] {
        impl->await_stop(stop);
        impl->context.run();
    });
}

void Signals::run(const std::function<void()>& reload, const std::function<void()>& tick) {
    impl_->end_start();
    impl_->await_signal(reload);
    impl_->await_tick(tick);
    impl_->context.run();
}

}  // namespace wsvirt::wsman
