// Of the machines that several hosts have, where each was last: where it ran, stood still or was saved, else
// where it has changed or come last. Kept in the Store (kind "last_place", key = the machine's GUID, text =
// the host's name) from the moment it is there, so that it holds over restarts; hosts are told of it
// (backend/place_sight.hpp). What only one host has needs none of it. Thread safe.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::migration_service {

// What an earlier service has written down; first at a start.
void recall_places(Services& services);
// Writes down what changes, for as long as what it gives is kept; not longer than services lives.
std::vector<std::shared_ptr<void>> watch_places(Services& services);
// That a machine that is off on this host is off where it was last, as far as one can know: what others have
// of it may be newer. Through the services of one host the client says which it means. Errors: invalid_state.
Result<void> check_was_last_there(const Services& services, const HostEntry& place, std::string_view machine);

}  // namespace wsvirt::cim::migration_service
