// A link that is cut between libvirt and its answer to the last step of a move.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "base/text.hpp"
#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;

namespace {

constexpr std::uint32_t undefine_flags = 231;  // REMOTE_PROC_DOMAIN_UNDEFINE_FLAGS

std::unique_ptr<Hypervisor> open_impatient(const std::string& uri, const std::string& name) {
    libvirt::Settings s;
    s.cancel_grace = s.migration_grace = std::chrono::seconds(1);
    return open_with(s, uri, name);
}

sockaddr_in at_port(std::uint16_t port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

bool read_all(int fd, char* to, std::size_t n) {
    while (n > 0) {
        const auto got = read(fd, to, n);
        if (got <= 0) return false;
        to += got;
        n -= static_cast<std::size_t>(got);
    }
    return true;
}

// What becomes of what is undefined over a link, and of its answer.
enum class Lost : std::uint8_t { call, answer, what_comes_then };

// The way to the libvirtd of this host, until something is undefined over it.
class Link {
  public:
    explicit Link(Lost lost) : lost_(lost), listening_(socket(AF_INET, SOCK_STREAM, 0)) {
        auto address = at_port(0);
        socklen_t size = sizeof address;
        auto* const a = reinterpret_cast<sockaddr*>(&address);  // NOLINT
        BOOST_REQUIRE(bind(listening_, a, size) == 0);
        BOOST_REQUIRE(listen(listening_, 16) == 0);
        BOOST_REQUIRE(getsockname(listening_, a, &size) == 0);
        port_ = ntohs(address.sin_port);
        threads_.emplace_back([this] { accept_all(); });
    }
    ~Link() {
        cut();
        for (std::size_t n = 0; n < threads_.size(); ++n) threads_[n].join();
        for (const int fd : all_) close(fd);
        close(listening_);
    }
    std::string uri() const { return "qemu+tcp://127.0.0.1:" + std::to_string(port_) + "/system"; }
    bool is_cut() const { return cut_; }
    bool is_silent() const { return silent_; }
    void cut() {
        const std::scoped_lock lock(mutex_);
        cut_ = true;
        shutdown(listening_, SHUT_RDWR);
        for (const int fd : all_) shutdown(fd, SHUT_RDWR);
    }

  private:
    void accept_all() {
        for (;;) {
            const int client = accept(listening_, nullptr, nullptr);
            if (client < 0) return;
            const int server = socket(AF_INET, SOCK_STREAM, 0);
            const auto address = at_port(16509);
            const auto* const a = reinterpret_cast<const sockaddr*>(&address);  // NOLINT
            (void)connect(server, a, sizeof address);
            const std::scoped_lock lock(mutex_);
            all_.insert(all_.end(), {client, server});
            if (cut_) return cut_late(client, server);
            threads_.emplace_back([this, client, server] { ask(client, server); });
            threads_.emplace_back([this, client, server] { answer(server, client); });
        }
    }
    static void cut_late(int client, int server) {
        shutdown(client, SHUT_RDWR);
        shutdown(server, SHUT_RDWR);
    }
    // Each message begins with its length, the program, its version, the procedure and the kind (0: a call).
    void ask(int client, int server) {
        std::vector<char> message;
        for (std::uint32_t head[5];;) {
            if (!read_all(client, reinterpret_cast<char*>(head), sizeof head)) break;  // NOLINT
            message.resize(ntohl(head[0]));
            std::memcpy(message.data(), head, sizeof head);
            if (!read_all(client, message.data() + sizeof head, message.size() - sizeof head)) break;
            const bool last = ntohl(head[3]) == undefine_flags && head[4] == 0;
            if (last && lost_ != Lost::what_comes_then) silent_ = true;
            if ((!last || lost_ != Lost::call) && write(server, message.data(), message.size()) < 0) break;
            if (!last) continue;
            std::this_thread::sleep_for(std::chrono::seconds(2));  // it is done by then
            silent_ = true;
            if (lost_ != Lost::what_comes_then) cut();
        }
        cut_late(client, server);
    }
    void answer(int server, int client) {
        char some[4096];
        for (;;) {
            const auto n = read(server, some, sizeof some);
            if (n <= 0 || (!silent_ && write(client, some, static_cast<std::size_t>(n)) < 0)) break;
        }
        cut_late(client, server);
    }

    const Lost lost_;
    const int listening_;
    std::uint16_t port_ = 0;
    std::atomic<bool> silent_ = false, cut_ = false;
    std::mutex mutex_;
    std::vector<int> all_;
    std::deque<std::thread> threads_;  // stay where they are while more come
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_answer)

// Whether the source has forgotten it nobody knows then: it is never taken away from both hosts.
BOOST_DATA_TEST_CASE(a_machine_whose_source_falls_silent_stays_over_there,
                     boost::unit_test::data::make({true, false}), arrives) {
    const auto name = std::string("lost_answer") + (arrives ? "" : "_not");
    const auto a = open_impatient(getenv("WSVIRT_LAB_A"), name),
               b = open_impatient(getenv("WSVIRT_LAB_B"), name + "_b");
    MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "traveller";
    spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = 16;
    BOOST_REQUIRE(a->define(patiently(), spec));
    {
        Link link(arrives ? Lost::answer : Lost::call);
        const auto over_it = open_impatient(link.uri(), name + "_link");
        MigrationRequest request;
        request.machine = spec.uuid;
        request.destination = "hvB";
        bool told = false;
        request.arrived = [&]() -> Result<void> {
            told = true;
            return {};
        };
        const auto moved = over_it->migrate(patiently(), request, *b);
        BOOST_TEST(told);
        BOOST_TEST(link.is_cut());
        BOOST_REQUIRE(!moved);
        BOOST_TEST((moved.error().status == Status::unavailable), moved.error().full_text());
        BOOST_TEST(moved.error().message_id == half_there);
    }
    for (auto* host : {a.get(), b.get()}) (void)host->abandon(patiently(), spec.uuid);  // looks at it
    BOOST_TEST((a->machine(spec.uuid) == nullptr) == arrives);
    BOOST_TEST(b->machine(spec.uuid) != nullptr);
    for (auto* host : {a.get(), b.get()}) BOOST_TEST(host->forget_rest(patiently(), spec.uuid).ok());
}

// The end of the move is known; only what the source shows then is not.
BOOST_AUTO_TEST_CASE(a_move_that_is_cancelled_when_it_is_done_has_moved) {
    const auto a = open_impatient(getenv("WSVIRT_LAB_A"), "too_late"),
               b = open_impatient(getenv("WSVIRT_LAB_B"), "too_late_b");
    MachineSpec spec;
    spec.uuid = make_guid();
    spec.name = "traveller";
    spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = 16;
    BOOST_REQUIRE(a->define(patiently(), spec));
    {
        Link link(Lost::what_comes_then);
        const auto over_it = open_impatient(link.uri(), "too_late_link");
        MigrationRequest request;
        request.machine = spec.uuid;
        request.destination = "hvB";
        std::stop_source stop;
        auto call = patiently();
        call.stop = stop.get_token();
        const std::jthread canceller([&](const std::stop_token& enough) {
            while (!link.is_silent() && !enough.stop_requested())
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
            stop.request_stop();
        });
        const auto moved = over_it->migrate(call, request, *b);
        BOOST_TEST(link.is_silent());
        BOOST_TEST(moved.ok(), (moved ? "" : moved.error().full_text()));
        link.cut();
    }
    (void)a->abandon(patiently(), spec.uuid);  // looks at it
    BOOST_TEST(a->machine(spec.uuid) == nullptr);
    BOOST_TEST(b->machine(spec.uuid) != nullptr);
    BOOST_TEST(b->undefine(patiently(), spec.uuid).ok());
}

BOOST_AUTO_TEST_SUITE_END()
