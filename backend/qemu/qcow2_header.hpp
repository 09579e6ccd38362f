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

// Whether a qcow2 file has its data in another one, which its header names and QEMU would open.
bool keeps_data_elsewhere(const std::string& path);

// What the header of a qcow2 file names as the file below it, whatever else is in it; "" = none, or no such
// file.
std::string named_below(const std::string& path);

// An image of this format and the files that it stands on, in order. What each is says the one above: the
// content of a disk is the guest's, which can make it look like anything.
struct ImageChain {
    std::vector<std::string> files;
    std::string bottom;  // the format of the last one; "" = it cannot be told
};
ImageChain chain_below(const std::string& path, const std::string& format);

}  // namespace wsvirt::backend::qemu
