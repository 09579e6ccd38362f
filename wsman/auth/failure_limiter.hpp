// How many failed sign-ins an address may have: a bucket per address that refills with time. Addresses are
// IPv4 addresses or IPv6 /64 networks, as text. Bounded memory. Thread safe.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace wsvirt::wsman {

struct FailureLimits {
    unsigned burst = 10;                         // failures in a row before the address is refused
    std::chrono::milliseconds refill{6'000};     // time that forgives one failure
    std::chrono::milliseconds first_delay{500};  // before the answer to the first failure; doubles
    std::chrono::milliseconds longest_delay{4'000};
    std::size_t most_addresses = 10'000;  // the longest quiet ones are forgotten first
};

class FailureLimiter {
  public:
    using Clock = std::chrono::steady_clock;
    explicit FailureLimiter(FailureLimits limits) : limits_(limits) {}

    // Zero: may try. Otherwise how long until it may.
    std::chrono::milliseconds blocked_for(std::string_view address, Clock::time_point now = Clock::now());
    // An attempt counts as a failure from its beginning, so that many at once gain nothing; how long to wait
    // before the refusal is sent, should it fail.
    std::chrono::milliseconds begin(std::string_view address, Clock::time_point now = Clock::now());
    // It was no failure after all.
    void refund(std::string_view address);

  private:
    struct Bucket {
        double failures = 0;
        Clock::time_point at;
    };
    void refill(Bucket& b, Clock::time_point now) const;
    void make_room(Clock::time_point now);

    FailureLimits limits_;
    std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
};

// "10.0.0.1" stays; "2001:db8:1:2:3::4" becomes its /64; "::ffff:10.0.0.1" becomes "10.0.0.1".
std::string limiter_key(std::string_view address);

}  // namespace wsvirt::wsman
