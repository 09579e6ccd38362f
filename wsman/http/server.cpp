#include "wsman/http/server.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <future>

#include "wsman/http/connection.hpp"
#include "wsman/http/response.hpp"

namespace wsvirt::wsman {

using tcp = asio::ip::tcp;
using Acceptor = asio::basic_socket_acceptor<tcp, IoExecutor>;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

std::string endpoint_text(const tcp::endpoint& e) {
    const auto address = e.address().to_string();
    return (e.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(e.port());
}

Connection::Peer describe(const tcp::endpoint& e) {
    auto address = e.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return {address.to_string(), endpoint_text({address, e.port()}), address.is_loopback()};
}

// Whatever goes wrong in one connection, the others of its thread go on.
void run_io(IoThread& io) {
    for (bool ended = false; !ended;) try {
            io.context.run();
            ended = true;
        } catch (const std::exception& e) {
            spdlog::error("wsvirt.http.exception error=\"{}\"", e.what());
        }
}

// Runs on the I/O thread itself, and waits for it.
template <class Work>
void run_on(IoThread& io, Work work) {
    std::promise<void> done;
    asio::post(io.context, [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

}  // namespace

struct IoThreads::Impl {
    std::vector<std::unique_ptr<IoThread>> all;
};

unsigned IoThreads::number(unsigned wanted) {
    return wanted != 0 ? wanted : std::max(1u, std::thread::hardware_concurrency());
}

IoThreads::IoThreads(unsigned n) : impl_(std::make_unique<Impl>()) {
    for (n = number(n); n > 0; --n) {
        auto& io = *impl_->all.emplace_back(std::make_unique<IoThread>());
        io.thread = std::thread([&io] {
            io.scratch.reset(new char[IoThread::scratch_size]);
            run_io(io);
        });
    }
    for (auto& io : impl_->all) run_on(*io, [] {});
}

IoThreads::~IoThreads() {
    for (auto& io : impl_->all) {
        io->context.stop();
        if (io->thread.joinable()) io->thread.join();
    }
}

struct HttpServer::Impl {
    struct Open {
        std::shared_ptr<Listener> listener;
        Acceptor acceptor;
        Timer backoff;
    };

    Impl(ServerSettings settings, std::vector<Route> routes, SignIn& sign_in,
         std::unique_ptr<IoThreads> given)
        : shared(std::move(settings), std::move(routes), sign_in),
          running(given ? std::move(given) : std::make_unique<IoThreads>(shared.settings.io_threads)),
          threads(running->impl_->all) {}

    Result<BoundAddress> open(const std::shared_ptr<Listener>& listener, const tcp::endpoint& where,
                              bool both);
    Task<void> accept_loop(Open& at);
    void take_in(Socket socket, const std::shared_ptr<Listener>& listener, IoThread& io);
    static Task<void> sweep_loop(IoThread& io);
    std::int64_t open_connections() const { return shared.counters.open.load(); }

    ServerShared shared;
    std::unique_ptr<IoThreads> running;
    std::vector<std::unique_ptr<IoThread>>& threads;
    std::vector<std::unique_ptr<Open>> listeners;
    std::size_t next_thread = 0;
    bool started = false, stopped = false;
};

HttpServer::HttpServer(ServerSettings settings, std::vector<Route> routes, SignIn& sign_in,
                       std::unique_ptr<IoThreads> threads)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(routes), sign_in, std::move(threads))) {}

HttpServer::~HttpServer() {
    stop(milliseconds(0));
}

const HttpCounters& HttpServer::counters() const {
    return impl_->shared.counters;
}

Result<BoundAddress> HttpServer::Impl::open(const std::shared_ptr<Listener>& listener,
                                            const tcp::endpoint& where, bool both) {
    boost::system::error_code ec;
    auto& io = *threads.front();
    auto at = std::unique_ptr<Open>(
        new Open{listener, Acceptor(io.context.get_executor()), Timer(io.context.get_executor())});
    at->acceptor.open(where.protocol(), ec);
    if (!ec) at->acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec && where.address().is_v6()) at->acceptor.set_option(asio::ip::v6_only(!both), ec);
    if (!ec) at->acceptor.bind(where, ec);
    if (!ec) at->acceptor.listen(4096, ec);
    if (ec)
        return Error{Status::failed, "wsvirt.http.listen",
                     "Cannot listen on " + endpoint_text(where) + "; is another program using it?",
                     endpoint_text(where), ec.message()};
    const auto bound = at->acceptor.local_endpoint(ec);
    listeners.push_back(std::move(at));
    return BoundAddress{listener->settings.tls, endpoint_text(bound), bound.port()};
}

Result<std::vector<BoundAddress>> HttpServer::listen(const ListenerSettings& settings) {
    auto listener = std::make_shared<Listener>();
    listener->settings = settings;
    if (settings.tls) {
        auto tls = TlsContext::load(settings.files);
        if (!tls) return tls.error();
        listener->tls = *tls;
    }
    const auto port = settings.port;
    std::vector<BoundAddress> bound;
    if (settings.address == "localhost" || settings.address == "*") {
        const bool any = settings.address == "*";
        const auto six = impl_->open(
            listener, {any ? asio::ip::address_v6::any() : asio::ip::address_v6::loopback(), port}, any);
        if (six) bound.push_back(*six);
        if (any && six) return bound;  // one socket for both families
        const auto four = impl_->open(
            listener, {any ? asio::ip::address_v4::any() : asio::ip::address_v4::loopback(), port}, false);
        if (!four) return four.error();
        bound.push_back(*four);
        return bound;
    }
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(settings.address, ec);
    if (ec)
        return Error{Status::invalid_parameter, "wsvirt.http.address",
                     "A listener's address is numeric, \"localhost\" or \"*\".", settings.address};
    auto one = impl_->open(listener, {address, port}, false);
    if (!one) return one.error();
    bound.push_back(*one);
    return bound;
}

void HttpServer::Impl::take_in(Socket socket, const std::shared_ptr<Listener>& listener, IoThread& io) {
    boost::system::error_code ec;
    const auto peer = socket.remote_endpoint(ec);
    if (ec) return;
    const auto connection =
        std::make_shared<Connection>(io, shared, listener, std::move(socket), describe(peer));
    if (!connection->admitted()) {
        shared.counters.refused.fetch_add(1, std::memory_order_relaxed);
        shared.counters.refuse(connection->over_limit());
        return;
    }
    shared.counters.accepted.fetch_add(1, std::memory_order_relaxed);
    connection->start();
    if (shared.stopping) connection->finish_soon();
}

Task<void> HttpServer::Impl::accept_loop(Open& at) {
    bool told = false;
    while (at.acceptor.is_open()) {
        auto& io = *threads[next_thread++ % threads.size()];
        boost::system::error_code ec;
        Socket socket =
            co_await at.acceptor.async_accept(io.context.get_executor(), asio::redirect_error(use_io, ec));
        if (!ec) {
            told = false;
            const auto handover = std::make_shared<Socket>(std::move(socket));
            asio::post(io.context, [this, handover, listener = at.listener, &io] {
                take_in(std::move(*handover), listener, io);
            });
            continue;
        }
        if (!at.acceptor.is_open() || ec == asio::error::operation_aborted) break;
        if (ec == asio::error::connection_aborted) continue;
        // Out of descriptors or memory: those that wait stay in the backlog until something is freed.
        if (!told) spdlog::error("wsvirt.http.accept error=\"{}\"", ec.message());
        told = true;
        at.backoff.expires_after(milliseconds(100));
        co_await at.backoff.async_wait(asio::redirect_error(use_io, ec));
    }
}

Task<void> HttpServer::Impl::sweep_loop(IoThread& io) {
    for (;;) {
        boost::system::error_code ec;
        io.sweeper.expires_after(milliseconds(250));
        co_await io.sweeper.async_wait(asio::redirect_error(use_io, ec));
        if (ec) co_return;
        io.date = http_date(std::chrono::system_clock::now());
        const auto now = Clock::now();
        for (auto* connection : io.connections) connection->sweep(now);
    }
}

void HttpServer::start() {
    auto& impl = *impl_;
    impl.started = true;
    for (auto& io : impl.threads) {
        io->date = http_date(std::chrono::system_clock::now());
        asio::co_spawn(
            io->context.get_executor(), [&t = *io] { return Impl::sweep_loop(t); }, asio::detached);
    }
    for (auto& at : impl.listeners)
        asio::co_spawn(
            impl.threads.front()->context.get_executor(),
            [&impl, &open = *at] { return impl.accept_loop(open); }, asio::detached);
}

void HttpServer::stop(milliseconds limit) {
    auto& impl = *impl_;
    if (!impl.started || impl.stopped) return;
    impl.stopped = true;
    impl.shared.stopping = true;
    run_on(*impl.threads.front(), [&] {
        boost::system::error_code ignored;
        for (auto& at : impl.listeners) {
            at->acceptor.close(ignored);
            at->backoff.cancel();
        }
    });
    for (auto& io : impl.threads)
        run_on(*io, [&] {
            for (auto* connection : io->connections) connection->finish_soon();
        });
    const auto wait_for_all = [&](milliseconds how_long) {
        const auto until = Clock::now() + how_long;
        while (impl.open_connections() > 0 && Clock::now() < until)
            std::this_thread::sleep_for(milliseconds(5));
    };
    wait_for_all(limit);
    for (auto& io : impl.threads)
        run_on(*io, [&] {
            for (auto* connection : io->connections) connection->abort();
        });
    wait_for_all(milliseconds(1000));
    for (auto& io : impl.threads) {
        run_on(*io, [&] { io->sweeper.cancel(); });
        io->context.stop();
        io->thread.join();
    }
}

Result<void> HttpServer::reload_tls() {
    std::vector<std::pair<Listener*, std::shared_ptr<const TlsContext>>> fresh;
    for (auto& at : impl_->listeners) {
        if (!at->listener->settings.tls) continue;
        auto tls = TlsContext::load(at->listener->settings.files);
        if (!tls) return tls.error();
        fresh.emplace_back(at->listener.get(), std::move(*tls));
    }
    for (auto& [listener, tls] : fresh) {
        const std::lock_guard guard(listener->mutex);
        listener->tls = std::move(tls);
    }
    return {};
}

}  // namespace wsvirt::wsman
