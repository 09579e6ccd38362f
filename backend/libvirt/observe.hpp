// Looks at one domain and says what the inventory should show. Only reads that libvirt answers at once, also
// while QEMU is stuck. Blocking; call from a worker or the watcher with its own connection.
#pragma once

#include <libvirt/libvirt.h>

#include <string>

#include "backend/libvirt/connector.hpp"
#include "backend/libvirt/handles.hpp"
#include "backend/libvirt/inventory.hpp"
#include "backend/machine.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

DomainHandle find_domain(virConnectPtr connection, std::string_view uuid);  // null: see last_error()
std::string uuid_of(virDomainPtr domain);                                   // upper case

// Whether memory is saved: by libvirt, or put beside it by an import, which libvirt restores as well.
bool has_saved_file(const Connector& connector, virDomainPtr domain, bool off = true);
Result<void> drop_saved_file(const Connector& connector, virDomainPtr domain);

// Looks up, observes and tells the inventory. `added`: of the machine's snapshots no other one has changed
// since the last look, so that those which are known need not be read again; "" = any may have.
Result<void> refresh(virConnectPtr connection, std::string_view uuid, const Connector& connector,
                     Inventory& inventory, const std::string& added = {});
// All of them.
Result<void> refresh_all(virConnectPtr connection, const Connector& connector, Inventory& inventory);

}  // namespace wsvirt::backend::libvirt
