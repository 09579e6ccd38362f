// Secure boot that is switched on or off for a machine that is there, by a change of its settings or by going
// back to a snapshot that has no copy of the variables. Its keys are among the variables of the firmware, and
// libvirt makes their file from the template that belongs to the firmware only where there is none: so the
// file goes, and the next start makes the right one, whoever starts the machine. The guest's boot entries go
// with it, unless QEMU writes them from the memory that the machine starts with. The definition comes first
// and notes that the file has to go: a kill before leaves all as it was, after that the next start by this
// service finishes it. Blocking; call with the machine's gate held.
#pragma once

#include <optional>
#include <string>

#include "backend/libvirt/core.hpp"

namespace wsvirt::backend::libvirt {

bool needs_other_keys(const MachineSpec& before, const MachineSpec& after);
// Whether a machine that shall get other keys may: it is off and has no saved memory. Errors: invalid_state.
Result<void> check_variables_unused(const Core& core, virDomainPtr domain);
// The note in a definition, which write_domain() keeps.
std::string awaiting_variables(const std::string& domain_xml);
std::string awaiting_no_variables(const std::string& domain_xml);
bool awaits_variables(const std::string& domain_xml);
// Removes the variables, then the note, and says what was in them; nullopt: there were none.
Result<std::optional<std::string>> renew_variables(const Core& core, const Session& s,
                                                   const std::string& domain_xml);
// What a snapshot without variables of its own puts in place of `before`, whose variables stay: with the note
// where they do not fit, without it where they do.
std::string fitting_variables_of(const std::string& before, const std::string& domain_xml);
// Does at once what the note of a machine asks for, so that no start after the next one makes them anew:
// where it is off or saved they go. One that runs has been given its memory, and QEMU has written what they
// were into the file; one that is paused keeps the note until then.
void settle_variables(const Core& core, const Session& s, virDomainPtr domain);
// After a failure.
void put_back_variables(const Core& core, const Session& s, const std::string& domain_xml,
                        const std::optional<std::string>& variables);

}  // namespace wsvirt::backend::libvirt
