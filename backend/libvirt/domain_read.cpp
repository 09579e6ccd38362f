#include <algorithm>
#include <sstream>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/spec_fields.hpp"
#include "backend/libvirt/unknown_in.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

std::string value(pugi::xml_node node, const char* attribute) {
    return node.attribute(attribute).value();
}

std::uint64_t kib(pugi::xml_node node) {
    const std::string_view unit = node.attribute("unit").as_string("KiB");
    const std::uint64_t n = node.text().as_ullong();
    if (unit == "b" || unit == "bytes") return n / 1024;
    if (unit == "M" || unit == "MiB") return n * 1024;
    if (unit == "G" || unit == "GiB") return n * 1024 * 1024;
    if (unit == "T" || unit == "TiB") return n * 1024 * 1024 * 1024;
    return n;
}

// --- what libvirt alone says ---

Disk read_disk(pugi::xml_node node, const Slot& slot, const std::string& uuid) {
    Disk d;
    value_of(disk_device_names, node.attribute("device").as_string("disk"), d.device);
    d.bus = slot.bus;
    d.controller = slot.controller;
    d.unit = slot.unit;
    const auto source = node.child("source");
    const bool served = is_served(node);
    d.path = value(source, served ? "name" : source.attribute("file") ? "file" : "dev");
    if (!d.path.empty()) d.format = format_of(node);
    d.read_only = bool(node.child("readonly"));
    d.shareable = bool(node.child("shareable"));
    if (const auto limit = node.child("iotune").child("total_iops_sec");
        limit && limit.text().as_ullong() > 0)
        d.iops_limit = limit.text().as_ullong();
    d.serial = node.child("serial").text().get();
    d.id = derived_guid(uuid, "disk " + target_name(slot));
    return d;
}

Nic read_nic(pugi::xml_node node, const std::string& uuid) {
    Nic n;
    const std::string type = value(node, "type");
    if (!value_of(nic_link_names, type, n.link)) n.link = NicLink::none;  // a kind we cannot plug ourselves
    const auto source = node.child("source");
    if (n.link == NicLink::bridge) n.source = value(source, "bridge");
    if (n.link == NicLink::network) n.source = value(source, "network");
    n.mac = to_lower(value(node.child("mac"), "address"));
    const std::string model = value(node.child("model"), "type");
    if (!value_of(nic_model_names, model, n.model))
        n.model = model.starts_with("virtio") ? NicModel::virtio : NicModel::rtl8139;
    n.link_up = value(node.child("link"), "state") != "down";
    n.id = derived_guid(uuid, "nic " + n.mac);
    return n;
}

SerialPort read_serial(pugi::xml_node node, const std::string& uuid) {
    SerialPort p;
    p.port = node.child("target").attribute("port").as_uint();
    const std::string type = value(node, "type");
    using Kind = SerialPort::Kind;
    if (type == "unix") p.kind = Kind::pipe_server;
    if (type == "file") p.kind = Kind::file;
    if (type == "pty") p.kind = Kind::pty;
    if (p.kind == Kind::pipe_server || p.kind == Kind::file) p.path = value(node.child("source"), "path");
    p.id = derived_guid(uuid, "serial " + std::to_string(p.port));
    return p;
}

void read_devices(pugi::xml_node devices, MachineSpec& s) {
    if (s.firmware == Firmware::bios)
        for (const unsigned channel : {0u, 1u})
            s.controllers.push_back(
                {derived_guid(s.uuid, "ide " + std::to_string(channel)), Bus::ide, channel, {}});
    for (const auto c : devices.children("controller"))
        if (value(c, "type") == "scsi") {
            const unsigned index = c.attribute("index").as_uint();
            s.controllers.push_back(
                {derived_guid(s.uuid, "scsi " + std::to_string(index)), Bus::scsi, index, {}});
        }
    for (const auto d : devices.children("disk"))
        if (const auto slot = slot_of(d)) s.disks.push_back(read_disk(d, *slot, s.uuid));
    for (const auto n : devices.children("interface")) s.nics.push_back(read_nic(n, s.uuid));
    for (const auto p : devices.children("serial")) s.serial_ports.push_back(read_serial(p, s.uuid));
    if (const auto g = devices.child("graphics")) {
        Display d;
        d.id = derived_guid(s.uuid, "display");
        d.video_ram_kib = devices.child("video").child("model").attribute("vram").as_uint(16384);
        s.displays.push_back(std::move(d));
    }
}

