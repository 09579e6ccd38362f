#include "backend/libvirt/target_storage.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/file_marks.hpp"
#include "backend/libvirt/folder_view.hpp"

namespace wsvirt::backend::libvirt {

Result<bool> host_has_file(virConnectPtr connection, const std::string& path) {
    constexpr const char* doing = "look for the file";
    const FolderView folder(connection, path);
    if (folder.missing()) return false;
    if (!folder) return folder.error(doing);
    const auto found = find_file(connection, folder, path, doing);
    if (!found) return found.error();
    return bool(*found);
}

namespace {
constexpr auto try_again = std::chrono::milliseconds(100);

Result<void> remove_in(virConnectPtr connection, const FolderView& folder, const std::string& path,
                       std::chrono::milliseconds patience, const char* doing) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto found = find_file(connection, folder, path, doing);
        if (!found) return found.error();
        if (!*found || virStorageVolDelete(found->get(), 0) == 0) return {};
        // A file that is being written is not deleted.
        const bool busy = last_error_code() == VIR_ERR_OPERATION_INVALID;
        Error e = last_error(doing);
        if (!busy || std::chrono::steady_clock::now() >= end) return e;
        std::this_thread::sleep_for(try_again);
        virStoragePoolRefresh(folder.get(), 0);
    }
}
}  // namespace

Result<void> remove_host_file(virConnectPtr connection, const std::string& path,
                              std::chrono::milliseconds patience) {
    constexpr const char* doing = "remove the file";
    const FolderView folder(connection, path);
    if (folder.missing()) return {};
    if (!folder) return folder.error(doing);
    return remove_in(connection, folder, path, patience, doing);
}

Result<void> copy_host_file(virConnectPtr connection, const std::string& from, const std::string& to,
                            std::chrono::milliseconds patience) {
    constexpr const char* doing = "copy the file";
    const FolderView source(connection, from);
    if (!source) return source.error(doing);
    const auto found = find_file(connection, source, from, doing);
    if (!found) return found.error();
    if (!*found)
        return Error{Status::not_found, "wsvirt.file.missing", "The host does not have the file.", from};
    const FolderView target(connection, to);
    if (!target) return target.error(doing);
    if (auto ok = remove_in(connection, target, to, patience, doing); !ok) return ok;
    if (copy_volume(target.get(), to, found->get())) return {};
    Error e = last_error(doing);
    (void)remove_in(connection, target, to, patience, doing);
    return e;
}

namespace {
constexpr std::size_t piece = 256 * 1024;

Result<std::string> received(virConnectPtr connection, virStorageVolPtr volume, const char* doing) {
    const Stream stream(virStreamNew(connection, 0));
    if (!stream || virStorageVolDownload(volume, stream.get(), 0, 0, 0) < 0) return last_error(doing);
    std::string content, buffer(piece, '\0');
    for (;;) {
        const int n = virStreamRecv(stream.get(), buffer.data(), buffer.size());
        if (n < 0) {
            Error e = last_error(doing);
            virStreamAbort(stream.get());
            return e;
        }
        if (n == 0) break;
        content.append(buffer, 0, static_cast<std::size_t>(n));
    }
    if (virStreamFinish(stream.get()) < 0) return last_error(doing);
    return content;
}

Result<void> sent(virConnectPtr connection, virStorageVolPtr volume, const std::string& content,
                  const char* doing) {
    const Stream stream(virStreamNew(connection, 0));
    if (!stream || virStorageVolUpload(volume, stream.get(), 0, content.size(), 0) < 0)
        return last_error(doing);
    for (std::size_t at = 0; at < content.size();) {
        const int n = virStreamSend(stream.get(), content.data() + at, std::min(piece, content.size() - at));
        if (n < 0) {
            Error e = last_error(doing);
            virStreamAbort(stream.get());
            return e;
        }
        at += static_cast<std::size_t>(n);
    }
    if (virStreamFinish(stream.get()) < 0) return last_error(doing);
    return {};
}

}  // namespace

Result<std::optional<std::string>> read_host_file(virConnectPtr connection, const std::string& path,
                                                  std::uint64_t largest) {
    constexpr const char* doing = "read the file";
    const FolderView folder(connection, path);
    if (folder.missing()) return std::optional<std::string>();
    if (!folder) return folder.error(doing);
    const auto found = find_file(connection, folder, path, doing);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    virStorageVolInfo info{};
    if (virStorageVolGetInfo(found->get(), &info) < 0) return last_error(doing);
    if (info.capacity > largest)
        return Error{Status::failed, "wsvirt.file.large", "The file is larger than expected.", path};
    auto content = received(connection, found->get(), doing);
    if (!content) return content.error();
    return std::optional<std::string>(std::move(*content));
}

Result<void> write_host_file(virConnectPtr connection, const std::string& path, const std::string& content) {
    constexpr const char* doing = "write the file";
    std::optional<FolderView> folder(std::in_place, connection, path);
    if (folder->missing()) folder.emplace(connection, path, VIR_STORAGE_POOL_CREATE_WITH_BUILD);
    if (!*folder) return folder->error(doing);
    auto found = find_file(connection, *folder, path, doing);
    if (!found) return found.error();
    const Volume before(std::move(*found));
    const Volume made(before ? nullptr : make_volume(folder->get(), path, content.size(), false).release());
    if (!before && !made) return last_error(doing);
    auto done = sent(connection, made ? made.get() : before.get(), content, doing);
    if (!done && made) virStorageVolDelete(made.get(), 0);
    return done;
}

Result<void> TargetStorage::prepare(const std::vector<std::string>& paths) {
    constexpr const char* preparing = "prepare the folder for the disks at the destination";
    std::set<std::string> folders;
    for (const auto& p : paths) folders.insert(std::filesystem::path(p).parent_path().native());
    for (const auto& folder : folders) {
        folders_.push_back(
            std::make_unique<FolderView>(connection_, folder + "/.", VIR_STORAGE_POOL_CREATE_WITH_BUILD));
        if (!*folders_.back()) return folders_.back()->error(preparing);
    }
    for (const auto& p : paths) {
        const Volume there(virStorageVolLookupByPath(connection_, p.c_str()));
        if (there)
            return Error{Status::already_exists, "wsvirt.image.exists",
                         "The destination has a file with this name already.", p};
    }
    return {};
}

Result<void> TargetStorage::make(const std::string& path, const std::string& format, std::uint64_t size) {
    constexpr const char* doing = "make the file for the disk at the destination";
    const auto folder = std::filesystem::path(path).parent_path().native();
    const Pool pool(virStoragePoolLookupByTargetPath(connection_, folder.c_str()));
    if (!pool) return last_error(doing);
    // Whoever comes after us, if it ends here, knows by that what is nobody's work.
    if (auto ok = note(path, bare_mark(format, size)); !ok) return ok;
    if (!make_volume(pool.get(), path, size, true, format)) {
        Error e = last_error(doing);
        // Without an answer it may be there.
        if (virConnectIsAlive(connection_) == 1) (void)note(path, {});
        return e;
    }
    new_files_.push_back(path);
    return note(path, file_mark(connection_, kind_, path));
}

Result<void> TargetStorage::note(const std::string& path, const std::string& mark) {
    return noted_ ? noted_(path, mark) : Result<void>();
}

void TargetStorage::remove_new() {
    for (const auto& folder : folders_) folder->look_again();
    for (const auto& p : new_files_)
        if (const Volume v(virStorageVolLookupByPath(connection_, p.c_str())); v)
            virStorageVolDelete(v.get(), 0);
}

}  // namespace wsvirt::backend::libvirt
