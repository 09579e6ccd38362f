// LibvirtHypervisor: disk images. They are on this machine; of a remote host only what both can see.
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/qemu/image.hpp"

namespace wsvirt::backend::libvirt {

qemu::ImageTool image_tool(const Core& core) {
    const Settings& s = core.settings();
    return qemu::ImageTool(s.qemu_img, s.state_dir.empty() ? "" : s.state_dir + "/unfinished");
}

Result<ImageInfo> LibvirtHypervisor::image_info(const Call& call, const std::string& path,
                                                const std::string& format) {
    return image_tool(*core_).info(call, path, format);
}

Result<void> LibvirtHypervisor::create_image(const Call& call, const ImageSpec& spec) {
    return image_tool(*core_).create(call, spec);
}

Result<void> LibvirtHypervisor::convert_image(const Call& call, const std::string& from,
                                              const ImageSpec& to) {
    return image_tool(*core_).convert(call, from, to);
}

Result<void> LibvirtHypervisor::resize_image(const Call& call, const std::string& path,
                                             std::uint64_t new_size) {
    return image_tool(*core_).resize(call, path, new_size);
}

Result<void> LibvirtHypervisor::rebase_image(const Call& call, const std::string& path,
                                             const std::string& backing, const std::string& backing_format) {
    return image_tool(*core_).rebase(call, path, backing, backing_format, false);
}

}  // namespace wsvirt::backend::libvirt