void read_boot(pugi::xml_node domain, MachineSpec& s) {
    for (const auto b : domain.child("os").children("boot")) {
        BootDevice device{};
        if (value_of(boot_names, value(b, "dev"), device)) s.boot_order.push_back(device);
    }
    std::vector<std::pair<unsigned, std::string>> ordered;
    const auto devices = domain.child("devices");
    for (const auto d : devices.children("disk"))
        if (const auto slot = slot_of(d); slot && d.child("boot"))
            for (const auto& disk : s.disks)
                if (slot_of(disk) == *slot)
                    ordered.emplace_back(d.child("boot").attribute("order").as_uint(), disk.id);
    for (const auto n : devices.children("interface"))
        if (n.child("boot"))
            for (const auto& nic : s.nics)
                if (iequals(nic.mac, value(n.child("mac"), "address")))
                    ordered.emplace_back(n.child("boot").attribute("order").as_uint(), nic.id);
    std::sort(ordered.begin(), ordered.end());
    for (auto& [order, id] : ordered) s.boot_devices.push_back(std::move(id));
}

std::string smbios(pugi::xml_node domain, const char* block, const char* name) {
    const auto info = domain.find_child_by_attribute("sysinfo", "type", "smbios");
    return info.child(block).find_child_by_attribute("entry", "name", name).text().get();
}

MachineSpec read_plain(pugi::xml_node domain) {
    MachineSpec s;
    s.uuid = to_upper(domain.child("uuid").text().get());
    s.name = domain.child("title").text().get();
    if (trim(s.name).empty()) s.name = domain.child("name").text().get();
    s.description = domain.child("description").text().get();
    const auto os = domain.child("os");
    const bool uefi = value(os, "firmware") == "efi" || value(os.child("loader"), "type") == "pflash";
    s.firmware = uefi ? Firmware::uefi : Firmware::bios;
    s.secure_boot = uefi && value(os.child("loader"), "secure") == "yes";
    const auto vcpu = domain.child("vcpu");
    s.processors = std::max(1u, vcpu.attribute("current").as_uint(vcpu.text().as_uint(1)));
    s.memory_max_mib = kib(domain.child("memory")) / 1024;
    const auto current = domain.child("currentMemory");
    s.memory_mib = current ? kib(current) / 1024 : s.memory_max_mib;
    s.dynamic_memory = s.memory_mib != s.memory_max_mib;
    s.memory_min_mib = s.memory_mib;
    const auto tune = domain.child("cputune");
    if (const auto quota = tune.child("quota"); quota && quota.text().as_llong() > 0)
        s.cpu_limit_permille = static_cast<unsigned>(quota.text().as_llong() * 1000 /
                                                     tune.child("period").text().as_llong(cpu_period_us));
    if (tune.child("shares")) s.cpu_weight = tune.child("shares").text().as_uint();
    for (const char* name : {"vmx", "svm"})
        if (value(domain.child("cpu").find_child_by_attribute("feature", "name", name), "policy") ==
            "require")
            s.nested_virtualization = true;
    s.serial_number = smbios(domain, "system", "serial");
    s.board_serial = smbios(domain, "baseBoard", "serial");
    s.chassis_serial = smbios(domain, "chassis", "serial");
    s.asset_tag = smbios(domain, "chassis", "asset");
    read_devices(domain.child("devices"), s);
    read_boot(domain, s);
    return s;
}

// --- joined with what the metadata keeps ---

// libvirt's value, unless it is just what we made of the kept one.
template <class T>
void prefer(T& kept, const T& seen, const T& written) {
    if (seen != written) kept = seen;
}

void join_texts(MachineSpec& kept, const MachineSpec& seen, pugi::xml_node domain) {
    const std::string title(trim(domain.child("title").text().get()));
    if (title != title_for(kept)) kept.name = seen.name;
    if (trim(seen.description) != description_for(kept)) kept.description = seen.description;
    const auto join = [](std::string& mine, const std::string& theirs) {
        if (xml_text(mine) && trim(mine) != trim(theirs)) mine = theirs;
    };
    join(kept.serial_number, seen.serial_number);
    join(kept.board_serial, seen.board_serial);
    join(kept.chassis_serial, seen.chassis_serial);
    join(kept.asset_tag, seen.asset_tag);
}

