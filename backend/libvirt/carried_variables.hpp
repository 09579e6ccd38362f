// The variables of UEFI firmware of a machine that is off, on its way to another host: libvirt moves its
// definition alone. Where both hosts have the same content under that name, which is so on shared storage,
// nothing is carried. Blocking; one thread, with the machine's gate held.
#pragma once

#include <libvirt/libvirt.h>

#include <optional>
#include <string>

#include "backend/libvirt/connector.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// nullopt: it has none, or has never run.
Result<std::optional<std::string>> read_variables(const Connector& source, virConnectPtr connection,
                                                  const std::string& domain_xml);
// The same description, where libvirt chooses the file as it did here.
std::string with_own_variables(const std::string& domain_xml);
// domain_xml: as it is over there. Whether they were written: the machine has its own file there then.
Result<bool> write_variables(virConnectPtr there, const std::string& domain_xml,
                             const std::optional<std::string>& variables);

}  // namespace wsvirt::backend::libvirt
