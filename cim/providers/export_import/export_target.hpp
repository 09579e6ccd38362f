// Which folder an export becomes.
#pragma once

#include <filesystem>
#include <string>

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::export_import {

// `directory` as the client wrote it, or one in it that is named like the machine. It does not exist, or is
// the client's own and empty; its parent may be new. Errors: invalid_parameter, access_denied (outside the
// export folders), already_exists.
Result<std::filesystem::path> target_of(const Services& services, const std::string& directory,
                                        bool subdirectory, const backend::MachineSpec& spec);

}  // namespace wsvirt::cim::export_import
