// Whether KVM really runs guests on this machine. /dev/kvm and libvirt's capabilities are no proof: there are
// hosts where both are there and no kernel ever boots. Blocking, up to 30 s the first time; the answer is
// kept in a file of the state directory for the same kernel and QEMU.
#pragma once

#include <string>

namespace wsvirt::backend::qemu {

bool kvm_works(const std::string& state_dir);

}  // namespace wsvirt::backend::qemu
