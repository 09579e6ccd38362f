// Files that a migration makes are nobody else's while it goes on: two that go to the same place would write
// over each other, and each would take the other's file away when it fails. Held for as long as the guards
// live. Thread safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::migration_service {

using Claim = std::shared_ptr<JobManager::Guard>;

// nullptr: another operation has it.
Claim claim_file(const Services& services, const std::string& host, const std::string& file);
// Each once. Errors: busy.
Result<std::vector<Claim>> claim_files(const Services& services, const std::string& host,
                                       const std::vector<std::string>& files);

}  // namespace wsvirt::cim::migration_service
