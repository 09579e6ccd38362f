#include "backend/qemu/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.hpp"

extern char** environ;

namespace wsvirt::backend::qemu {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t most_output = 1 << 20;
// What is told of progress in less is read together: whoever is woken for each word takes the processor from
// the program.
constexpr auto output_pause = std::chrono::milliseconds(100);
constexpr auto kind_end = std::chrono::milliseconds(500);  // between SIGTERM and SIGKILL

class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() { reset(); }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    int get() const { return fd_; }
    void set(int fd) {
        reset();
        fd_ = fd;
    }
    void reset() {
        if (fd_ >= 0) close(fd_);
        fd_ = -1;
    }

  private:
    int fd_ = -1;
};

bool make_pipe(Fd& read_end, Fd& write_end) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return false;
    read_end.set(fds[0]);
    write_end.set(fds[1]);
    return true;
}

int start(const std::vector<std::string>& arguments, int out, int err, pid_t& pid) {
    std::vector<char*> argv;
    for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    // Not every library marks what it opens: the program must not hold our sockets.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int s : {SIGPIPE, SIGTERM, SIGINT, SIGHUP}) sigaddset(&defaults, s);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);  // a Ctrl-C for us is not one for it
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    const int r = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void end_it(pid_t pid) {
    kill(pid, SIGTERM);
    const auto until = Clock::now() + kind_end;
    int status = 0;
    while (Clock::now() < until) {
        if (waitpid(pid, &status, WNOHANG) == pid) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    kill(pid, SIGKILL);
    wait_for(pid);
}

// False at its end.
bool take_output(int fd, std::string& into, const std::function<void(std::string_view)>& on_output) {
    char part[16384];
    const auto n = read(fd, part, sizeof part);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) return false;
    const std::string_view text(part, static_cast<std::size_t>(n));
    if (on_output)
        on_output(text);
    else
        into.append(text.substr(0, most_output - std::min(most_output, into.size())));
    return true;
}

int poll_timeout(Clock::time_point deadline) {
    const auto left = deadline - Clock::now();
    if (left > std::chrono::hours(1)) return 3'600'000;
    return std::max(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

}  // namespace

Result<Finished> run_program(const Call& call, const std::vector<std::string>& arguments,
                             const std::function<void(std::string_view)>& on_output) {
    Fd out_read, out_write, err_read, err_write;
    const Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!make_pipe(out_read, out_write) || !make_pipe(err_read, err_write) || wake.get() < 0)
        return Error{Status::failed,
                     "wsvirt.program.start",
                     "The host has no free file handles.",
                     {},
                     std::strerror(errno)};
    pid_t pid = 0;
    if (const int r = start(arguments, out_write.get(), err_write.get(), pid); r != 0)
        return Error{r == ENOENT ? Status::not_found : Status::failed, "wsvirt.program.start",
                     "The program " + arguments[0] + " cannot be started; install it or correct its path.",
                     arguments[0], std::strerror(r)};
    out_write.reset();
    err_write.reset();
    const std::stop_callback on_stop(call.stop, [&wake] { eventfd_write(wake.get(), 1); });
    Finished f;
    bool out_open = true, err_open = true;
    auto next_output = Clock::now();
    while (out_open || err_open) {
        // At the end of the program both are closed.
        const bool reads = out_open && (!err_open || Clock::now() >= next_output);
        pollfd fds[] = {{reads ? out_read.get() : -1, POLLIN, 0},
                        {err_open ? err_read.get() : -1, POLLIN, 0},
                        {wake.get(), POLLIN, 0}};
        poll(fds, 3, poll_timeout(out_open && !reads ? std::min(call.deadline, next_output) : call.deadline));
        if (call.stop.stop_requested() || Clock::now() >= call.deadline) {
            end_it(pid);
            if (call.stop.stop_requested())
                return Error{Status::cancelled, "wsvirt.call.cancelled", "The operation was cancelled."};
            return Error{Status::timed_out, "wsvirt.call.deadline", "The operation did not end in time."};
        }
        if (fds[0].revents != 0) {
            out_open = take_output(out_read.get(), f.out, on_output);
            if (on_output) next_output = Clock::now() + output_pause;
        }
        if (fds[1].revents != 0) err_open = take_output(err_read.get(), f.err, {});
    }
    f.exit_code = wait_for(pid);
    return f;
}

namespace {

constexpr auto orphan_patience = std::chrono::seconds(5);

std::vector<std::string> arguments_of(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
    const std::string line((std::istreambuf_iterator<char>(in)), {});
    return split(line, '\0');
}

// By process, its arguments.
std::vector<std::pair<pid_t, std::vector<std::string>>> running(const std::string& program) {
    namespace fs = std::filesystem;
    std::vector<std::pair<pid_t, std::vector<std::string>>> found;
    std::error_code ec;
    for (const auto& e : fs::directory_iterator("/proc", ec)) {
        const pid_t pid = static_cast<pid_t>(std::strtol(e.path().filename().c_str(), nullptr, 10));
        if (pid <= 0 || pid == getpid()) continue;
        auto all = arguments_of(pid);
        if (all.empty() || fs::path(all[0]).filename() != fs::path(program).filename()) continue;
        all.erase(all.begin());
        found.emplace_back(pid, std::move(all));
    }
    return found;
}

std::vector<pid_t> orphans(const std::string& program, const std::string& argument) {
    std::vector<pid_t> found;
    for (const auto& [pid, all] : running(program))
        if (std::find(all.begin(), all.end(), argument) != all.end()) found.push_back(pid);
    return found;
}

}  // namespace

std::vector<std::string> running_arguments(const std::string& program, std::string_view beginning) {
    std::vector<std::string> found;
    for (const auto& [pid, all] : running(program))
        for (const auto& argument : all)
            if (argument.starts_with(beginning)) found.push_back(argument);
    return found;
}

void end_orphans(const std::string& program, const std::string& argument, bool gently) {
    const auto asked = Clock::now() + (gently ? orphan_patience : Clock::duration::zero());
    for (;;) {
        const auto found = orphans(program, argument);
        const auto now = Clock::now();
        if (found.empty() || now > asked + orphan_patience) return;
        for (const pid_t pid : found) kill(pid, now < asked ? SIGTERM : SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

}  // namespace wsvirt::backend::qemu
