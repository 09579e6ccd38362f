#include "backend/libvirt/file_marks.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/folder_view.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* doing = "look at the file";

// Not of a device: those change with a restart of the host. A number is given away again, with another time.
std::string mark_seen(const std::string& path) {
    struct statx s {};
    if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &s) != 0) return {};
    std::string mark = "file:" + std::to_string(s.stx_ino);
    if ((s.stx_mask & STATX_BTIME) != 0)
        mark += ':' + std::to_string(s.stx_btime.tv_sec) + '.' + std::to_string(s.stx_btime.tv_nsec);
    return mark;
}

// The disk's size and the file's.
Result<std::string> mark_told(virStorageVolPtr volume) {
    virStorageVolInfo disk{}, file{};
    if (virStorageVolGetInfo(volume, &disk) < 0 ||
        virStorageVolGetInfoFlags(volume, &file, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
        return last_error(doing);
    return "volume:" + std::to_string(disk.capacity) + ':' + std::to_string(file.allocation);
}

Result<std::string> mark_over_there(virConnectPtr connection, const std::string& path) {
    const FolderView folder(connection, path);
    if (!folder && folder.missing()) return std::string();
    if (!folder) return folder.error(doing);
    const auto found = find_file(connection, folder, path, doing);
    if (!found) return found.error();
    return *found ? mark_told(found->get()) : Result<std::string>(std::string());
}

}  // namespace

std::string file_mark(virConnectPtr connection, HostKind kind, const std::string& path) {
    if (kind != HostKind::remote) return mark_seen(path);
    return mark_over_there(connection, path).value_or(std::string());
}

Result<bool> has_mark(virConnectPtr connection, HostKind kind, const std::string& path,
                      const std::string& mark) {
    if (mark.empty()) return false;
    if (kind != HostKind::remote) return mark_seen(path) == mark;
    const auto now = mark_over_there(connection, path);
    if (!now) return now.error();
    const auto was = split(mark, ':'), is = split(*now, ':');
    // A disk's file grows below QEMU; a copy that is carried is a file of so many bytes before it is a disk.
    return was.size() == 3 && is.size() == 3 && was[0] == is[0] && (was[1] == is[1] || was[2] == is[2]);
}

}  // namespace wsvirt::backend::libvirt
