// The HTTP server: listeners, I/O threads, quotas, and a graceful stop. Requests go to the handler of their
// route once they are whole and signed in; whatever cannot get that far is answered here.
// Handlers are called on I/O threads. Destroy the server after everything that may still call a Done.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "wsman/http/limits.hpp"
#include "wsman/http/message.hpp"
#include "wsman/http/tls.hpp"

namespace wsvirt::wsman {

class SignIn;

// path: compared without case, with or without a slash at its end.
struct Route {
    std::string path;
    std::vector<std::string> methods;
    std::shared_ptr<HttpHandler> handler;
};

struct ListenerSettings {
    std::string address = "127.0.0.1";  // numeric, "localhost" (both loopbacks) or "*" (every address)
    std::uint16_t port = 0;             // 0: a free one
    bool tls = false;
    TlsFiles files;            // for tls
    bool allow_basic = false;  // without tls: also from peers that are not loopback
};

struct ServerSettings {
    HttpLimits limits;
    unsigned io_threads = 0;  // 0: one per processor
};

// The threads that connections live on. They can be there before all others, so that each gets a heap of its
// own (memory.hpp): two of them in one heap wait for each other all the time.
class IoThreads {
  public:
    explicit IoThreads(unsigned n);  // 0: one per processor
    ~IoThreads();
    IoThreads(const IoThreads&) = delete;
    IoThreads& operator=(const IoThreads&) = delete;
    static unsigned number(unsigned wanted);

  private:
    friend class HttpServer;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct HttpCounters {
    std::atomic<std::uint64_t> accepted{0}, refused{0}, requests{0}, timeouts{0}, bytes_in{0}, bytes_out{0};
    std::atomic<std::int64_t> open{0}, in_progress{0};
    std::array<std::atomic<std::uint64_t>, 6> by_class{};  // answers 1xx to 5xx at their first digit
    std::array<std::atomic<std::uint64_t>, http_limit_names.size()> by_limit{};  // refusals
    void refuse(HttpLimit limit) {
        by_limit[static_cast<std::size_t>(limit)].fetch_add(1, std::memory_order_relaxed);
    }
};

struct BoundAddress {
    bool tls = false;
    std::string text;  // "127.0.0.1:43211", "[::1]:5985"
    std::uint16_t port = 0;
};

class HttpServer {
  public:
    // threads: null makes settings.io_threads of them.
    HttpServer(ServerSettings settings, std::vector<Route> routes, SignIn& sign_in,
               std::unique_ptr<IoThreads> threads = nullptr);
    ~HttpServer();  // stop(0)

    // Before start(). Errors: failed (address in use, certificate unreadable ...), with the address.
    Result<std::vector<BoundAddress>> listen(const ListenerSettings& listener);
    void start();
    // Accepts no more, lets what runs finish for as long as `limit`, then closes the rest. Blocks.
    void stop(std::chrono::milliseconds limit);
    // Reads every listener's certificate again; on an error the old ones stay.
    Result<void> reload_tls();
    const HttpCounters& counters() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wsvirt::wsman
