// What the connections of one server share. Internal to wsman/http: includes Asio.
#pragma once

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "wsman/http/server.hpp"
#include "wsman/http/stream.hpp"

namespace wsvirt::wsman {

class Connection;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;

// One I/O thread: its connections live on it, so nothing here is locked.
struct IoThread {
    IoThread() : context(1), sweeper(context.get_executor()) {}
    std::unordered_set<Connection*> connections;  // outlives the context, whose end destroys connections
    asio::io_context context;
    Timer sweeper;
    asio::executor_work_guard<asio::io_context::executor_type> waits_for_work{context.get_executor()};
    std::thread thread;
    std::unique_ptr<char[]> scratch;  // each read lands here first; from the thread's own heap
    static constexpr std::size_t scratch_size = 64 * 1024;
    std::string date;  // of the Date header, kept current by the sweeper
    std::string head;  // reused for each response
};

// A listener's settings as its connections see them.
struct Listener {
    ListenerSettings settings;
    std::mutex mutex;
    std::shared_ptr<const TlsContext> tls;
    std::shared_ptr<const TlsContext> current_tls() {
        const std::lock_guard guard(mutex);
        return tls;
    }
};

// Counts connections, all together and by address.
class Quota {
  public:
    Quota(std::uint32_t most, std::uint32_t most_per_peer) : most_(most), most_per_peer_(most_per_peer) {}
    enum class Verdict : std::uint8_t { admitted, over, far_over };
    Verdict enter(const std::string& peer, bool& of_peer);  // of_peer: which limit it is over
    void leave(const std::string& peer);

  private:
    // Connections that are only told that there are too many: some, so that a flood costs little.
    static constexpr std::uint32_t told = 64;
    const std::uint32_t most_, most_per_peer_;
    std::mutex mutex_;
    std::uint32_t all_ = 0, over_ = 0;
    std::unordered_map<std::string, std::uint32_t> by_peer_;
    friend class QuotaSlot;
    void leave_over();
};

// A place in the quota, given back at the end of its life.
class QuotaSlot {
  public:
    QuotaSlot(Quota& quota, std::string peer)
        : quota_(quota), peer_(std::move(peer)), verdict_(quota.enter(peer_, of_peer_)) {}
    ~QuotaSlot() {
        if (verdict_ == Quota::Verdict::admitted) quota_.leave(peer_);
        if (verdict_ == Quota::Verdict::over) quota_.leave_over();
    }
    QuotaSlot(const QuotaSlot&) = delete;
    QuotaSlot& operator=(const QuotaSlot&) = delete;
    Quota::Verdict verdict() const { return verdict_; }
    HttpLimit limit() const {
        return of_peer_ ? HttpLimit::max_connections_per_peer : HttpLimit::max_connections;
    }

  private:
    Quota& quota_;
    std::string peer_;
    bool of_peer_ = false;
    Quota::Verdict verdict_;
};

struct ServerShared {
    ServerShared(ServerSettings s, std::vector<Route> r, SignIn& in);
    const Route* find_route(std::string_view path) const;

    const ServerSettings settings;
    const std::vector<Route> routes;
    SignIn& sign_in;
    HttpCounters counters;
    Quota quota;
    const std::string id_prefix;  // of request ids, one per process run
    std::atomic<std::uint64_t> next_connection{1};
    std::atomic<bool> stopping{false};
};

}  // namespace wsvirt::wsman
