// Where a machine's serial ports lead on the host, and the folders that it needs before it is defined.
#pragma once

#include <filesystem>
#include <string>

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

// Makes the folder for the sockets of its serial ports, if it has such. Errors: failed.
Result<void> make_folders(const Services& services, const backend::MachineSpec& spec);

// The socket behind the pipe of that name. Errors: invalid_parameter; subject = `property`.
Result<std::string> pipe_socket(const Services& services, const std::string& name,
                                const std::string& property);
// A file or a socket of a serial port lies below the storage folders or among the pipes; QEMU writes it. The
// real path. Errors: invalid_parameter, access_denied; subject = `property`.
Result<std::string> check_serial(const Services& services, const std::string& path,
                                 const std::string& property);

}  // namespace wsvirt::cim::vs
