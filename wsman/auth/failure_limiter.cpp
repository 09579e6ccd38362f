#include "wsman/auth/failure_limiter.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace wsvirt::wsman {

using std::chrono::milliseconds;

void FailureLimiter::refill(Bucket& b, Clock::time_point now) const {
    if (now <= b.at || limits_.refill.count() <= 0) return;
    const double forgiven = std::chrono::duration<double, std::milli>(now - b.at).count() /
                            static_cast<double>(limits_.refill.count());
    b.failures = std::max(0.0, b.failures - forgiven);
    b.at = now;
}

void FailureLimiter::make_room(Clock::time_point now) {
    std::erase_if(buckets_, [&](const auto& entry) {
        Bucket b = entry.second;
        refill(b, now);
        return b.failures <= 0;
    });
    if (buckets_.size() < limits_.most_addresses || buckets_.empty()) return;
    const auto quietest =
        std::min_element(buckets_.begin(), buckets_.end(),
                         [](const auto& a, const auto& b) { return a.second.failures < b.second.failures; });
    buckets_.erase(quietest);
}

milliseconds FailureLimiter::blocked_for(std::string_view address, Clock::time_point now) {
    const std::lock_guard guard(mutex_);
    const auto hit = buckets_.find(std::string(address));
    if (hit == buckets_.end()) return milliseconds{0};
    refill(hit->second, now);
    const double above = hit->second.failures - (static_cast<double>(limits_.burst) - 1.0);
    if (above <= 0) return milliseconds{0};
    return milliseconds(
        static_cast<std::int64_t>(std::ceil(above * static_cast<double>(limits_.refill.count()))));
}

milliseconds FailureLimiter::begin(std::string_view address, Clock::time_point now) {
    const std::lock_guard guard(mutex_);
    const std::string key(address);
    if (buckets_.size() >= limits_.most_addresses && !buckets_.contains(key)) make_room(now);
    auto [hit, fresh] = buckets_.try_emplace(key, Bucket{0, now});
    refill(hit->second, now);
    hit->second.failures += 1;
    const double doublings = std::min(20.0, std::max(0.0, std::round(hit->second.failures) - 1));
    const double wait = static_cast<double>(limits_.first_delay.count()) * std::pow(2.0, doublings);
    return milliseconds(
        static_cast<std::int64_t>(std::min(wait, static_cast<double>(limits_.longest_delay.count()))));
}

void FailureLimiter::refund(std::string_view address) {
    const std::lock_guard guard(mutex_);
    const auto hit = buckets_.find(std::string(address));
    if (hit == buckets_.end()) return;
    hit->second.failures -= 1;
    if (hit->second.failures <= 0) buckets_.erase(hit);
}

std::string limiter_key(std::string_view address) {
    const std::string text(address.substr(0, address.find('%')));
    in6_addr a{};
    if (::inet_pton(AF_INET6, text.c_str(), &a) != 1) return text;
    std::array<char, INET6_ADDRSTRLEN> out{};
    if (IN6_IS_ADDR_V4MAPPED(&a)) {
        ::inet_ntop(AF_INET, &a.s6_addr[12], out.data(), out.size());
        return out.data();
    }
    std::fill(a.s6_addr + 8, a.s6_addr + 16, std::uint8_t{0});
    ::inet_ntop(AF_INET6, &a, out.data(), out.size());
    return std::string(out.data()) + "/64";
}

}  // namespace wsvirt::wsman
