// RequestStateChange of a machine: which request fits which state, and what is done about it.
#pragma once

#include <cstdint>
#include <optional>

#include "cim/providers/methods.hpp"

namespace wsvirt::cim::vs {

// Errors of the method are in its return code: 32773 for a number that is no state, 32775 where the state
// does not fit or another change is under way, 32777 for a machine that is gone.
Result<MethodResult> request_state_change(const MethodCall& call);

// The return code where nothing is to be done, known from memory; nullopt: a change is to be begun, or the
// machine is not there.
std::optional<std::uint16_t> state_change_refused(const MethodCall& call);

// Starts one change as a job; also what other methods that change the state use. `requested` as in
// Msvm_ComputerSystem.RequestStateChange.
Result<MethodResult> change_state(const MethodCall& call, const std::string& guid, std::uint16_t requested);

}  // namespace wsvirt::cim::vs
