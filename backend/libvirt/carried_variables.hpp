// The variables of UEFI firmware of a machine that is off, on its way to another host: libvirt moves its
// definition alone. Where both hosts have the same content under that name, which is so on shared storage,
// nothing is carried. Files that a move makes anew are noted, so that whoever settles it afterwards knows
// that neither host's is the other's. Blocking; one thread, with the machine's gate held.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "backend/libvirt/connector.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// nullopt: it has none, or has never run.
Result<std::optional<std::string>> read_variables(const Connector& source, virConnectPtr connection,
                                                  const std::string& domain_xml);
// The same description, where libvirt chooses the file as it did here.
std::string with_own_variables(const std::string& domain_xml);
// domain_xml: as it is over there. Whether they were written: the machine has its own file there then.
// before: is told its name.
Result<bool> write_variables(virConnectPtr there, const std::string& domain_xml,
                             const std::optional<std::string>& variables,
                             const std::function<void(const std::string& file)>& before);

struct FileOnHost {
    std::string host, path;
};
// The machine is about to have another file at the destination than at the source; both may go without harm
// to the other. What cannot be noted is not removed later.
void note_own_variables(const Settings& settings, std::string_view machine, const FileOnHost& from,
                        const FileOnHost& to);
// The file that this host alone has; "" = it has none, or nobody knows.
std::string own_variables(const Settings& settings, std::string_view machine);
void drop_own_variables(const Settings& settings, std::string_view machine);

}  // namespace wsvirt::backend::libvirt