void join_numbers(MachineSpec& kept, const MachineSpec& seen, pugi::xml_node domain) {
    if (seen.memory_max_mib != memory_kib_for(kept) / 1024) {
        kept.memory_max_mib = seen.memory_max_mib;
        kept.dynamic_memory = seen.dynamic_memory;
    }
    if (seen.memory_mib != kept.memory_mib) {
        kept.memory_mib = seen.memory_mib;
        kept.memory_min_mib = std::min(kept.memory_min_mib, kept.memory_mib);
    }
    kept.processors = seen.processors;
    const auto tune = domain.child("cputune");
    if (const auto quota = tune.child("quota")) {
        const auto period = tune.child("period").text().as_llong(cpu_period_us);
        const bool as_written = kept.cpu_limit_permille && period == cpu_period_us &&
                                quota.text().as_llong() == cpu_quota_us(*kept.cpu_limit_permille);
        if (!as_written) kept.cpu_limit_permille = seen.cpu_limit_permille;
    }
    if (tune.child("shares")) kept.cpu_weight = seen.cpu_weight;
}

void join_disks(MachineSpec& kept, std::vector<Disk> seen) {
    std::erase_if(kept.disks, [&](Disk& mine) {
        const auto same = std::find_if(seen.begin(), seen.end(), [&](const Disk& d) {
            return slot_of(d) == slot_of(mine) && d.device == mine.device;
        });
        if (same == seen.end()) return !(mine.device == DiskDevice::disk && mine.path.empty());
        if (same->path != mine.path) {
            mine.path = same->path;
            mine.format = same->format;
        } else if (!mine.path.empty()) {
            mine.format = same->format;
        }
        if (mine.device != DiskDevice::cdrom) mine.read_only = same->read_only;
        mine.shareable = same->shareable;
        mine.iops_limit = same->iops_limit;
        mine.serial = same->serial;
        seen.erase(same);
        return false;
    });
    for (Disk& d : seen) {
        // an element in the slot of a drive that had no medium: its medium came from outside
        const auto drive = std::find_if(kept.disks.begin(), kept.disks.end(),
                                        [&](const Disk& mine) { return slot_of(mine) == slot_of(d); });
        if (drive == kept.disks.end()) {
            kept.disks.push_back(std::move(d));
        } else {
            d.id = drive->id;
            d.attributes = drive->attributes;
            *drive = std::move(d);
        }
    }
}

void join_nics(MachineSpec& kept, std::vector<Nic> seen) {
    std::erase_if(kept.nics, [&](Nic& mine) {
        const auto same =
            std::find_if(seen.begin(), seen.end(), [&](const Nic& n) { return iequals(n.mac, mine.mac); });
        if (same == seen.end()) return true;
        const bool still_unplugged =
            mine.link == NicLink::none && same->link == NicLink::user && !same->link_up;
        if (!still_unplugged) {
            mine.link = same->link;
            mine.source = same->source;
            mine.link_up = same->link_up;
        }
        mine.model = same->model;
        seen.erase(same);
        return false;
    });
    for (Nic& n : seen) kept.nics.push_back(std::move(n));
}

void join_serials(MachineSpec& kept, std::vector<SerialPort> seen) {
    std::erase_if(kept.serial_ports, [&](SerialPort& mine) {
        const auto same =
            std::find_if(seen.begin(), seen.end(), [&](const SerialPort& p) { return p.port == mine.port; });
        if (same == seen.end()) return mine.kind != SerialPort::Kind::none;
        mine.kind = same->kind;
        if (mine.kind == SerialPort::Kind::pipe_server || mine.kind == SerialPort::Kind::file)
            mine.path = same->path;
        seen.erase(same);
        return false;
    });
    for (SerialPort& p : seen) kept.serial_ports.push_back(std::move(p));
}

