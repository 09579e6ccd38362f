// Notes of starts that were cut off before there was a QEMU, and answers of QEMU that nobody waits for any
// more.
#include "backend/libvirt/after_crash.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

using wsvirt::backend::libvirt::clear_up_after_crash;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        char name[] = "/tmp/wsvirt-crash-XXXXXX";
        path = mkdtemp(name);
    }
    ~Folder() { fs::remove_all(path); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
    void status(const std::string& name, const char* pid, const char* state, const char* reason) const {
        write(name + ".xml", std::string("<!-- written by libvirt -->\n<domstatus state='") + state +
                                 "' reason='" + reason + "' pid='" + pid +
                                 "'>\n  <domain type='qemu' id='3'/>\n</domstatus>\n");
    }
    // A QEMU whose monitor is that socket.
    void monitored(const std::string& name, const fs::path& socket) const {
        write(name + ".xml", "<domstatus state='running' reason='booted' pid='4711'>\n  <monitor path='" +
                                 socket.string() + "' type='unix'/>\n</domstatus>\n");
    }
    bool has(const char* name) const { return fs::exists(path / (std::string(name) + ".xml")); }
    fs::path path;
};

// Another process, which ends with the value.
class Child {
  public:
    template <class F>
    explicit Child(F body) {
        int ready[2];
        BOOST_REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
        pid_ = fork();
        if (pid_ == 0) {
            body(ready[1]);
            _exit(1);
        }
        close(ready[1]);
        char byte;
        (void)!read(ready[0], &byte, 1);  // a byte, or the end when it runs another program
        close(ready[0]);
    }
    ~Child() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }

  private:
    pid_t pid_;
};

// What QEMU's monitor is to a client that connects: it may have something to say that the client did not ask
// for.
class Monitor {
  public:
    explicit Monitor(const fs::path& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        BOOST_REQUIRE(listen(fd_, 1) == 0);
    }
    ~Monitor() { close(fd_); }
    // What it is asked; then says each line, and whether the client heard the last one before it left.
    bool says(const std::vector<std::string>& lines) const {
        const int client = accept(fd_, nullptr, nullptr);
        char bytes[1000];
        const bool asked = read(client, bytes, sizeof bytes) > 0;
        for (const auto& line : lines) {
            std::this_thread::sleep_for(20ms);
            if (send(client, line.data(), line.size(), MSG_NOSIGNAL) < 0) return false;
        }
        const bool left = read(client, bytes, sizeof bytes) == 0;
        close(client);
        return asked && left;
    }

  private:
    int fd_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(after_crash)

BOOST_AUTO_TEST_CASE(answers_to_the_program_before_are_heard_out) {
    const Folder f;
    const Monitor one(f.path / "one"), two(f.path / "two");
    f.monitored("first", f.path / "one");
    f.monitored("second", f.path / "two");
    bool first = false, second = false;
    std::thread a([&] {
        first = one.says({"{\"QMP\": {}}\r\n", "{\"return\": \"\", \"id\": \"libvirt-42\"}\r\n",
                          "{\"return\": {}, \"id\": \"wsvirt-", "hears-out\"}\r\n"});
    });
    std::thread b([&] { second = two.says({"{\"return\": {}, \"id\": \"wsvirt-hears-out\"}\r\n"}); });
    clear_up_after_crash(f.path.string(), 30s);
    a.join();
    b.join();
    BOOST_TEST(first);
    BOOST_TEST(second);
}

BOOST_AUTO_TEST_CASE(a_monitor_that_is_gone_or_silent_holds_up_nobody_for_ever) {
    const Folder f;
    const Monitor silent(f.path / "silent");
    f.monitored("gone", f.path / "gone");
    f.monitored("silent", f.path / "silent");
    f.monitored("long", f.path / std::string(200, 'x'));
    clear_up_after_crash(f.path.string(), 50ms);
    BOOST_TEST(f.has("silent"));
}

BOOST_AUTO_TEST_CASE(only_what_never_ran_is_forgotten) {
    const Folder f;
    f.status("cut-off", "0", "paused", "starting up");
    f.status("starting", "4711", "paused", "starting up");
    f.status("running", "4712", "running", "booted");
    f.status("odd", "0", "paused", "user");
    f.write("broken.xml", "<domstatus state='paused' reason='starting up' pid='0'");
    f.write("other.xml", "<domain type='qemu'/>");
    clear_up_after_crash(f.path.string(), 30s);
    BOOST_TEST(!f.has("cut-off"));
    for (const char* kept : {"starting", "running", "odd", "broken", "other"}) BOOST_TEST(f.has(kept), kept);
    clear_up_after_crash((f.path / "missing").string(), 30s);
}

BOOST_AUTO_TEST_CASE(what_another_program_uses_is_left_alone) {
    const Folder f;
    f.write("driver.pid", "1");
    f.status("cut-off", "0", "paused", "starting up");
    {
        const Child other([&](int ready) {
            const int fd = open((f.path / "driver.pid").c_str(), O_RDWR);
            struct flock lock {};
            lock.l_type = F_WRLCK;
            lock.l_whence = SEEK_SET;
            if (fcntl(fd, F_SETLK, &lock) != 0 || write(ready, "x", 1) != 1) return;
            pause();
        });
        clear_up_after_crash(f.path.string(), 30s);
        BOOST_TEST(f.has("cut-off"));
    }
    clear_up_after_crash(f.path.string(), 30s);
    BOOST_TEST(!f.has("cut-off"));
}

BOOST_AUTO_TEST_CASE(what_has_a_process_is_left_alone) {
    const Folder f;
    f.status("alive", "0", "paused", "starting up");
    {
        const Child qemu([](int) { execl("/bin/sleep", "guest=alive", "1000", nullptr); });
        f.write("alive.pid", std::to_string(qemu.pid()) + "\n");
        // The system closes the pipe a moment before it says what the process is called now.
        for (std::string name; !name.starts_with("guest=alive");)
            std::getline(std::ifstream("/proc/" + std::to_string(qemu.pid()) + "/cmdline"), name);
        clear_up_after_crash(f.path.string(), 30s);
        BOOST_TEST(f.has("alive"));
    }
    clear_up_after_crash(f.path.string(), 30s);
    BOOST_TEST(!f.has("alive"));
}

BOOST_AUTO_TEST_SUITE_END()
