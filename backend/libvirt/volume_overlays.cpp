// LibvirtHypervisor: which files of a host at the other end of a network stand on others, as libvirt's
// volumes tell.
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/folder_view.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/qemu/overlays.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* doing = "look for files that stand on the disk";

Result<qemu::Below> look_into(virConnectPtr connection, const std::string& folder) {
    const FolderView view(connection, folder + "/.");
    if (view.missing()) return qemu::Below();
    if (!view || !view.shows_all()) return view.error(doing);
    virStorageVolPtr* list = nullptr;
    const int n = virStoragePoolListAllVolumes(view.get(), &list, 0);
    if (n < 0) return last_error(doing);
    std::vector<Volume> volumes;
    for (int i = 0; i < n; ++i) volumes.emplace_back(list[i]);
    std::free(list);
    qemu::Below below;
    for (const auto& volume : volumes) {
        pugi::xml_document doc;
        doc.load_string(take(virStorageVolGetXMLDesc(volume.get(), 0)).c_str());
        const auto root = doc.child("volume");
        const std::string file = root.child("backingStore").child("path").text().get();
        if (!file.empty()) below[root.child("target").child("path").text().get()] = file;
    }
    return below;
}

}  // namespace

Result<std::vector<std::string>> LibvirtHypervisor::overlays_of(
    const Call& call, const std::vector<std::string>& files,
    const std::map<std::string, std::string>& disks) {
    using Found = std::vector<std::string>;
    return core_->workers->run<Found>(
        call, {doing, core_->settings().call_limit, false, {}, {}},
        [wanted = std::set<std::string>(files.begin(), files.end()), disks](Session& s) -> Result<Found> {
            const auto look = [&s](const std::string& folder) -> Result<qemu::Below> {
                if (s.stop.stop_requested()) return cancelled(doing);
                return look_into(s.connection, folder);
            };
            return qemu::search_overlays(look, wanted, disks);
        });
}

}  // namespace wsvirt::backend::libvirt
