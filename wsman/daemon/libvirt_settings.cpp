#include "wsman/daemon/libvirt_settings.hpp"

namespace wsvirt::wsman {

namespace {

std::vector<backend::libvirt::NamedSwitch> named(const std::vector<SwitchConfig>& switches) {
    std::vector<backend::libvirt::NamedSwitch> r;
    for (const auto& w : switches) r.push_back({w.name, w.bridge, w.network});
    return r;
}

backend::libvirt::FirmwareFiles files(const FirmwareConfig& f) {
    return {f.code, f.vars, f.secure_code, f.secure_vars};
}

}  // namespace

backend::libvirt::Settings libvirt_settings(const Config& config) {
    const auto& b = config.backend;
    backend::libvirt::Settings s;
    s.uri = b.uri;
    s.state_dir = config.server.state_dir.string();
    s.name = config.server.name;
    s.accelerator = b.accelerator;
    s.emulator = b.emulator;
    s.qemu_img = b.qemu_img;
    s.qemu_nbd = b.qemu_nbd;
    s.firmware = files(b.firmware);
    s.open_limit = b.open_limit;
    s.call_limit = b.call_limit;
    s.read_limit = b.read_limit;
    s.agent_limit = b.agent_limit;
    s.shut_down_limit = b.shut_down_limit;
    s.max_workers = b.max_calls;
    s.libvirt_log_limit = b.libvirt_log_limit;
    s.switches = named(b.switches);
    return s;
}

backend::libvirt::Settings libvirt_settings(const Config& config, const HostConfig& host) {
    auto s = libvirt_settings(config);
    s.uri = host.uri;
    s.name = host.name;
    s.accelerator = host.accelerator;
    s.emulator = host.emulator;
    s.firmware = files(host.firmware);
    s.start_disconnected = true;
    s.switches = named(host.switches);
    return s;
}

}  // namespace wsvirt::wsman
