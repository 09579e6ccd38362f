// Machines that are being made from planned systems. One is marked until the last step is done; where that
// never comes (the host or this program is gone) it is taken back and the planned system stays. The mark says
// whose it is: another service that knows the host, too, may be at it just now.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::export_import {

inline constexpr const char* half_made_mark = "Planned.Unfinished";
bool is_half_made(const backend::MachineSpec& spec);
// What the mark says of a machine that this service makes: its identifier, which is kept in the Store.
Result<std::string> own_mark(Services& services);
// Errors: invalid_state. A half made machine lacks its snapshots, memory or variables of firmware.
Result<void> check_whole(const backend::MachineSpec& spec);

// Takes back what is marked of the machine on any host; nothing is no error. Its key is held by the caller.
enum class Whose : std::uint8_t { ours, anyones };
Result<void> forget_half_made(Services& services, const std::string& guid, Whose whose = Whose::ours);

// At the start, before requests are served: on every host that answers.
void recover_half_made(Services& services);
// From then on, when a host is back and shows one; for as long as what it gives is kept.
std::vector<std::shared_ptr<void>> watch_half_made(Services& services);

}  // namespace wsvirt::cim::export_import
