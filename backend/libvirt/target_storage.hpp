// Files at the destination of a migration that copies disks. libvirt makes them when a storage pool stands
// for their folder; where none does, one is made for as long as the migration takes. Blocking; one thread.
#pragma once

#include <libvirt/libvirt.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/libvirt/connector.hpp"
#include "backend/libvirt/folder_view.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

class TargetStorage {
  public:
    // noted: is told of each file with its mark (file_marks.hpp) before it is made and when it is; of one
    // that then was not made, with none. May be empty.
    using Noted = std::function<Result<void>(const std::string& file, const std::string& mark)>;
    TargetStorage(virConnectPtr destination, HostKind kind, Noted noted)
        : connection_(destination), kind_(kind), noted_(std::move(noted)) {}
    TargetStorage(const TargetStorage&) = delete;
    TargetStorage& operator=(const TargetStorage&) = delete;

    // Errors: already_exists (one of the files is there; nothing is made then).
    Result<void> prepare(const std::vector<std::string>& paths);
    // A file for a disk of so many bytes, in a folder that was prepared. libvirt would make it itself, but
    // write to one that somebody has made since. Errors: failed (also where it is there), no_space, those of
    // `noted`.
    Result<void> make(const std::string& path, const std::string& format, std::uint64_t size);
    void remove_new();  // after a failure: the files that were made, and no others

  private:
    Result<void> note(const std::string& path, const std::string& mark);

    virConnectPtr connection_;
    HostKind kind_;
    Noted noted_;
    std::vector<std::unique_ptr<FolderView>> folders_;  // that were prepared, for as long as this lives
    std::vector<std::string> new_files_;
};

// Whether the host at the other end sees a file of this name, found through a storage pool that stands for
// its folder while the question is asked; what the host does not say is never "no". Errors: not_supported.
Result<bool> host_has_file(virConnectPtr connection, const std::string& path);
// Removes a file there; one that is gone is no error. One that the host still copies for somebody who has
// gone is waited for so long.
Result<void> remove_host_file(virConnectPtr connection, const std::string& path,
                              std::chrono::milliseconds patience = {});
// The host copies one of its files; one that has the new name goes first. Nothing half copied is left while
// the host answers. Cannot be stopped on the way. Errors: not_found, no_space, failed.
Result<void> copy_host_file(virConnectPtr connection, const std::string& from, const std::string& to,
                            std::chrono::milliseconds patience);
// The content of a small file there; nullopt: there is none. Errors: failed (also where it is larger).
Result<std::optional<std::string>> read_host_file(virConnectPtr connection, const std::string& path,
                                                  std::uint64_t largest);
// A file there gets this content; one that had to be made for it is removed after an error.
Result<void> write_host_file(virConnectPtr connection, const std::string& path, const std::string& content);

}  // namespace wsvirt::backend::libvirt
