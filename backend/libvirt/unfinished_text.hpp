// The notes of snapshot_journal.hpp as files. What a service of another version does not know in one it
// leaves out. Any thread.
#pragma once

#include <filesystem>
#include <string>

#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

// One that cannot be read names no machine.
Unfinished read_unfinished(const std::filesystem::path& file);
std::string text_of(const std::string& host, const Unfinished& what);

}  // namespace wsvirt::backend::libvirt
