// Folders of a host and the files in them, as libvirt's storage pools and volumes show them. Private to
// backend/libvirt. Blocking; one thread.
#pragma once

#include <libvirt/libvirt.h>

#include <memory>
#include <string>

#include "backend/libvirt/handles.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

using Pool = std::unique_ptr<virStoragePool, FreeBy<&virStoragePoolFree>>;
using Volume = std::unique_ptr<virStorageVol, FreeBy<&virStorageVolFree>>;
using Stream = std::unique_ptr<virStream, FreeBy<&virStreamFree>>;

Pool make_pool(virConnectPtr connection, const std::string& folder, const std::string& name, unsigned flags);
std::string pool_name();  // one that nobody has
// A file for so many bytes; it takes no room before they come where `sparse`. One that is there is not
// touched.
Volume make_volume(virStoragePoolPtr pool, const std::string& path, std::uint64_t size, bool sparse,
                   const std::string& format = "raw");
// A file with the content of another one of the host, which makes the copy.
Volume copy_volume(virStoragePoolPtr pool, const std::string& path, virStorageVolPtr from);

// The pool that stands for a file's folder, for as long as this lives.
class FolderView {
  public:
    FolderView(virConnectPtr connection, const std::string& path, unsigned flags = 0);
    ~FolderView();
    FolderView(const FolderView&) = delete;
    FolderView& operator=(const FolderView&) = delete;
    explicit operator bool() const { return bool(pool_); }
    // Why there is none.
    bool missing() const { return missing_; }
    bool silent() const;
    Error error(const char* doing) const;
    virStoragePoolPtr get() const { return pool_.get(); }
    // Another's pool may have ended meanwhile.
    bool stands() const { return virStoragePoolIsActive(pool_.get()) == 1; }

  private:
    Pool pool_;
    bool made_ = false, missing_ = false;
    int code_ = 0;
    std::string message_;
};

// nullptr: there is none.
Result<Volume> find_file(virConnectPtr connection, const FolderView& folder, const std::string& path,
                         const char* doing);

}  // namespace wsvirt::backend::libvirt
