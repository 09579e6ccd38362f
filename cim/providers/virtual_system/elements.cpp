#include "cim/providers/virtual_system/elements.hpp"

#include "base/text.hpp"

namespace wsvirt::cim::vs {

using backend::Bus;
using backend::Disk;
using backend::DiskDevice;
using backend::MachineSpec;

namespace {

constexpr std::array all_kinds = {
    Kind::processor,  Kind::memory,      Kind::ide_controller, Kind::scsi_controller,
    Kind::disk_drive, Kind::dvd_drive,   Kind::diskette_drive, Kind::hard_disk,
    Kind::dvd_disk,   Kind::floppy_disk, Kind::synthetic_nic,  Kind::emulated_nic,
    Kind::connection, Kind::serial_port, Kind::display,        Kind::keyboard,
    Kind::mouse,      Kind::shutdown,    Kind::time_sync,      Kind::heartbeat,
    Kind::kvp,        Kind::vss,         Kind::guest_service};

std::string number(unsigned n) {
    return std::to_string(n);
}

const backend::Controller* scsi_controller(const MachineSpec& s, unsigned index) {
    for (const auto& c : s.controllers)
        if (c.bus == Bus::scsi && c.index == index) return &c;
    return nullptr;
}

// Controllers that something else than wsvirt defined have no id of ours: theirs is made from the index.
std::string controller_id(const backend::Controller& c) {
    if (!c.id.empty()) return c.id;
    auto n = number(c.index);
    return "C0000000-0000-4000-8000-" + std::string(12 - n.size(), '0') + n;
}

// "<controller>\<number>\<slot>", without the letter that tells drive from medium.
std::string location(const MachineSpec& s, const Disk& d) {
    if (d.bus == Bus::fdc) return R"(8F0D2762-0B00-4E04-AF4F-19010527CB93\0\0)";
    if (d.bus == Bus::ide)
        return std::string(info(Kind::ide_controller).device) + '\\' + number(d.controller) + '\\' +
               number(d.unit);
    if (d.bus == Bus::scsi)
        if (const auto* c = scsi_controller(s, d.controller))
            return controller_id(*c) + "\\0\\" + number(d.unit);
    const char* bus = d.bus == Bus::sata ? "sata" : d.bus == Bus::virtio ? "virtio" : "scsi";
    return std::string(bus) + '\\' + number(d.controller) + '\\' + number(d.unit);
}

std::string nic_id(const backend::Nic& n, unsigned index) {
    if (!n.id.empty()) return n.id;
    auto i = number(index);
    return "E0000000-0000-4000-8000-" + std::string(12 - i.size(), '0') + i;
}

void append_disks(const MachineSpec& s, Kind k, std::vector<Element>& out) {
    for (unsigned i = 0; i < s.disks.size(); ++i) {
        const auto& d = s.disks[i];
        if (drive_kind(d) == k || (!d.path.empty() && medium_kind(d) == k)) out.push_back({k, i});
    }
}

void append_nics(const MachineSpec& s, Kind k, std::vector<Element>& out) {
    for (unsigned i = 0; i < s.nics.size(); ++i) {
        const auto& n = s.nics[i];
        const auto kind = n.model == backend::NicModel::virtio ? Kind::synthetic_nic : Kind::emulated_nic;
        if (kind == k || (k == Kind::connection && has_connection(n))) out.push_back({k, i});
    }
}

const backend::OtherDevice* other(const MachineSpec& s, Kind k) {
    for (const auto& o : s.others)
        if (o.id == info(k).device) return &o;
    return nullptr;
}

}  // namespace

Kind drive_kind(const Disk& d) {
    if (d.device == DiskDevice::cdrom) return Kind::dvd_drive;
    return d.device == DiskDevice::floppy ? Kind::diskette_drive : Kind::disk_drive;
}

Kind medium_kind(const Disk& d) {
    if (d.device == DiskDevice::cdrom) return Kind::dvd_disk;
    return d.device == DiskDevice::floppy ? Kind::floppy_disk : Kind::hard_disk;
}

const Disk* floppy_of(const MachineSpec& s) {
    for (const auto& d : s.disks)
        if (d.device == DiskDevice::floppy) return &d;
    return nullptr;
}

const backend::SerialPort* serial_of(const MachineSpec& s, unsigned port) {
    for (const auto& p : s.serial_ports)
        if (p.port == port) return &p;
    return nullptr;
}

bool has_connection(const backend::Nic& n) {
    return n.link != backend::NicLink::none || n.attributes.contains(std::string(connection_present));
}

void append_elements(const MachineSpec& s, Kind k, std::vector<Element>& out) {
    switch (k) {
        case Kind::physical_drive:
            break;
        case Kind::ide_controller:
            if (!generation_2(s)) out.push_back({k, 0}), out.push_back({k, 1});
            break;
        case Kind::scsi_controller:
            for (unsigned i = 0; i < s.controllers.size(); ++i)
                if (s.controllers[i].bus == Bus::scsi) out.push_back({k, i});
            break;
        case Kind::diskette_drive:
            if (!generation_2(s) && !floppy_of(s)) out.push_back({k, static_cast<unsigned>(s.disks.size())});
            [[fallthrough]];
        case Kind::disk_drive:
        case Kind::dvd_drive:
        case Kind::hard_disk:
        case Kind::dvd_disk:
        case Kind::floppy_disk:
            append_disks(s, k, out);
            break;
        case Kind::synthetic_nic:
        case Kind::emulated_nic:
        case Kind::connection:
            append_nics(s, k, out);
            break;
        case Kind::serial_port:
            for (unsigned p = 0; p < com_ports; ++p) out.push_back({k, p});
            break;
        case Kind::display:
            for (unsigned i = 0; i < s.displays.size() && i < 1; ++i) out.push_back({k, i});
            break;
        default:
            out.push_back({k, 0});
            break;
    }
}

std::vector<Element> elements(const MachineSpec& s) {
    std::vector<Element> out;
    for (auto k : all_kinds) append_elements(s, k, out);
    return out;
}

std::string device_data(const MachineSpec& s, const Element& e) {
    const auto fixed = info(e.kind).device;
    switch (e.kind) {
        case Kind::ide_controller:
        case Kind::serial_port:
            return std::string(fixed) + '\\' + number(e.index);
        case Kind::scsi_controller:
            return controller_id(s.controllers[e.index]) + "\\0";
        case Kind::diskette_drive:
        case Kind::floppy_disk:
            return std::string(fixed);
        case Kind::disk_drive:
        case Kind::dvd_drive:
            return location(s, s.disks[e.index]) + "\\D";
        case Kind::hard_disk:
        case Kind::dvd_disk:
            return location(s, s.disks[e.index]) + "\\L";
        case Kind::synthetic_nic:
        case Kind::emulated_nic:
            return nic_id(s.nics[e.index], e.index);
        case Kind::connection:
            return nic_id(s.nics[e.index], e.index) + "\\C";
        default:
            return std::string(fixed);
    }
}

std::optional<Element> find_element(const MachineSpec& s, std::string_view device) {
    for (const auto& e : elements(s))
        if (iequals(device_data(s, e), device)) return e;
    return std::nullopt;
}

std::optional<Element> parent_of(const MachineSpec& s, const Element& e) {
    switch (e.kind) {
        case Kind::disk_drive:
        case Kind::dvd_drive: {
            const auto& d = s.disks[e.index];
            if (d.bus == Bus::ide) return Element{Kind::ide_controller, d.controller};
            if (d.bus != Bus::scsi) return std::nullopt;
            for (unsigned i = 0; i < s.controllers.size(); ++i)
                if (s.controllers[i].bus == Bus::scsi && s.controllers[i].index == d.controller)
                    return Element{Kind::scsi_controller, i};
            return std::nullopt;
        }
        case Kind::hard_disk:
            return Element{Kind::disk_drive, e.index};
        case Kind::dvd_disk:
            return Element{Kind::dvd_drive, e.index};
        case Kind::floppy_disk:
            return Element{Kind::diskette_drive, e.index};
        case Kind::connection:
            return Element{
                s.nics[e.index].model == backend::NicModel::virtio ? Kind::synthetic_nic : Kind::emulated_nic,
                e.index};
        default:
            return std::nullopt;
    }
}

void empty_drive(backend::Disk& d) {
    d.path.clear();
    d.format.clear();
    d.shareable = false;
    d.iops_limit.reset();
    d.iops_reservation.reset();
    std::erase_if(d.attributes, [](const auto& a) {
        return a.first.starts_with(medium_prefix) || a.first.starts_with("Planned.");
    });
}

KeptIn kept_in(const MachineSpec& s, const Element& e) {
    switch (e.kind) {
        case Kind::processor:
            return {&s.attributes, processor_prefix};
        case Kind::memory:
            return {&s.attributes, memory_prefix};
        case Kind::ide_controller:
            for (const auto& c : s.controllers)
                if (c.bus == Bus::ide && c.index == e.index) return {&c.attributes, {}};
            return {};
        case Kind::scsi_controller:
            return {&s.controllers[e.index].attributes, {}};
        case Kind::disk_drive:
        case Kind::dvd_drive:
        case Kind::diskette_drive:
            return e.index < s.disks.size() ? KeptIn{&s.disks[e.index].attributes, {}} : KeptIn{};
        case Kind::hard_disk:
        case Kind::dvd_disk:
        case Kind::floppy_disk:
            return {&s.disks[e.index].attributes, medium_prefix};
        case Kind::synthetic_nic:
        case Kind::emulated_nic:
            return {&s.nics[e.index].attributes, {}};
        case Kind::connection:
            return {&s.nics[e.index].attributes, connection_prefix};
        case Kind::serial_port: {
            const auto* p = serial_of(s, e.index);
            return p ? KeptIn{&p->attributes, {}} : KeptIn{};
        }
        case Kind::display:
            return {&s.displays[e.index].attributes, {}};
        default: {
            const auto* o = other(s, e.kind);
            return o ? KeptIn{&o->attributes, {}} : KeptIn{};
        }
    }
}

KeepIn keep_in(MachineSpec& s, const Element& e) {
    auto have = kept_in(s, e);
    // The map belongs to `s`, which the caller may change.
    if (have.map) return {const_cast<backend::Attributes*>(have.map), have.prefix};
    switch (e.kind) {
        case Kind::ide_controller:
            s.controllers.push_back({std::string(info(e.kind).device), Bus::ide, e.index, {}});
            return {&s.controllers.back().attributes, {}};
        case Kind::diskette_drive: {
            Disk d;
            d.id = std::string(info(e.kind).device);
            d.device = DiskDevice::floppy;
            d.bus = Bus::fdc;
            s.disks.push_back(std::move(d));
            return {&s.disks.back().attributes, {}};
        }
        case Kind::serial_port: {
            backend::SerialPort p;
            p.id = device_data(s, e);
            p.port = e.index;
            s.serial_ports.push_back(std::move(p));
            return {&s.serial_ports.back().attributes, {}};
        }
        default:
            s.others.push_back({std::string(info(e.kind).device), std::string(info(e.kind).caption), {}});
            return {&s.others.back().attributes, {}};
    }
}

}  // namespace wsvirt::cim::vs