void join_controllers(MachineSpec& kept, const std::vector<Controller>& seen) {
    const auto same = [](const Controller& a, const Controller& b) {
        return a.bus == b.bus && a.index == b.index;
    };
    std::erase_if(kept.controllers, [&](const Controller& mine) {
        return mine.bus == Bus::scsi &&
               std::none_of(seen.begin(), seen.end(), [&](const Controller& c) { return same(c, mine); });
    });
    for (const auto& c : seen)
        if (c.bus == Bus::scsi && std::none_of(kept.controllers.begin(), kept.controllers.end(),
                                               [&](const Controller& mine) { return same(c, mine); }))
            kept.controllers.push_back(c);
}

void join_displays(MachineSpec& kept, const std::vector<Display>& seen, bool has_video) {
    using Kind = Display::Kind;
    const auto vnc = [](const Display& d) { return d.kind == Kind::vnc; };
    const bool had = std::any_of(kept.displays.begin(), kept.displays.end(), vnc);
    if (had && seen.empty() && has_video)
        for (auto& d : kept.displays) d.kind = Kind::none;
    else if (!had && !seen.empty())
        kept.displays.push_back(seen.front());
}

// Boot entries that libvirt knows, in its order; those it cannot know (a drive without medium) stay behind.
void join_boot(MachineSpec& kept, const MachineSpec& seen, pugi::xml_node domain) {
    MachineSpec by_kept_ids = kept;
    by_kept_ids.boot_order.clear();
    by_kept_ids.boot_devices.clear();
    read_boot(domain, by_kept_ids);
    if (kept.boot_devices.empty() || !seen.boot_order.empty()) {
        std::vector<BootDevice> once;
        for (const auto b : kept.boot_order)
            if (std::find(once.begin(), once.end(), b) == once.end()) once.push_back(b);
        // Where no order was given, libvirt writes its default.
        const bool defaulted = once.empty() && seen.boot_order == std::vector{BootDevice::disk};
        if (once != seen.boot_order && !defaulted && kept.boot_devices.empty())
            kept.boot_order = seen.boot_order;
    }
    std::vector<std::string> known;
    for (const auto& id : kept.boot_devices)
        if (std::find(by_kept_ids.boot_devices.begin(), by_kept_ids.boot_devices.end(), id) !=
                by_kept_ids.boot_devices.end() &&
            std::find(known.begin(), known.end(), id) == known.end())
            known.push_back(id);
    if (known != by_kept_ids.boot_devices) {
        for (const auto& id : kept.boot_devices)
            if (std::find(known.begin(), known.end(), id) == known.end())
                by_kept_ids.boot_devices.push_back(id);
        kept.boot_devices = std::move(by_kept_ids.boot_devices);
    }
}

void join(MachineSpec& kept, MachineSpec seen, pugi::xml_node domain, bool test_driver) {
    kept.uuid = seen.uuid;
    join_texts(kept, seen, domain);
    join_numbers(kept, seen, domain);
    if (!test_driver) {
        kept.firmware = seen.firmware;
        kept.secure_boot = kept.firmware == Firmware::uefi && (kept.secure_boot || seen.secure_boot);
        kept.nested_virtualization = kept.nested_virtualization || seen.nested_virtualization;
    }
    join_controllers(kept, seen.controllers);
    join_disks(kept, seen.disks);
    join_nics(kept, seen.nics);
    join_serials(kept, seen.serial_ports);
    join_displays(kept, seen.displays, bool(domain.child("devices").child("video")));
    join_boot(kept, seen, domain);
}

}  // namespace

Result<ReadDomain> read_domain(std::string_view xml) {
    pugi::xml_document doc;
    const auto parsed = doc.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
    pugi::xml_node domain = doc.child("domain");
    if (!parsed || !domain)
        return Error{Status::malformed,
                     "wsvirt.domain.malformed",
                     "This is not the description of a machine.",
                     {},
                     parsed.description()};
    return read_domain(domain);
}

ReadDomain read_domain(pugi::xml_node domain) {
    ReadDomain r;
    r.domain_name = domain.child("name").text().get();
    r.domain_type = value(domain, "type");
    r.unknown = unknown_in(domain);
    MachineSpec seen = read_plain(domain);
    if (const auto element = find_spec(domain.child("metadata"))) {
        if (auto kept = read_spec(element)) {
            r.ours = true;
            r.kept = std::move(*kept);
            join(r.kept.spec, std::move(seen), domain, r.domain_type == "test");
            return r;
        }
    }
    r.kept.spec = std::move(seen);
    return r;
}

}  // namespace wsvirt::backend::libvirt
