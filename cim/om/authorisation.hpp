// Who may do what. Reading is for every role; operators may also change the state of machines; everything
// else that changes something needs an administrator. A provider may ask for more or less (needed_role()).
#pragma once

#include <string_view>

#include "base/identity.hpp"
#include "base/result.hpp"

namespace wsvirt::cim {

Role usual_role(std::string_view method);
// Errors: access_denied, with a text that names the role that is missing.
Result<void> authorise(const Identity& who, Role needed, std::string_view what);

}  // namespace wsvirt::cim
