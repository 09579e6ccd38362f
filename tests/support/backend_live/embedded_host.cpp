#include "support/backend_live/embedded_host.hpp"

#include <stdexcept>

#include "base/text.hpp"

namespace wsvirt::testing {

using namespace wsvirt::backend;

EmbeddedHost::EmbeddedHost() : folder_("/tmp/wsvirt-" + make_guid().substr(0, 8)) {
    std::filesystem::create_directories(folder_ / "vms");
    libvirt::Settings settings;
    settings.state_dir = folder_ / "state";
    settings.accelerator = "tcg";
    settings.name = "embedded";
    settings.switches = {{"LAN", "wsvirt-lan", ""}};
    auto opened = libvirt::open_libvirt(settings);
    if (!opened) throw std::runtime_error(opened.error().full_text());
    hypervisor_ = std::move(*opened);
}

EmbeddedHost::~EmbeddedHost() {
    for (const auto& m : hypervisor_->machines()) remove(m->spec.uuid);
    hypervisor_.reset();
    std::error_code ec;
    std::filesystem::remove_all(folder_, ec);
    // The short name of a deep folder stays as long as the folder.
    for (const char* place : {"/run", "/tmp"})
        for (const auto& e : std::filesystem::directory_iterator(place, ec))
            if (e.is_symlink(ec) && std::filesystem::read_symlink(e.path(), ec) == folder_ / "state" / "qemu")
                std::filesystem::remove(e.path(), ec);
}

EmbeddedHost& EmbeddedHost::shared() {
    static EmbeddedHost host;
    return host;
}

MachineSpec EmbeddedHost::bare(const std::string& name) const {
    MachineSpec s;
    s.uuid = make_guid();
    s.name = name;
    s.memory_mib = s.memory_max_mib = s.memory_min_mib = 16;
    s.controllers = {{make_guid(), Bus::ide, 0, {}}, {make_guid(), Bus::ide, 1, {}}};
    s.boot_order = {BootDevice::disk};
    return s;
}

Disk EmbeddedHost::new_disk(const std::string& format) {
    Disk d;
    d.id = make_guid();
    d.bus = Bus::ide;
    d.format = format;
    d.path = folder_ / "vms" / (make_guid() + "." + format);
    ImageSpec image;
    image.path = d.path;
    image.format = format;
    image.size = 8 << 20;
    if (auto ok = hypervisor_->create_image(within(patience), image); !ok)
        throw std::runtime_error(ok.error().full_text());
    return d;
}

void EmbeddedHost::remove(const std::string& uuid) {
    hypervisor_->power_off(within(patience), uuid);
    hypervisor_->undefine(within(patience), uuid);
}

Call within(int seconds) {
    Call c;
    c.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    return c;
}

}  // namespace wsvirt::testing
