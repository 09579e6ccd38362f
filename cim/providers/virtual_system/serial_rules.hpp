// What a machine's serial ports must not lead to: at the start QEMU empties the file that a port writes, and
// libvirt removes whatever lies where a port has its socket. So neither is a file of any machine, and a call
// that names one that exists names a log or a socket. Reads the file system; no state.
#pragma once

#include <string>
#include <string_view>

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

// What may be said of a port: `path` is what check_serial() gave. Errors: busy (a disk, or another file of a
// machine, snapshot or planned system), invalid_parameter (something else is there); subject = Connection.
Result<void> check_serial_target(Services& services, backend::SerialPort::Kind kind, const std::string& path);

// Before a machine starts: what came to be there since its ports were set, and the logs that machines which
// run write. One that is there is its own. Errors: busy, invalid_parameter; subject = Connection.
Result<void> check_serial_ports(Services& services, const backend::Machine& machine);

// Before a machine that runs moves to another host, `there` as that has them (services_at()): what a port
// leads to is a file of a machine or a log there. Other files of that host are not looked at. Errors: busy;
// subject = Connection.
Result<void> check_serial_ports_there(Services& there, const backend::Machine& machine);

// What may be said of a port of a machine that is off and moves to another host, `there` as that has it,
// whose files only that host sees: `spec` is the machine as it is now, and what its ports have stays as it
// is. The path has nothing to resolve. Errors: as of check_serial_target(); the host's own.
Result<void> check_serial_target_there(Services& there, const backend::MachineSpec& spec,
                                       const backend::SerialPort& port);

// Whether one of its own disks lies where a port leads. Errors: invalid_parameter; subject = Connection.
Result<void> check_own_serial_ports(const backend::MachineSpec& spec);

// The other way round: no serial port of another machine writes the file that `machine` (its GUID) is to get.
// Errors: busy; subject = HostResource.
Result<void> check_no_log(Services& services, const std::string& canonical, const std::string& path,
                          std::string_view machine);

}  // namespace wsvirt::cim::vs
