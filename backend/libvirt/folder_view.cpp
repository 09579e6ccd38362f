#include "backend/libvirt/folder_view.hpp"

#include <libvirt/virterror.h>

#include <cerrno>
#include <filesystem>
#include <pugixml.hpp>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/errors.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

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

namespace {
std::string volume_xml(const std::string& path, std::uint64_t size, bool sparse, const std::string& format) {
    pugi::xml_document doc;
    auto root = doc.append_child("volume");
    set_text(root, "name", std::filesystem::path(path).filename().native());
    set_text(root, "capacity", std::to_string(size));
    set_text(root, "allocation", sparse ? "0" : std::to_string(size));
    auto target = root.append_child("target");
    target.append_child("format").append_attribute("type").set_value(format.c_str());
    if (format == "qcow2") set_text(target, "compat", "1.1");
    return to_text(doc);
}
}  // namespace

Volume make_volume(virStoragePoolPtr pool, const std::string& path, std::uint64_t size, bool sparse,
                   const std::string& format) {
    return Volume(virStorageVolCreateXML(pool, volume_xml(path, size, sparse, format).c_str(), 0));
}

Volume copy_volume(virStoragePoolPtr pool, const std::string& path, virStorageVolPtr from) {
    virStorageVolInfo info{};
    if (virStorageVolGetInfo(from, &info) < 0) return nullptr;
    const std::string xml = volume_xml(path, info.capacity, false, "raw");
    return Volume(virStorageVolCreateXMLFrom(pool, xml.c_str(), from, 0));
}

FolderView::FolderView(virConnectPtr connection, const std::string& path, unsigned flags) {
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

FolderView::~FolderView() {
    if (made_) virStoragePoolDestroy(pool_.get());
}

bool FolderView::silent() const {
    return code_ == VIR_ERR_NO_SUPPORT || code_ == VIR_ERR_NO_CONNECT || connection_lost(code_, message_);
}

Error FolderView::error(const char* doing) const {
    return error_from(code_, message_, doing);
}

Result<Volume> find_file(virConnectPtr connection, const FolderView& folder, const std::string& path,
                         const char* doing) {
    Volume found(virStorageVolLookupByPath(connection, path.c_str()));
    if (found) return found;
    const bool none = last_error_code() == VIR_ERR_NO_STORAGE_VOL;
    if (!none) return last_error(doing);
    if (!folder.stands()) return folder.error(doing);
    return found;
}

}  // namespace wsvirt::backend::libvirt
