// The variables of UEFI firmware: a small file that QEMU writes while the machine runs and that libvirt makes
// from a template when there is none. No disk holds them, so snapshots have copies of their own. Local files
// only; call with the machine's gate held.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// Where the domain has them; "" = it has none.
std::string nvram_path(std::string_view domain_xml);
// Whether it can be read and written here, or is yet to be made.
bool is_nvram_ours(const std::string& path);
// What is in them; of a machine that never ran, what is in the template. Errors: failed, not_found.
Result<std::string> read_nvram(std::string_view domain_xml);
// As a whole, or not at all; with the folder.
Result<void> write_nvram(const std::string& path, const std::string& content);
// What the end of the service has left of one of these; nothing is no error.
void remove_half_written_nvram(const std::string& path);
Result<void> copy_nvram(const std::string& from, const std::string& to);

}  // namespace wsvirt::backend::libvirt
