// Machines that a host may make after the call has failed. A host that stands still for longer than a call
// waits, and whose connection breaks then, has been asked and may do it yet. The attempt is noted in the
// Store (kind "made_late", key = GUID); when the machine shows on a host it is removed, but only if it is
// that attempt's: made within its time and as it was asked for since. Its disks stay. Thread safe; stateless.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

struct Attempt {
    std::string guid;
    std::int64_t begun_us = 0;  // unix time, before the host was asked
    std::size_t snapshots = 0;  // that the machine was to have from the beginning
    bool saved = false;         // and whether it was to have saved memory
};
std::int64_t now_us();

// What came of an attempt: notes it where the host may do it yet, and forgets about it when it was done. The
// machine's key is held by the caller.
void attempted(Services& services, const Attempt& attempt, const Result<void>& result);

// At the start, before requests are served: on every host that answers.
void recover_made_late(Services& services);
// From then on; for as long as what it gives is kept.
std::vector<std::shared_ptr<void>> watch_made_late(Services& services);

}  // namespace wsvirt::cim::vs
