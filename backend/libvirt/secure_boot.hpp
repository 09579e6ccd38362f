// Secure boot that is switched on or off for a machine that is there. Its keys are among the variables of the
// firmware, and libvirt makes their file from the template that belongs to the firmware only where there is
// none: so the file goes, and the next start makes the right one, whoever starts the machine. The guest's
// boot entries go with it. Blocking; call with the machine's gate held.
#pragma once

#include <optional>
#include <string>

#include "backend/libvirt/core.hpp"

namespace wsvirt::backend::libvirt {

bool needs_other_keys(const MachineSpec& before, const MachineSpec& after);
// Removes the variables of a machine that is off and says what was in them; nullopt: there were none.
// Errors: invalid_state.
Result<std::optional<std::string>> drop_variables(const Core& core, const Session& s, virDomainPtr domain,
                                                  const std::string& domain_xml);
// After a failure.
void put_back_variables(const Core& core, const Session& s, const std::string& domain_xml,
                        const std::optional<std::string>& variables);

}  // namespace wsvirt::backend::libvirt
