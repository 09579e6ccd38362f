// Waiting for hosts that do things a moment later.
#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

#include "backend/hypervisor.hpp"

namespace wsvirt::cim::migration_service {

inline constexpr std::chrono::milliseconds contact_patience{20'000};  // for hosts to be connected to

// False also when it is told to stop before.
template <class Condition>
bool wait_until(std::chrono::milliseconds patience, Condition reached, const std::stop_token& stop = {}) {
    constexpr auto poll = std::chrono::milliseconds(200);
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!reached()) {
        if (stop.stop_requested() || std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(poll);
    }
    return true;
}

inline backend::Call briefly(std::stop_token stop = {}) {
    backend::Call c;
    c.stop = std::move(stop);
    c.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    return c;
}

}  // namespace wsvirt::cim::migration_service
