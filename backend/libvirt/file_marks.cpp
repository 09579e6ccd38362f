#include "backend/libvirt/file_marks.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <optional>

#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/folder_view.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* doing = "look at the file";

constexpr std::string_view bare = "bare";

// What is there of a disk that nothing has been written to.
struct Bare {
    std::string format;
    std::uint64_t size = 0, length = 0;  // of the disk; of its file
    bool holes() const { return format == "raw"; }
};

// Of qcow2, QEMU's header, a table and a block of the reference counts, a cluster each, and the table of the
// disk, with one entry for each half GiB. Whatever is written comes after them.
std::uint64_t bare_length(const std::string& format, std::uint64_t size) {
    constexpr std::uint64_t cluster = 65536, entry = 8, reach = cluster / entry * cluster;
    return format == "qcow2" ? 3 * cluster + entry * ((size + reach - 1) / reach) : size;
}

std::optional<Bare> bare_of(const std::string& mark) {
    const auto words = split(mark, ':');
    if (words.size() != 3 || words[0] != bare) return std::nullopt;
    const auto size = parse_uint(words[2]);
    if (!size) return std::nullopt;
    return Bare{words[1], *size, bare_length(words[1], *size)};
}

// The size of the disk, as its first bytes say.
bool header_says(const std::string& path, std::uint64_t size) {
    constexpr std::size_t at = 24, digits = 8;
    std::array<char, at + digits> header{};
    std::ifstream file(path, std::ios::binary);
    if (!file.read(header.data(), header.size()) || std::string_view(header.data(), 4) != "QFI\xfb")
        return false;
    std::uint64_t said = 0;
    for (std::size_t i = at; i < header.size(); ++i) said = said << 8 | static_cast<unsigned char>(header[i]);
    return said == size;
}

bool is_bare(const std::string& path, const Bare& b) {
    struct stat s {};
    if (lstat(path.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return false;
    if (static_cast<std::uint64_t>(s.st_size) != b.length) return false;
    return b.holes() ? s.st_blocks == 0 : header_says(path, b.size);
}

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

Result<bool> is_bare_over_there(virConnectPtr connection, const std::string& path, const Bare& b) {
    const FolderView folder(connection, path);
    if (!folder && folder.missing()) return false;
    if (!folder) return folder.error(doing);
    const auto found = find_file(connection, folder, path, doing);
    if (!found) return found.error();
    if (!*found) return false;
    virStorageVolInfo disk{}, file{};
    if (virStorageVolGetInfo(found->get(), &disk) < 0 ||
        virStorageVolGetInfoFlags(found->get(), &file, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
        return last_error(doing);
    return disk.capacity == b.size && file.allocation == b.length && (!b.holes() || disk.allocation == 0);
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

std::string bare_mark(const std::string& format, std::uint64_t size) {
    if (format != "raw" && format != "qcow2") return {};
    return std::string(bare) + ':' + format + ':' + std::to_string(size);
}

Result<bool> has_mark(virConnectPtr connection, HostKind kind, const std::string& path,
                      const std::string& mark) {
    if (mark.empty()) return false;
    if (const auto b = bare_of(mark))
        return kind == HostKind::remote ? is_bare_over_there(connection, path, *b) : is_bare(path, *b);
    if (kind != HostKind::remote) return mark_seen(path) == mark;
    const auto now = mark_over_there(connection, path);
    if (!now) return now.error();
    const auto was = split(mark, ':'), is = split(*now, ':');
    // A disk's file grows below QEMU; a copy that is carried is a file of so many bytes before it is a disk.
    return was.size() == 3 && is.size() == 3 && was[0] == is[0] && (was[1] == is[1] || was[2] == is[2]);
}

}  // namespace wsvirt::backend::libvirt
