// Notes of starts that were cut off before there was a QEMU.
#include "backend/libvirt/after_crash.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using wsvirt::backend::libvirt::forget_cut_off_starts;
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

}  // namespace

BOOST_AUTO_TEST_SUITE(after_crash)

BOOST_AUTO_TEST_CASE(only_what_never_ran_is_forgotten) {
    const Folder f;
    f.status("cut-off", "0", "paused", "starting up");
    f.status("starting", "4711", "paused", "starting up");
    f.status("running", "4712", "running", "booted");
    f.status("odd", "0", "paused", "user");
    f.write("broken.xml", "<domstatus state='paused' reason='starting up' pid='0'");
    f.write("other.xml", "<domain type='qemu'/>");
    forget_cut_off_starts(f.path.string());
    BOOST_TEST(!f.has("cut-off"));
    for (const char* kept : {"starting", "running", "odd", "broken", "other"}) BOOST_TEST(f.has(kept), kept);
    forget_cut_off_starts((f.path / "missing").string());
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
        forget_cut_off_starts(f.path.string());
        BOOST_TEST(f.has("cut-off"));
    }
    forget_cut_off_starts(f.path.string());
    BOOST_TEST(!f.has("cut-off"));
}

BOOST_AUTO_TEST_CASE(what_has_a_process_is_left_alone) {
    const Folder f;
    f.status("alive", "0", "paused", "starting up");
    {
        const Child qemu([](int) { execl("/bin/sleep", "guest=alive", "1000", nullptr); });
        f.write("alive.pid", std::to_string(qemu.pid()) + "\n");
        forget_cut_off_starts(f.path.string());
        BOOST_TEST(f.has("alive"));
    }
    forget_cut_off_starts(f.path.string());
    BOOST_TEST(!f.has("alive"));
}

BOOST_AUTO_TEST_SUITE_END()
