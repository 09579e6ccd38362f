// A libvirtd that dies, hangs and comes back.
#include <signal.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "backend/libvirt/opener.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
namespace fs = std::filesystem;

namespace {

constexpr int patience = 120;  // seconds for what takes a few

Call within(int seconds) {
    Call c;
    c.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    return c;
}

bool eventually(const std::function<bool()>& what) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(patience);
    while (std::chrono::steady_clock::now() < end) {
        if (what()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
}

int daemon_pid() {
    std::ifstream in("/run/libvirt/libvirtd.pid");
    int pid = 0;
    in >> pid;
    return pid;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reconnect)

// Nobody gets one that another one has, or that has died while nobody had it.
BOOST_AUTO_TEST_CASE(connections_are_lent_again_while_they_live) {
    libvirt::Settings s;
    s.uri = getenv("WSVIRT_LAB_B");
    libvirt::Opener opener(std::make_shared<libvirt::Connector>(s));
    auto first = opener.borrow(), second = opener.borrow();
    BOOST_REQUIRE((first && second));
    auto* const one = first->get();
    BOOST_TEST(one != second->get());
    opener.give_back(std::move(*first));
    auto again = opener.borrow();
    BOOST_REQUIRE(again);
    BOOST_TEST(again->get() == one);
    opener.give_back(std::move(*again));
    // As when the host hangs up: the file handle is libvirt's, which finds the end of it.
    const auto ends = [](const fs::path& handle) {
        const int fd = std::stoi(handle.filename());
        sockaddr_storage a{};
        socklen_t size = sizeof(a);
        return getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 && a.ss_family == AF_INET &&
               shutdown(fd, SHUT_RDWR) == 0;
    };
    int cut = 0;
    for (const auto& handle : fs::directory_iterator("/proc/self/fd")) cut += ends(handle.path()) ? 1 : 0;
    BOOST_TEST(cut >= 2);
    BOOST_TEST(eventually([&] { return virConnectIsAlive(one) != 1; }));
    auto alive = opener.borrow();
    BOOST_REQUIRE(alive);
    BOOST_TEST(virConnectIsAlive(alive->get()) == 1);
}

BOOST_AUTO_TEST_CASE(libvirtd_dies_hangs_and_comes_back) {
    libvirt::Settings s;
    s.uri = getenv("WSVIRT_LAB_A");
    s.accelerator = "tcg";
    s.keepalive_interval_s = 1;
    s.keepalive_count = 2;
    s.state_dir = std::string(getenv("WSVIRT_LAB_FOLDER")) + "/reconnect";
    auto opened = libvirt::open_libvirt(s);
    BOOST_REQUIRE(opened);
    Hypervisor& h = **opened;
    MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "survivor";
    spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = 16;
    BOOST_REQUIRE(h.define(within(patience), spec));
    BOOST_REQUIRE(h.start(within(patience), spec.uuid));

    // hangs: callers get their answer in time, the inventory is still read
    kill(daemon_pid(), SIGSTOP);
    auto r = h.suspend(within(2), spec.uuid);
    BOOST_REQUIRE(!r);
    BOOST_TEST(h.machine(spec.uuid) != nullptr);
    BOOST_TEST(eventually([&] { return !h.connected(); }));
    kill(daemon_pid(), SIGCONT);
    BOOST_TEST(eventually([&] { return h.connected(); }));
    BOOST_TEST(eventually([&] {
        return h.suspend(within(5), spec.uuid).ok() || h.machine(spec.uuid)->state == MachineState::paused;
    }));

    // dies: noticed at once, the machine lives on, what changed meanwhile is seen afterwards
    kill(daemon_pid(), SIGKILL);
    BOOST_TEST(eventually([&] { return !h.connected(); }));
    r = h.resume(within(5), spec.uuid);
    BOOST_REQUIRE(!r);
    BOOST_TEST((r.error().status == Status::unavailable), r.error().full_text());
    BOOST_TEST(h.machine(spec.uuid) != nullptr);
    const int qemu = *h.machine(spec.uuid)->pid;
    BOOST_TEST(kill(qemu, 0) == 0);
    std::jthread daemon([] {
        qemu::run_program(within(patience),
                          {"libvirtd", "-d", "--listen", "-p", "/run/libvirt/libvirtd.pid"});
    });
    BOOST_TEST(eventually([&] { return h.connected(); }));
    BOOST_TEST(eventually([&] {
        return h.resume(within(5), spec.uuid).ok() || h.machine(spec.uuid)->state == MachineState::running;
    }));
    kill(qemu, SIGKILL);
    BOOST_TEST(eventually([&] { return h.machine(spec.uuid)->state == MachineState::off; }));
    BOOST_TEST(h.undefine(within(patience), spec.uuid).ok());
}

BOOST_AUTO_TEST_SUITE_END()
