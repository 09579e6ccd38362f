#include "cim/providers/virtual_system/defaults.hpp"

#include <random>

#include "base/text.hpp"
#include "cim/providers/virtual_system/boot_order.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::vs {

namespace {

// "1234-5678-9012-3456-7890-1234-56"
std::string serial_number() {
    thread_local std::mt19937 random{std::random_device{}()};
    std::uniform_int_distribution<int> digit('0', '9');
    std::string out;
    for (int i = 0; i < 26; ++i) {
        if (i && i % 4 == 0) out += '-';
        out += static_cast<char>(digit(random));
    }
    return out;
}

void new_identity(backend::MachineSpec& s) {
    s.uuid = make_guid();
    s.bios_uuid = make_guid();
    s.serial_number = serial_number();
    s.board_serial = serial_number();
    s.chassis_serial = serial_number();
    s.asset_tag = serial_number();
}

}  // namespace

backend::MachineSpec new_machine() {
    backend::MachineSpec s;
    new_identity(s);
    s.name = default_name;
    s.memory_mib = s.memory_min_mib = s.memory_max_mib = default_memory_mib;
    backend::Display display;
    display.id = info(Kind::display).device;
    s.displays.push_back(std::move(display));
    return s;
}

void complete_generation(backend::MachineSpec& s) {
    if (generation_2(s)) {
        s.boot_order.clear();
        return;
    }
    s.boot_devices.clear();  // of a machine of generation 2 that it is like
    if (s.boot_order.empty()) s.boot_order = default_boot_order();
    for (unsigned n = 0; n < 2; ++n) {
        const bool there = std::any_of(s.controllers.begin(), s.controllers.end(), [&](const auto& c) {
            return c.bus == backend::Bus::ide && c.index == n;
        });
        if (!there)
            s.controllers.push_back({std::string(info(Kind::ide_controller).device) + '-' + std::to_string(n),
                                     backend::Bus::ide,
                                     n,
                                     {}});
    }
}

backend::MachineSpec like(const backend::MachineSpec& reference) {
    auto s = reference;
    new_identity(s);
    // What was noted about the planned system or the snapshot that it is like is not true of it.
    std::erase_if(s.attributes, [](const auto& a) { return a.first.starts_with("Planned."); });
    backend::erase_snapshot_notes(s.attributes);
    for (auto& c : s.controllers)
        if (c.bus == backend::Bus::scsi) c.id = make_guid();
    const auto renamed = [&](const std::string& before, const std::string& now) {
        for (auto& id : s.boot_devices)
            if (id == before) id = now;
    };
    for (auto& d : s.disks) {
        const auto before = d.id;
        d.id = make_guid();
        renamed(before, d.id);
        if (d.device == backend::DiskDevice::cdrom)
            std::erase_if(d.attributes, [](const auto& a) { return a.first.starts_with("Planned."); });
        else
            empty_drive(d);
    }
    for (auto& n : s.nics) {
        const auto before = n.id;
        n.id = make_guid();
        renamed(before, n.id);
        n.mac.clear();
        n.attributes.erase("StaticMacAddress");
    }
    for (auto& p : s.serial_ports) {
        p.kind = backend::SerialPort::Kind::none;
        p.path.clear();
        p.attributes.erase("Connection");
    }
    return s;
}

}  // namespace wsvirt::cim::vs
