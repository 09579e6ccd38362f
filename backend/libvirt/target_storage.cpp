#include "backend/libvirt/target_storage.hpp"

#include <libvirt/virterror.h>

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
    FolderView(virConnectPtr connection, const std::string& path) {
        const std::string folder = std::filesystem::path(path).parent_path().native();
        pool_.reset(virStoragePoolLookupByTargetPath(connection, folder.c_str()));
        if (pool_ && virStoragePoolIsActive(pool_.get()) != 1) pool_.reset();
        if (pool_) {
            virStoragePoolRefresh(pool_.get(), 0);
            return;
        }
        pool_ = make_pool(connection, folder, pool_name(), 0);
        made_ = bool(pool_);
        if (!made_) error_ = last_error_code();
    }
    ~FolderView() {
        if (made_) virStoragePoolDestroy(pool_.get());
    }
    FolderView(const FolderView&) = delete;
    FolderView& operator=(const FolderView&) = delete;
    explicit operator bool() const { return bool(pool_); }
    int error() const { return error_; }

  private:
    Pool pool_;
    bool made_ = false;
    int error_ = 0;
};
}  // namespace

Result<bool> host_has_file(virConnectPtr connection, const std::string& path) {
    const FolderView folder(connection, path);
    if (!folder && (folder.error() == VIR_ERR_NO_SUPPORT || folder.error() == VIR_ERR_NO_CONNECT))
        return last_error("look for the file");
    if (!folder) return false;  // no such folder
    return bool(Volume(virStorageVolLookupByPath(connection, path.c_str())));
}

void remove_host_files(virConnectPtr connection, const std::vector<std::string>& paths) {
    for (const auto& p : paths) {
        const FolderView folder(connection, p);
        if (const Volume v(folder ? virStorageVolLookupByPath(connection, p.c_str()) : nullptr); v)
            virStorageVolDelete(v.get(), 0);
    }
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
        if (!there) new_files_.push_back(p);
    }
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
