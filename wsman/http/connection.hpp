// One connection, as one coroutine: read a header, decide, read the body, have it answered, answer, again.
// Lives on its I/O thread; only reply() and signed_in() may be called from others. Internal to wsman/http:
// includes Asio.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "wsman/auth/sign_in.hpp"
#include "wsman/http/request_parser.hpp"
#include "wsman/http/shared.hpp"

namespace wsvirt::wsman {

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Clock = std::chrono::steady_clock;
    struct Peer {
        std::string address, text;  // "10.0.0.1", "10.0.0.1:1234"
        bool loopback = false;
    };

    Connection(IoThread& io, ServerShared& shared, std::shared_ptr<Listener> listener, Socket socket,
               Peer peer);
    ~Connection();
    bool admitted() const { return slot_.verdict() != Quota::Verdict::far_over; }
    HttpLimit over_limit() const { return slot_.limit(); }
    void start();

    // From the I/O thread's sweeper: ends what is past its deadline, notices clients that went away.
    void sweep(Clock::time_point now);
    void finish_soon();  // graceful stop: no further request
    void abort();        // the stop's limit has passed

    // A handler's answer, or sign-in's, from any thread. The pointer goes back to the I/O thread, so that the
    // connection ends its life there.
    static void reply(std::shared_ptr<Connection> self, HttpResponse response);
    static void signed_in(std::shared_ptr<Connection> self, SignIn::Outcome outcome);

  private:
    enum class Phase : std::uint8_t { idle, reading, handling, writing, lingering };
    enum class Input : std::uint8_t { bytes, end, broken, late };

    struct Verdict {
        std::optional<HttpResponse> refusal;
        std::chrono::milliseconds delay{0};  // before the refusal is sent
        bool must_verify = false;
    };

    Task<void> run();
    Task<bool> shake_hands();
    Task<bool> one_request();  // false: the connection ends
    Task<Input> read_header();
    Task<bool> read_body();
    Task<Input> more_input(bool wait_first);
    Task<void> verify_sign_in(Verdict& verdict);
    Task<HttpResponse> ask_handler();
    Task<bool> refuse(const HttpResponse& response);
    Task<bool> send(const HttpResponse& response, bool keep_alive);
    Task<bool> send_bytes(std::string_view first, std::string_view second);
    Task<void> linger();
    Task<void> pause(std::chrono::milliseconds how_long);

    Verdict judge();          // route, method, sign-in as far as known, kinds of content, size
    Verdict judge_content();  // what does not depend on who asks comes last
    Verdict judge_sign_in();
    void drop_credentials();
    HttpResponse challenge(unsigned status, std::string_view text) const;
    bool basic_allowed() const;
    void feed(std::string_view bytes);
    bool request_begun() const;
    void set_phase(Phase phase, std::chrono::milliseconds limit);
    void log_answer(const HttpResponse& response) const;
    void count_timeout(HttpLimit limit);
    void count_size(unsigned status);

    IoThread& io_;
    ServerShared& shared_;
    std::shared_ptr<Listener> listener_;
    Stream stream_;
    Peer peer_;
    QuotaSlot slot_;
    Timer wake_;
    std::uint64_t id_;
    std::uint64_t requests_ = 0;

    std::string input_;  // what came but is not used up; empty while idle
    std::unique_ptr<RequestParser> parser_;
    const Route* route_ = nullptr;
    std::string authorization_;  // of the request at hand, only while it is verified
    LoginDigest digest_{};

    struct Remembered {
        LoginDigest digest;
        Identity who;
        std::uint64_t generation;
        Clock::time_point until;
    };
    std::optional<Remembered> remembered_;

    std::optional<HttpResponse> answer_;
    std::optional<SignIn::Outcome> outcome_;
    bool waiting_ = false;  // on wake_, for answer_ or outcome_
    std::stop_source stop_;

    Phase phase_ = Phase::idle;
    Clock::time_point deadline_ = Clock::time_point::max();
    Clock::time_point phase_since_;
    bool late_ = false, finishing_ = false, aborted_ = false;
    bool answered_last_ = false;
};

}  // namespace wsvirt::wsman
