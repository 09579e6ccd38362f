// The machines that have an image in a drive, or in a snapshot, while the image service works on it. Thread
// safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::image_service {

enum class Use : std::uint8_t { read, change };
// Nobody starts them or gives them a snapshot as long as this is kept.
using HeldUsers = std::shared_ptr<std::vector<std::shared_ptr<JobManager::Guard>>>;

// path: canonical. Errors: busy (a machine runs with it or has saved memory, another operation works on the
// machine, or, for a change, snapshots hold what it was).
Result<HeldUsers> hold_users(Services& services, const std::string& path, Use use);

}  // namespace wsvirt::cim::image_service
