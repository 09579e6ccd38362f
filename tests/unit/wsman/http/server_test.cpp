#include "wsman/http/server.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <future>
#include <stdexcept>
#include <thread>

#include "base/thread_pool.hpp"
#include "wsman/auth/sign_in.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;
using namespace std::chrono_literals;

namespace {

class EverybodyIsViewer : public Authenticator {
  public:
    Result<Identity> check(std::string_view user, std::string_view) override {
        return make_identity(std::string(user), Role::viewer);
    }
};

// Does what the body says.
class Handler : public HttpHandler {
  public:
    void handle(std::shared_ptr<const HttpRequest> request, Done done) override {
        const auto& body = request->body;
        if (body == "throw") throw std::runtime_error("on purpose");
        if (body == "lose") return;
        if (body == "refuse") return done(HttpResponse{401, {}, {}, {}, false});
        if (body == "twice") {
            done(answer("one"));
            return done(answer("two"));
        }
        if (body == "wait") {
            pool.post([this, request, done = std::move(done)] {
                waiting.set_value();
                while (!request->stop.stop_requested()) std::this_thread::sleep_for(1ms);
                stopped.set_value();
                done(answer("stopped"));
            });
            return;
        }
        if (body == "slow") {
            pool.post([this, done = std::move(done)] {
                waiting.set_value();
                std::this_thread::sleep_for(300ms);
                done(answer("slow"));
            });
            return;
        }
        const auto text =
            request->identity->name() + " " + std::string(request->header("Authorization")) + "|" + body;
        if (!pool.post([text, done] { done(answer(text)); })) done(HttpResponse{503, {}, {}, {}, false});
    }
    bool allows_anonymous(const HttpRequest&) const override { return false; }

    static HttpResponse answer(const std::string& text) {
        return HttpResponse{200, "text/plain", text, {}, false};
    }

    std::promise<void> waiting, stopped;
    ThreadPool pool{4, 1000};
};

class Client {
  public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval limit{20, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
            throw std::runtime_error("cannot connect");
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void send(const std::string& body) const {
        const std::string text =
            "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body;
        if (::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) < 0) throw std::runtime_error("cannot send");
    }
    // Head and body of the next answer; "" at the end.
    std::string receive() {
        for (;;) {
            const auto end = rest_.find("\r\n\r\n");
            const auto at = rest_.find("Content-Length: ");
            if (end != std::string::npos && at != std::string::npos) {
                const auto whole = end + 4 + std::stoul(rest_.substr(at + 16));
                if (rest_.size() >= whole) {
                    const auto answer = rest_.substr(0, whole);
                    rest_.erase(0, whole);
                    return answer;
                }
            }
            char buffer[4096];
            const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
            if (n <= 0) return {};
            rest_.append(buffer, static_cast<std::size_t>(n));
        }
    }
    std::string ask(const std::string& body) {
        send(body);
        return receive();
    }

  private:
    int fd_;
    std::string rest_;
};

bool ends_with(const std::string& text, std::string_view end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

struct Fixture {
    SignIn sign_in{{std::make_shared<EverybodyIsViewer>()}, SignInSettings{}};
    std::shared_ptr<Handler> handler = std::make_shared<Handler>();
    HttpServer server{ServerSettings{HttpLimits{}, 2}, {Route{"/x", {"POST"}, handler}}, sign_in};
    std::uint16_t port = 0;
    Fixture() {
        port = server.listen(ListenerSettings{"127.0.0.1", 0, false, {}, false})->front().port;
        server.start();
    }
    ~Fixture() {
        server.stop(5s);
        handler->pool.stop();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_server, Fixture)

BOOST_AUTO_TEST_CASE(answers_come_from_any_thread_without_the_password_going_there) {
    Client client(port);
    for (int i = 0; i < 50; ++i)
        BOOST_TEST(
            ends_with(client.ask("hello " + std::to_string(i)), "\r\n\r\na |hello " + std::to_string(i)));
}

BOOST_AUTO_TEST_CASE(many_clients_at_once) {
    std::vector<std::thread> threads;
    std::atomic<int> right{0};
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([this, &right, t] {
            for (int round = 0; round < 5; ++round) {
                Client client(port);
                for (int i = 0; i < 20; ++i) {
                    const auto body = std::to_string(t * 1000 + i);
                    right += ends_with(client.ask(body), "|" + body) ? 1 : 0;
                }
            }
        });
    for (auto& t : threads) t.join();
    BOOST_TEST(right.load() == 8 * 5 * 20);
}

BOOST_AUTO_TEST_CASE(a_handler_that_fails_still_answers) {
    Client client(port);
    BOOST_TEST(client.ask("throw").rfind("HTTP/1.1 500", 0) == 0u);
    BOOST_TEST(client.ask("lose").rfind("HTTP/1.1 500", 0) == 0u);
    BOOST_TEST(ends_with(client.ask("twice"), "one"));
    BOOST_TEST(ends_with(client.ask("after"), "|after"));
}

BOOST_AUTO_TEST_CASE(a_handlers_401_carries_the_challenge) {
    Client client(port);
    const auto text = client.ask("refuse");
    BOOST_TEST(text.rfind("HTTP/1.1 401", 0) == 0u);
    BOOST_TEST(text.find("WWW-Authenticate: Basic realm=") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_is_told_to_the_handler) {
    {
        const Client client(port);
        client.send("wait");
        handler->waiting.get_future().wait();
    }
    BOOST_TEST((handler->stopped.get_future().wait_for(20s) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(a_stop_lets_what_runs_finish) {
    Client client(port);
    client.send("slow");
    handler->waiting.get_future().wait();
    server.stop(10s);
    const auto text = client.receive();
    BOOST_TEST(ends_with(text, "slow"));
    BOOST_TEST(text.find("Connection: close") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stop_ends_what_does_not_finish) {
    const Client client(port);
    client.send("wait");
    handler->waiting.get_future().wait();
    const auto begun = std::chrono::steady_clock::now();
    server.stop(100ms);
    BOOST_TEST((std::chrono::steady_clock::now() - begun < 10s));
    BOOST_TEST((handler->stopped.get_future().wait_for(20s) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_an_error_that_names_it) {
    const auto again = server.listen(ListenerSettings{"127.0.0.1", port, false, {}, false});
    BOOST_REQUIRE(!again);
    BOOST_TEST(again.error().subject == "127.0.0.1:" + std::to_string(port));
    BOOST_TEST(!server.listen(ListenerSettings{"nowhere", 0, false, {}, false}));
    BOOST_TEST(
        !server.listen(ListenerSettings{"127.0.0.1", 0, true, {"/none.crt", "/none.key", "1.2"}, false}));
}

BOOST_AUTO_TEST_SUITE_END()
