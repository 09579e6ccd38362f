// Remembers verified sign-ins for a short time, so that a request does not pay for yescrypt or PAM again.
// Holds no password: a sign-in is known by the HMAC-SHA-256 of its Authorization header under a random key of
// this process. Bounded; entries expire. Thread safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/identity.hpp"

namespace wsvirt::wsman {

using LoginDigest = std::array<std::uint8_t, 32>;
bool same_digest(const LoginDigest& a, const LoginDigest& b);  // in constant time

class LoginCache {
  public:
    using Clock = std::chrono::steady_clock;
    LoginCache(std::chrono::milliseconds keep, std::size_t most);
    ~LoginCache();

    LoginDigest digest(std::string_view authorization) const;
    std::optional<Identity> find(const LoginDigest& digest, Clock::time_point now = Clock::now()) const;
    void remember(const LoginDigest& digest, const Identity& who, Clock::time_point now = Clock::now());
    void forget_all();
    std::size_t size() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wsvirt::wsman
