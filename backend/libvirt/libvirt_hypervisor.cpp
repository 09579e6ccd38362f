#include "backend/libvirt/libvirt_hypervisor.hpp"

#include "backend/libvirt/disk_servers.hpp"
#include "backend/libvirt/firmware.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/recovery_on_return.hpp"
#include "backend/qemu/image.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// Most of what was cut off is finished within it, so that nobody sees a machine that is not whole.
constexpr std::chrono::seconds recovery_patience{10};

}  // namespace

LibvirtHypervisor::LibvirtHypervisor(Settings settings) : core_(std::make_shared<Core>()) {
    core_->connector = std::make_shared<Connector>(std::move(settings));
    core_->workers = std::make_unique<Workers>(core_->connector);
    core_->opener = std::make_unique<Opener>(core_->connector);
    const Settings& s = core_->settings();
    // Of another host that is what is supposed until its libvirt has been asked.
    core_->options.firmware = s.find_firmware ? with_found(s.firmware, has_firmware_here) : s.firmware;
    core_->options.emulator = s.emulator;
    core_->options.disk_server_dir = core_->connector->disk_server_dir();
    core_->options.domain_type = core_->connector->kind() == HostKind::test ? "test" : "qemu";
}

LibvirtHypervisor::~LibvirtHypervisor() {
    core_->opener->give_up();
}

Result<void> LibvirtHypervisor::open() {
    if (auto ok = core_->connector->prepare(); !ok) return ok;
    image_tool(*core_).remove_left_overs();
    look_at_files(*core_);
    watcher_ = std::make_unique<Watcher>(core_->connector, core_->inventory,
                                         [core = std::weak_ptr<Core>(core_)](virConnectPtr connection) {
                                             if (const auto c = core.lock()) look_at_host(*c, connection);
                                         });
    recovery_ = std::make_unique<RecoveryOnReturn>(core_);
    auto first = watcher_->wait_first();
    if (first) end_left_servers(*core_);
    if (first) recovery_->look_now(recovery_patience);
    return core_->settings().start_disconnected ? Result<void>() : first;
}

std::vector<std::shared_ptr<const Machine>> LibvirtHypervisor::machines() const {
    return core_->inventory->machines();
}

std::shared_ptr<const Machine> LibvirtHypervisor::machine(std::string_view uuid) const {
    return core_->inventory->machine(uuid);
}

bool LibvirtHypervisor::connected() const {
    return core_->inventory->connected();
}

bool LibvirtHypervisor::knows_since_when(std::string_view uuid) const {
    return core_->inventory->knows_since_when(uuid);
}

std::shared_ptr<void> LibvirtHypervisor::subscribe(std::function<void(const Event&)> on_event) {
    return core_->inventory->subscribe(std::move(on_event));
}

Result<std::unique_ptr<Hypervisor>> open_libvirt(Settings settings) {
    auto h = std::make_unique<LibvirtHypervisor>(std::move(settings));
    if (auto ok = h->open(); !ok) return ok.error();
    return std::unique_ptr<Hypervisor>(std::move(h));
}

}  // namespace wsvirt::backend::libvirt
