// Folders of a host and the files in them, as libvirt's storage pools and volumes show them. Private to
// backend/libvirt. Blocking; one thread.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "backend/libvirt/handles.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

using Pool = std::unique_ptr<virStoragePool, FreeBy<&virStoragePoolFree>>;
using Volume = std::unique_ptr<virStorageVol, FreeBy<&virStorageVolFree>>;
using Stream = std::unique_ptr<virStream, FreeBy<&virStreamFree>>;

// A file for so many bytes; it takes no room before they come where `sparse`. One that is there is not
// touched.
Volume make_volume(virStoragePoolPtr pool, const std::string& path, std::uint64_t size, bool sparse,
                   const std::string& format = "raw");
// A file with the content of another one of the host, which makes the copy.
Volume copy_volume(virStoragePoolPtr pool, const std::string& path, virStorageVolPtr from);

// Pools that stay on as the connection was lost, or a file was being made, when nobody needed them any more.
// They are kept for the process as long as somebody holds this. Any thread.
class LeftPools {
  public:
    static std::shared_ptr<LeftPools> acquire();
    bool some_are_on() const;
    // Tells of each that is left, in any thread, for as long as what it gives is kept.
    std::shared_ptr<void> subscribe(std::function<void()> on_left);
    // Those of this connection's host; whether some are left yet. Blocking.
    bool end_left(virConnectPtr connection);
    void leave(const std::string& uri, const std::string& id);
    enum class TakenUp { yes, was_not_left, is_being_ended };
    TakenUp take_up(const std::string& uri, const std::string& id);

  private:
    bool begin_to_end(const std::pair<std::string, std::string>& pool);

    mutable std::mutex mutex_;  // not held while libvirt is called
    // By the host's URI and the pool's id: whether it is being ended.
    std::map<std::pair<std::string, std::string>, bool> left_;
    std::list<std::weak_ptr<std::function<void()>>> subscribers_;
};

// The pool that stands for a file's folder, for as long as this lives. libvirt lets one stand for a folder,
// so all of this process who look into the same one at the same time share it, and none ends what another
// still uses. Somebody else's is used where there is one; one of theirs that is off is on for as long as it
// is needed, and stays on where it cannot be ended just then.
class FolderView {
  public:
    // Looks again for a moment while another's pool comes or goes, or files are made in the folder.
    FolderView(virConnectPtr connection, const std::string& path, unsigned flags = 0);
    ~FolderView();
    FolderView(const FolderView&) = delete;
    FolderView& operator=(const FolderView&) = delete;
    explicit operator bool() const { return get() != nullptr; }
    virStoragePoolPtr get() const;
    bool missing() const;  // there is none as the host has no such folder
    // Why there is none, or why it may not show all files.
    Error error(const char* doing) const;
    // Whether what it does not show is not there. Another's pool may have ended meanwhile.
    bool shows_all() const;
    void look_again() const;

  private:
    struct Shared;
    struct All;
    struct Look;
    std::unique_ptr<Look> look_;
};

// nullptr: there is none, for certain.
Result<Volume> find_file(virConnectPtr connection, const FolderView& folder, const std::string& path,
                         const char* doing);

}  // namespace wsvirt::backend::libvirt
