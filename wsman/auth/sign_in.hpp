// Who sends a request: remembered sign-ins at once, others verified on threads of their own (so that slow
// checks hold up nobody), with failures counted per address. Used by the HTTP room. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.hpp"
#include "wsman/auth/authenticator.hpp"
#include "wsman/auth/failure_limiter.hpp"
#include "wsman/auth/login_cache.hpp"

namespace wsvirt::wsman {

struct SignInSettings {
    std::string realm = "wsvirt";
    std::chrono::milliseconds remember{300'000};  // how long a verified sign-in is good without a new check
    std::chrono::milliseconds remember_connection{3'600'000};  // the same for the connection it came on
    std::size_t remembered = 1'000;                            // how many of them
    unsigned threads = 2;                                      // checks at once (yescrypt takes 16 MB each)
    std::size_t queue = 200;                                   // checks waiting
    FailureLimits failures;
};

class SignIn {
  public:
    // Asked in order; the first that accepts wins.
    SignIn(std::vector<std::shared_ptr<Authenticator>> sources, SignInSettings settings);
    ~SignIn();

    struct Outcome {
        enum class Kind : std::uint8_t {
            accepted,
            denied,   // wrong or unreadable credentials
            blocked,  // too many failures from there: wait
            busy,     // too many checks are waiting
            broken    // the source of users does not work
        } kind = Kind::denied;
        std::optional<Identity> who;
        std::chrono::milliseconds wait{0};  // denied: before it is said; blocked: until the next attempt
    };
    using Done = std::function<void(Outcome)>;

    LoginDigest digest(std::string_view authorization) const { return cache_.digest(authorization); }
    std::optional<Identity> remembered(const LoginDigest& digest) const { return cache_.find(digest); }
    // Verifies; done() is called once, on any thread, maybe before this returns. Several requests with the
    // same header at the same time cost one check.
    void verify(const LoginDigest& digest, std::string authorization, std::string address, Done done);

    // Changes when what was remembered is void; whoever keeps an Identity compares it.
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
    void forget_all();
    const SignInSettings& settings() const { return settings_; }
    void stop() { pool_.stop(); }

    struct Counters {
        std::atomic<std::uint64_t> accepted{0}, denied{0}, blocked{0}, busy{0}, broken{0};
    };
    const Counters& counters() const { return counters_; }

  private:
    struct Pending {
        std::vector<std::pair<std::string, Done>> waiting;  // address, what to call
    };
    Outcome check(const std::string& authorization, const std::string& address);
    void finish(const LoginDigest& digest, std::uint64_t generation, Outcome outcome);
    void count(const Outcome& outcome);

    const std::vector<std::shared_ptr<Authenticator>> sources_;
    const SignInSettings settings_;
    LoginCache cache_;
    FailureLimiter limiter_;
    std::atomic<std::uint64_t> generation_{1};
    Counters counters_;
    std::mutex mutex_;
    std::map<std::pair<LoginDigest, std::uint64_t>, Pending> pending_;  // of one generation of the users
    ThreadPool pool_;                                                   // last: its threads use the rest
};

}  // namespace wsvirt::wsman
