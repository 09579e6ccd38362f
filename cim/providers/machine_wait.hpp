// The busy key of a machine as soon as others are done with it, for jobs that no caller waits for.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "cim/om/jobs.hpp"

namespace wsvirt::cim {

// How long such jobs wait for others, and look again.
constexpr auto machine_patience = std::chrono::seconds(600);
constexpr auto machine_poll = std::chrono::milliseconds(200);

// Blocks; nullptr when the job is told to stop, or after machine_patience.
inline std::shared_ptr<JobManager::Guard> wait_for_machine(JobManager& jobs, const JobContext& job,
                                                           const std::string& guid) {
    const auto end = std::chrono::steady_clock::now() + machine_patience;
    while (!job.stop().stop_requested() && std::chrono::steady_clock::now() < end) {
        if (auto held = jobs.lock(guid)) return std::move(*held);
        std::this_thread::sleep_for(machine_poll);
    }
    return nullptr;
}

}  // namespace wsvirt::cim
