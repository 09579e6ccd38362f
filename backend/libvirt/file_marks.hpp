// By what a file that a migration has made is known again, by a later start too: a name alone is no proof, as
// others may have put something of theirs in its place. Of a file that this process sees, its number and when
// it was made. Of another host's all that libvirt tells, its size: as made, or as the disk in it has. Neither
// changes while the copy is written. While libvirt makes one, it is known by a size that was noted before and
// that nobody else gives a file. Blocking; one thread.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdint>
#include <string>

#include "backend/libvirt/connector.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// One word; "" where it cannot be told.
std::string file_mark(virConnectPtr connection, HostKind kind, const std::string& path);
// A size that nobody guesses for a file that is to have this one, and larger; and the mark of a file that has
// it, or (size) the one that it gets then.
std::uint64_t secret_size(std::uint64_t size);
std::string mark_of_secret(std::uint64_t secret, std::uint64_t size = 0);
// Whether has_mark() asks libvirt.
bool is_told_by_libvirt(HostKind kind, const std::string& mark);
// Whether the file of this name has the mark; one that is gone has none. Errors: of a host that does not say.
Result<bool> has_mark(virConnectPtr connection, HostKind kind, const std::string& path,
                      const std::string& mark);

}  // namespace wsvirt::backend::libvirt
