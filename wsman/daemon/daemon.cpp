#include "wsman/daemon/daemon.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "wsman/daemon/certificate.hpp"
#include "wsman/daemon/log.hpp"
#include "wsman/daemon/machinery.hpp"
#include "wsman/daemon/memory.hpp"
#include "wsman/daemon/metrics.hpp"
#include "wsman/daemon/sign_in_sources.hpp"
#include "wsman/daemon/signals.hpp"
#include "wsman/daemon/version.hpp"
#include "wsman/http/server.hpp"

namespace wsvirt::wsman {

namespace fs = std::filesystem;

namespace {

// The state folder, for one daemon at a time.
class StateFolder {
  public:
    static Result<StateFolder> open(const fs::path& folder) {
        std::error_code ec;
        const bool fresh = !fs::exists(folder, ec);
        fs::create_directories(folder, ec);
        if (fresh) ::chmod(folder.c_str(), 0700);
        const auto file = folder / "lock";
        const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return Error{Status::failed, "wsvirt.state.folder", "The state folder cannot be used.",
                         folder.string(), std::strerror(errno)};
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
            ::close(fd);
            return Error{Status::busy, "wsvirt.state.busy",
                         "Another wsvirtd uses this state folder; give --state-dir another one.",
                         folder.string()};
        }
        return StateFolder(fd);
    }
    StateFolder(StateFolder&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    StateFolder& operator=(StateFolder&&) = delete;
    ~StateFolder() {
        if (fd_ >= 0) ::close(fd_);
    }

  private:
    explicit StateFolder(int fd) : fd_(fd) {}
    int fd_;
};

int fail(const Error& error) {
    spdlog::error("{} {}{}", error.message_id, error.full_text(),
                  error.subject.empty() ? "" : " subject=\"" + error.subject + "\"");
    return 1;
}

// A descriptor per connection and some for libvirt: as many as the system lets us have.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

ServerSettings server_settings(const Config& config) {
    ServerSettings settings;
    settings.limits = config.limits;
    settings.io_threads = config.server.io_threads;
    rlimit limit{};
    constexpr std::uint64_t kept_for_others = 512;
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        const auto room =
            limit.rlim_cur > 2 * kept_for_others ? limit.rlim_cur - kept_for_others : limit.rlim_cur / 2;
        if (room < settings.limits.connections) {
            spdlog::info("wsvirt.http.connections max={} because of the limit of open files", room);
            settings.limits.connections = static_cast<std::uint32_t>(room);
        }
    }
    return settings;
}

Result<void> prepare_certificates(const Config& config) {
    for (const auto& l : config.listeners) {
        if (!l.tls || l.certificate.string().rfind(config.server.state_dir.string(), 0) != 0) continue;
        const auto made = ensure_certificate(config.server.name, l.certificate, l.key);
        if (!made) return made.error();
        if (*made)
            spdlog::info("wsvirt.tls.made file=\"{}\" sha256={}", l.certificate.string(),
                         fingerprint(l.certificate));
    }
    return {};
}

Result<std::string> open_listeners(HttpServer& server, const Config& config) {
    std::string lines;
    for (const auto& l : config.listeners) {
        const auto bound = server.listen(ListenerSettings{
            l.address, l.port, l.tls, TlsFiles{l.certificate, l.key, l.minimum_tls}, l.allow_basic});
        if (!bound) return bound.error();
        for (const auto& at : *bound) {
            const std::string scheme = at.tls ? "https" : "http";
            lines += "listening " + scheme + " " + at.text + "\n";
            spdlog::info("wsvirt.http.listening {} {}", scheme, at.text);
        }
    }
    return lines;
}

void say_ready(int fd, const std::string& lines) {
    const std::string text = lines + "ready\n";
    const int to = fd < 0 ? STDOUT_FILENO : fd;
    if (::write(to, text.data(), text.size()) < 0)
        spdlog::warn("wsvirt.ready.unsaid descriptor={} error=\"{}\"", to, std::strerror(errno));
    if (fd > STDERR_FILENO) ::close(fd);
}

std::vector<Route> make_routes(const Config& config, Machinery& machinery,
                               std::shared_ptr<HttpHandler> metrics) {
    std::vector<Route> routes;
    if (const auto handler = machinery.wsman_handler())
        for (const auto* path : {"/wsman", "/wsman-anon", "/wsman-anon/identify"})
            routes.push_back({path, {"POST"}, handler});
    if (config.metrics.enabled) routes.push_back({"/metrics", {"GET"}, std::move(metrics)});
    return routes;
}

// Ends the process when its stop takes too long, whatever a host does that is waited for. What runs then, the
// next start finds as after a power cut.
class LastResort {
  public:
    void after(std::chrono::milliseconds limit) {
        thread_ = std::jthread([limit](const std::stop_token& stop) {
            std::mutex mutex;
            std::condition_variable_any ended;
            std::unique_lock lock(mutex);
            ended.wait_for(lock, stop, limit, [] { return false; });
            if (stop.stop_requested()) return;
            spdlog::warn("wsvirt.stopped with work that has not ended; the next start looks after it");
            spdlog::default_logger()->flush();
            std::_Exit(0);
        });
    }

  private:
    std::jthread thread_;
};

// After server.stop_time, for writing down how everything ended and for closing what is open.
constexpr std::chrono::seconds closing_time{5};

// A start may wait for hosts and finish what was cut off; whatever ends it, the next one goes on with that.
void end_at_once() {
    spdlog::info("wsvirt.stopped before it was ready");
    std::_Exit(0);
}

}  // namespace

int serve(const Config& config, int ready_fd) {
    share_heaps(IoThreads::number(config.server.io_threads));
    start_log(config.log.level);
    Signals signals;
    signals.while_starting(&end_at_once);
    auto threads = std::make_unique<IoThreads>(config.server.io_threads);
    ::umask(077);  // what is kept here is nobody else's business
    raise_descriptor_limit();
    const auto state = StateFolder::open(config.server.state_dir);
    if (!state) return fail(state.error());
    if (const auto done = prepare_certificates(config); !done) return fail(done.error());

    LastResort last_resort;  // ends after everything that may hold it up
    SignInSources sources(config);
    auto machinery = Machinery::start(config);
    if (!machinery) return fail(machinery.error());
    std::unique_ptr<HttpServer> server;
    const auto metrics =
        make_metrics_handler([&] { return server ? &server->counters() : nullptr; },
                             sources.sign_in().counters(), [&] { return (*machinery)->figures(); });
    server = std::make_unique<HttpServer>(server_settings(config), make_routes(config, **machinery, metrics),
                                          sources.sign_in(), std::move(threads));
    const auto lines = open_listeners(*server, config);
    if (!lines) return fail(lines.error());
    server->start();
    return_free_memory();
    spdlog::info("wsvirt.start version={} state=\"{}\"", version(), config.server.state_dir.string());
    say_ready(ready_fd, *lines);

    signals.run(
        [&] {
            sources.reload();
            const auto done = server->reload_tls();
            if (done)
                spdlog::info("wsvirt.reload certificates and users");
            else
                fail(done.error());
        },
        [&] { sources.refresh(); });

    spdlog::info("wsvirt.stop waiting for what runs");
    last_resort.after(config.server.stop_time + closing_time);
    (*machinery)->begin_stop();
    server->stop(config.server.stop_time);
    sources.sign_in().stop();
    (*machinery)->stop();
    spdlog::info("wsvirt.stopped");
    return 0;
}

}  // namespace wsvirt::wsman
