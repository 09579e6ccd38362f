// The hosts that machines can move between, and how clients name them: by the configured name, the host's own
// name, a fully qualified name, an IPv4 or IPv6 address, or the path of its Msvm_ComputerSystem. Resolving an
// address may block on the name service. Thread safe; no state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/hypervisor.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/methods.hpp"

namespace wsvirt::cim::migration_service {

// This host first.
std::vector<HostEntry> hosts_of(const Services& services);
bool is_local(const Services& services, const HostEntry& host);
// The host that a machine is on; nullopt when these services know no such machine.
std::optional<HostEntry> host_of_machine(const Services& services, std::string_view machine);
// That no other host has the machine as well in a state that does not go with what is to be done with it at
// its place: its disks have one user. What a migration of ours has left, and will take away, is not looked
// at. Errors: invalid_state.
enum class Elsewhere : std::uint8_t { off, not_running };
Result<void> check_only_there(const Services& services, const HostEntry& place, std::string_view machine,
                              Elsewhere allowed = Elsewhere::off);
Result<void> check_only_here(const Services& services, std::string_view machine, Elsewhere allowed);
// Before work on its disks as it stands: that it is whole, and here alone.
Result<void> check_at_hand(const Services& services, const backend::Machine& machine);

// Errors: invalid_parameter; subject = parameter.
Result<HostEntry> find_host(const Services& services, std::string_view name, const std::string& parameter);
Result<HostEntry> find_host(const Services& services, const ObjectPath& system, const std::string& parameter);

// The services as that host has them: its machines, switches and folders.
Services services_at(const Services& services, const HostEntry& host);

// Whether this service works on the host's files itself; of another host it sees at most what both share.
bool sees_files(const Services& services, const HostEntry& host);
// Where a disk may lie there: below the host's storage folders, as far as this service can see with links
// resolved. made: it is made there; else it is there, or is missing. Errors: invalid_parameter,
// access_denied; subject = HostResource.
Result<std::string> place_at(const Services& services, const HostEntry& host, const std::string& path,
                             bool made);

// The host in a URI: "qemu+tls://a.example:16514/system" → "a.example"; "" when there is none.
std::string host_in_uri(std::string_view uri);
// An address in its shortest usual form, without the brackets of a URI; "" when the text is none.
std::string clean_address(std::string_view text);
// Whether an address lies in a subnet.
bool in_subnet(const std::string& address, const std::string& subnet, unsigned prefix_length);
// What the host's names stand for; for this host those of its network interfaces.
std::vector<std::string> addresses_of(const Services& services, const HostEntry& host);
// "tcp://10.0.0.1", "tcp://[fe80::1]", "tcp://name"; "" for "".
std::string data_uri(const std::string& address);

}  // namespace wsvirt::cim::migration_service
