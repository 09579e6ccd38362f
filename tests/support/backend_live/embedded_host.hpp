// A real embedded libvirt with QEMU under TCG, in a folder of its own. libvirt allows one per process, so all
// suites of a test program share it. Machines are bare: 16 MiB, BIOS, nothing to boot.
#pragma once

#include <filesystem>

#include "backend/libvirt/libvirt_hypervisor.hpp"

namespace wsvirt::testing {

class EmbeddedHost {
  public:
    EmbeddedHost();
    ~EmbeddedHost();
    static EmbeddedHost& shared();

    backend::Hypervisor& hypervisor() { return *hypervisor_; }
    const std::filesystem::path& folder() const { return folder_; }

    backend::MachineSpec bare(const std::string& name = "bare") const;
    // A qcow2 (or other) disk of 8 MiB on the first IDE slot.
    backend::Disk new_disk(const std::string& format = "qcow2");
    void remove(const std::string& uuid);  // whatever its state

  private:
    std::filesystem::path folder_;
    std::unique_ptr<backend::Hypervisor> hypervisor_;
};

// Seconds for what takes a few, where a machine is slow or busy.
inline constexpr int patience = 120;
backend::Call within(int seconds);

}  // namespace wsvirt::testing
