// Files of saved memory: libvirt's own, and the copies that snapshots of saved machines keep. On this host as
// files, on another one through libvirt's volumes; there the copies lie beside the machine's disks. Private
// to backend/libvirt. Blocking; one thread, with the machine's gate held.
#pragma once

#include <string>
#include <vector>

#include "backend/libvirt/snapshot_changes.hpp"

namespace wsvirt::backend::libvirt {

// Where a snapshot of this id keeps the memory of a machine with these disks that is saved; "" = such memory
// cannot be reached on this host.
std::string memory_copy(const Core& core, const std::string& id, const std::vector<SnapshotTarget>& disks);

// libvirt never writes into such a file again, so a second name for it is enough where the file system allows
// it. Takes the place of one that is there. Nothing half copied is left. Errors: cancelled, no_space,
// not_found, failed.
Result<void> copy_memory(Site& w, const std::string& from, const std::string& to);
Result<void> remove_memory(Site& w, const std::string& file);
Result<void> remove_memory(const Core& core, virConnectPtr connection, const std::string& file);
Result<bool> has_memory(Site& w, const std::string& file);

// The memory that is kept aside in one of these files becomes the machine's again. One that is not there any
// more was put back, and what it had aside was removed.
Result<void> put_memory_back(Site& w, const std::vector<std::string>& files);
// Whether the machine is saved with that memory already.
Result<bool> memory_is_back(Site& w, const std::vector<std::string>& files);

// What a second name keeps from being lost while a machine that is saved goes back to a snapshot.
class MemoryAside {
  public:
    // Where it is meanwhile; "" = it cannot be kept on this host.
    static std::string place(const Site& w);
    static bool is_needed(const Site& w);
    explicit MemoryAside(Site& w) : w_(w) {}
    ~MemoryAside();
    MemoryAside(const MemoryAside&) = delete;
    MemoryAside& operator=(const MemoryAside&) = delete;
    Result<void> keep();
    bool kept() const { return kept_; }
    // It is somebody else's to remove.
    void leave() { kept_ = false; }

  private:
    Site& w_;
    bool kept_ = false;
};

}  // namespace wsvirt::backend::libvirt
