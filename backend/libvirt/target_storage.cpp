#include "backend/libvirt/target_storage.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <pugixml.hpp>
#include <set>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/handles.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {
using Pool = std::unique_ptr<virStoragePool, FreeBy<&virStoragePoolFree>>;
using Volume = std::unique_ptr<virStorageVol, FreeBy<&virStorageVolFree>>;
using Stream = std::unique_ptr<virStream, FreeBy<&virStreamFree>>;

Pool make_pool(virConnectPtr connection, const std::string& folder, const std::string& name, unsigned flags) {
    pugi::xml_document doc;
    auto root = doc.append_child("pool");
    root.append_attribute("type").set_value("dir");
    set_text(root, "name", name);
    set_text(root.append_child("target"), "path", folder);
    return Pool(virStoragePoolCreateXML(connection, to_text(doc).c_str(), flags));
}

std::string pool_name() {
    return "wsvirt-" + to_lower(make_guid());
}

// The pool that stands for a file's folder, for as long as this lives.
class FolderView {
  public:
    FolderView(virConnectPtr connection, const std::string& path, unsigned flags = 0) {
        const std::string folder = std::filesystem::path(path).parent_path().native();
        pool_.reset(virStoragePoolLookupByTargetPath(connection, folder.c_str()));
        if (pool_ && virStoragePoolIsActive(pool_.get()) != 1) pool_.reset();
        if (pool_) {
            virStoragePoolRefresh(pool_.get(), 0);
            return;
        }
        pool_ = make_pool(connection, folder, pool_name(), flags);
        made_ = bool(pool_);
        if (made_) return;
        if (const virError* const e = virGetLastError()) {
            code_ = e->code;
            missing_ = e->code == VIR_ERR_SYSTEM_ERROR && e->int1 == ENOENT;
            message_ = e->message ? e->message : "";
        }
    }
    ~FolderView() {
        if (made_) virStoragePoolDestroy(pool_.get());
    }
    FolderView(const FolderView&) = delete;
    FolderView& operator=(const FolderView&) = delete;
    explicit operator bool() const { return bool(pool_); }
    // Why there is none.
    bool missing() const { return missing_; }
    bool silent() const {
        return code_ == VIR_ERR_NO_SUPPORT || code_ == VIR_ERR_NO_CONNECT || connection_lost(code_, message_);
    }
    Error error(const char* doing) const { return error_from(code_, message_, doing); }
    virStoragePoolPtr get() const { return pool_.get(); }
    // Another's pool may have ended meanwhile.
    bool stands() const { return virStoragePoolIsActive(pool_.get()) == 1; }

  private:
    Pool pool_;
    bool made_ = false, missing_ = false;
    int code_ = 0;
    std::string message_;
};
}  // namespace

namespace {
// nullptr: there is none.
Result<Volume> find_file(virConnectPtr connection, const FolderView& folder, const std::string& path,
                         const char* doing) {
    Volume found(virStorageVolLookupByPath(connection, path.c_str()));
    if (found) return found;
    const bool none = last_error_code() == VIR_ERR_NO_STORAGE_VOL;
    if (!none) return last_error(doing);
    if (!folder.stands()) return folder.error(doing);
    return found;
}
}  // namespace

Result<bool> host_has_file(virConnectPtr connection, const std::string& path) {
    constexpr const char* doing = "look for the file";
    const FolderView folder(connection, path);
    if (!folder && folder.silent()) return folder.error(doing);
    if (!folder) return false;  // no such folder
    const auto found = find_file(connection, folder, path, doing);
    if (!found) return found.error();
    return bool(*found);
}

Result<void> remove_host_file(virConnectPtr connection, const std::string& path) {
    constexpr const char* doing = "remove the file";
    const FolderView folder(connection, path);
    if (!folder && folder.missing()) return {};
    if (!folder) return folder.error(doing);
    const auto found = find_file(connection, folder, path, doing);
    if (!found) return found.error();
    if (!*found || virStorageVolDelete(found->get(), 0) == 0) return {};
    return last_error(doing);
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

Volume make_volume(virStoragePoolPtr pool, const std::string& path, std::size_t size) {
    pugi::xml_document doc;
    auto root = doc.append_child("volume");
    set_text(root, "name", std::filesystem::path(path).filename().native());
    set_text(root, "capacity", std::to_string(size));
    set_text(root, "allocation", std::to_string(size));
    root.append_child("target").append_child("format").append_attribute("type").set_value("raw");
    return Volume(virStorageVolCreateXML(pool, to_text(doc).c_str(), 0));
}
}  // namespace

Result<std::optional<std::string>> read_host_file(virConnectPtr connection, const std::string& path,
                                                  std::uint64_t largest) {
    constexpr const char* doing = "read the file";
    const FolderView folder(connection, path);
    if (!folder && folder.missing()) return std::optional<std::string>();
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
    if (!*folder && folder->missing()) folder.emplace(connection, path, VIR_STORAGE_POOL_CREATE_WITH_BUILD);
    if (!*folder) return folder->error(doing);
    auto found = find_file(connection, *folder, path, doing);
    if (!found) return found.error();
    const Volume before(std::move(*found));
    const Volume made(before ? nullptr : make_volume(folder->get(), path, content.size()).release());
    if (!before && !made) return last_error(doing);
    auto done = sent(connection, made ? made.get() : before.get(), content, doing);
    if (!done && made) virStorageVolDelete(made.get(), 0);
    return done;
}

Result<void> TargetStorage::prepare(const std::vector<std::string>& paths) {
    std::set<std::string> folders;
    for (const auto& p : paths) folders.insert(std::filesystem::path(p).parent_path().native());
    for (const auto& folder : folders) {
        Pool pool(virStoragePoolLookupByTargetPath(connection_, folder.c_str()));
        if (pool && virStoragePoolIsActive(pool.get()) != 1) pool.reset();
        if (!pool) {
            const std::string name = pool_name();
            pool = make_pool(connection_, folder, name, VIR_STORAGE_POOL_CREATE_WITH_BUILD);
            if (!pool) return last_error("prepare the folder for the disks at the destination");
            made_pools_.push_back(name);
        }
        virStoragePoolRefresh(pool.get(), 0);
    }
    for (const auto& p : paths) {
        const Volume there(virStorageVolLookupByPath(connection_, p.c_str()));
        if (there)
            return Error{Status::already_exists, "wsvirt.image.exists",
                         "The destination has a file with this name already.", p};
    }
    new_files_ = paths;
    return {};
}

void TargetStorage::remove_new() {
    for (const auto& name : made_pools_)
        if (const Pool pool(virStoragePoolLookupByName(connection_, name.c_str())); pool)
            virStoragePoolRefresh(pool.get(), 0);
    for (const auto& p : new_files_)
        if (const Volume v(virStorageVolLookupByPath(connection_, p.c_str())); v)
            virStorageVolDelete(v.get(), 0);
}

TargetStorage::~TargetStorage() {
    for (const auto& name : made_pools_)
        if (const Pool pool(virStoragePoolLookupByName(connection_, name.c_str())); pool)
            virStoragePoolDestroy(pool.get());
}

}  // namespace wsvirt::backend::libvirt
