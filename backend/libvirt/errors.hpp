// libvirt's last error as an Error. It is kept per thread and overwritten by the next call into libvirt, so
// it has to be taken at once, in the thread that made the call.
#pragma once

#include <string>

#include "base/error.hpp"

namespace wsvirt::backend::libvirt {

// code: virErrorNumber, message: libvirt's text. doing: what was tried, in a person's words ("start the
// machine").
Error error_from(int code, const std::string& message, const std::string& doing);
Error last_error(const std::string& doing);
// libvirt's number of the last error of this thread; 0 when there is none.
int last_error_code();
// Whether this error means that the connection is gone and has to be opened again.
bool connection_lost(int code, const std::string& message);

// Errors that many calls share.
Error no_machine(std::string_view uuid);
Error deadline_passed(const std::string& doing);
Error cancelled(const std::string& doing);
Error host_lost();
// The guest cannot be frozen; why: libvirt's words.
Error no_agent(const std::string& uuid, const Error& why);

}  // namespace wsvirt::backend::libvirt
