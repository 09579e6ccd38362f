// What the header of a qcow2 file tells, read without a program: starting qemu-img takes longer than all else
// that defining a machine needs. Only files of which everything is plain and as the format has it (QEMU's
// docs/interop/qcow2.txt); of all others qemu-img is asked, which also says what is wrong. Blocking; any
// thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"

namespace wsvirt::backend::qemu {

std::optional<ImageInfo> read_qcow2_header(const std::string& path);

// The image and the files that it stands on, in order, when the last of them is VHDX and all others are
// qcow2; else nothing.
std::vector<std::string> chain_to_vhdx(const std::string& path);

}  // namespace wsvirt::backend::qemu
