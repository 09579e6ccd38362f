// A host that accepts connections and says nothing.
#include "backend/libvirt/opener.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "backend/libvirt/sign_of_life.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

class Listener {
  public:
    Listener() {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        BOOST_REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof(a)) == 0);
        BOOST_REQUIRE(::listen(fd_, 64) == 0);
        socklen_t size = sizeof(a);
        BOOST_REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size) == 0);
        uri = "qemu+tcp://127.0.0.1:" + std::to_string(ntohs(a.sin_port)) + "/system";
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
    ~Listener() {
        thread_.request_stop();
        thread_.join();
        ::close(fd_);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    std::string uri;
    std::atomic<int> accepted{0};
    std::atomic<bool> hangs_up{false};  // also on who came before

  private:
    void run(const std::stop_token& stop) {
        std::vector<int> open;
        const auto close_all = [&] {
            for (const int fd : open) ::close(fd);
            open.clear();
        };
        while (!stop.stop_requested()) {
            if (hangs_up) close_all();
            pollfd p{fd_, POLLIN, 0};
            if (::poll(&p, 1, 20) <= 0) continue;
            open.push_back(::accept(fd_, nullptr, nullptr));
            ++accepted;
        }
        close_all();
    }
    int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::jthread thread_;
};

bool eventually(const std::function<bool()>& what) {
    const auto end = Clock::now() + 60s;
    while (Clock::now() < end) {
        if (what()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(opener)

BOOST_AUTO_TEST_CASE(a_silent_host_holds_up_neither_the_start_nor_the_end) {
    Listener host;
    const auto began = Clock::now();
    {
        libvirt::Settings s;
        s.uri = host.uri;
        s.start_disconnected = true;
        s.open_limit = 300ms;
        auto h = libvirt::open_libvirt(s);
        BOOST_REQUIRE(h);
        BOOST_TEST(!(*h)->connected());
        BOOST_TEST(eventually([&] { return host.accepted >= 2; }));  // it is tried again
        // Callers get their answer, too.
        const auto r = (*h)->has_file({}, "/x");
        BOOST_TEST(!r.ok());
        s.open_limit = 60s;
        auto other = libvirt::open_libvirt(s);
        BOOST_REQUIRE(other);
        // Nor does who looks at one of its machines after the other wait for each.
        const auto asked = Clock::now();
        const auto stats = (*other)->stats({}, "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A01");
        const auto picture = (*other)->screenshot({}, "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A01");
        BOOST_TEST(((!stats && stats.error().status == Status::unavailable)));
        BOOST_TEST(((!picture && picture.error().status == Status::unavailable)));
        BOOST_TEST((Clock::now() - asked < 2s));
    }
    BOOST_TEST((Clock::now() - began < 30s));
}

BOOST_AUTO_TEST_CASE(a_silent_destination_does_not_hold_a_migration) {
    Listener host;
    libvirt::Settings s;
    s.uri = "test:///default";
    const auto here = libvirt::open_libvirt(s);
    s.uri = host.uri;
    s.start_disconnected = true;
    s.open_limit = 300ms;
    const auto there = libvirt::open_libvirt(s);
    BOOST_REQUIRE((here && there));
    MigrationRequest wanted;
    wanted.machine = (*here)->machines().at(0)->spec.uuid;
    Call call;
    call.deadline = Clock::now() + 60s;
    const auto began = Clock::now();
    const auto moved = (*here)->migrate(call, wanted, **there);
    BOOST_REQUIRE(!moved);
    BOOST_TEST((moved.error().status == Status::unavailable));
    BOOST_TEST((Clock::now() - began < 30s));
    BOOST_TEST(((*here)->machine(wanted.machine)->state == MachineState::running));
}

BOOST_AUTO_TEST_CASE(while_an_attempt_hangs_only_a_sign_of_life_is_asked_for) {
    Listener host;
    libvirt::Settings s;
    s.uri = host.uri;
    s.open_limit = 200ms;
    s.max_workers = 2;
    libvirt::Opener o(std::make_shared<libvirt::Connector>(s));
    // One attempt is left behind, though two may be; the rest are questions, and each is heard.
    for (int tries = 1; tries <= 4; ++tries) {
        BOOST_TEST((o.open().error().status == Status::unavailable));
        BOOST_TEST(eventually([&] { return host.accepted == tries; }));
    }
    host.hangs_up = true;  // now libvirt itself says what is wrong
    BOOST_TEST(eventually([&] { return !o.open().error().detail.empty(); }));
}

BOOST_AUTO_TEST_CASE(signs_of_life) {
    const auto never = [] { return false; };
    Listener host;
    BOOST_TEST(!libvirt::gives_sign_of_life(host.uri, 200ms, never));
    BOOST_TEST(!libvirt::gives_sign_of_life(host.uri, 60s, [] { return true; }));
    host.hangs_up = true;
    BOOST_TEST(libvirt::gives_sign_of_life(host.uri, 60s, never));
    BOOST_TEST(libvirt::gives_sign_of_life("qemu+tls://u@127.0.0.1" + host.uri.substr(20), 60s, never));
    BOOST_TEST(libvirt::gives_sign_of_life("qemu+tcp://127.0.0.1:1/system", 60s, never));  // nothing listens
    BOOST_TEST(libvirt::gives_sign_of_life("qemu+ssh://127.0.0.1/system", 60s, never));    // not asked
}

BOOST_AUTO_TEST_SUITE_END()
