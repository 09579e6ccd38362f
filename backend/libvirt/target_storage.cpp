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
}  // namespace

Result<void> TargetStorage::prepare(const std::vector<std::string>& paths) {
    std::set<std::string> folders;
    for (const auto& p : paths) folders.insert(std::filesystem::path(p).parent_path().native());
    for (const auto& folder : folders) {
        Pool pool(virStoragePoolLookupByTargetPath(connection_, folder.c_str()));
        if (pool && virStoragePoolIsActive(pool.get()) != 1) pool.reset();
        if (!pool) {
            pugi::xml_document doc;
            auto root = doc.append_child("pool");
            root.append_attribute("type").set_value("dir");
            const std::string name = "wsvirt-" + to_lower(make_guid());
            set_text(root, "name", name);
            set_text(root.append_child("target"), "path", folder);
            pool.reset(virStoragePoolCreateXML(connection_, to_text(doc).c_str(),
                                               VIR_STORAGE_POOL_CREATE_WITH_BUILD));
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
