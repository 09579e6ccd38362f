// By what a file that a migration has made is known again, by a later start too: a name alone is no proof, as
// others may have put something of theirs in its place. Of a file that this process sees, its number and when
// it was made. Of another host's all that libvirt tells, its size: as made, or as the disk in it has. Neither
// changes while the copy is written. Blocking; one thread.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdint>
#include <string>

#include "backend/libvirt/connector.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// One word; "" where it cannot be told.
std::string file_mark(virConnectPtr connection, HostKind kind, const std::string& path);
// Of one that is about to be made, for a disk of so many bytes: it has this mark while nothing has been
// written to the disk. "": a disk of this format does not show that.
std::string bare_mark(const std::string& format, std::uint64_t size);
// Whether the file of this name has the mark; one that is gone has none. Errors: of a host that does not say.
Result<bool> has_mark(virConnectPtr connection, HostKind kind, const std::string& path,
                      const std::string& mark);

}  // namespace wsvirt::backend::libvirt
