#include "support/random_spec.hpp"

#include "backend/libvirt/spec_xml.hpp"
#include "base/text.hpp"

namespace wsvirt::testing {

using namespace wsvirt::backend;

namespace {

unsigned below(std::mt19937& random, unsigned n) {
    return static_cast<unsigned>(random()) % n;
}
bool coin(std::mt19937& random) {
    return below(random, 2) == 1;
}

// No control characters: neither XML nor libvirt can hold them in a path.
std::string random_path(std::mt19937& random, unsigned max_length) {
    std::string r = random_text(random, max_length);
    std::erase_if(r, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    return r;
}

std::string guid(std::mt19937& random) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string r = make_guid();
    for (std::size_t i = 0; i < r.size(); ++i)
        if (r[i] != '-' && i != 14 && i != 19) r[i] = digits[below(random, 16)];
    return r;
}

Attributes attributes(std::mt19937& random) {
    Attributes r;
    for (unsigned n = below(random, 4); n > 0; --n) r[random_text(random, 12)] = random_text(random, 60);
    return r;
}

void add_disks(std::mt19937& random, MachineSpec& s) {
    const bool bios = s.firmware == Firmware::bios;
    for (unsigned c = 0; c < (bios ? 2u : 0u); ++c)
        s.controllers.push_back({guid(random), Bus::ide, c, attributes(random)});
    const unsigned scsi = below(random, 3);
    for (unsigned c = 0; c < scsi; ++c)
        s.controllers.push_back({guid(random), Bus::scsi, c, attributes(random)});
    for (const auto& c : s.controllers)
        for (unsigned unit = 0; unit < 2; ++unit) {
            if (coin(random)) continue;
            Disk d;
            d.id = guid(random);
            d.device = coin(random) ? DiskDevice::disk : DiskDevice::cdrom;
            d.bus = c.bus;
            d.controller = c.index;
            d.unit = unit;
            d.read_only = d.device == DiskDevice::cdrom;
            if (d.device == DiskDevice::disk || coin(random)) {
                d.path = "/data/" + random_path(random, 20) + ".img";
                d.format = coin(random) ? "qcow2" : "raw";
            }
            if (coin(random)) d.iops_limit = below(random, 5000) + 1;
            if (coin(random)) d.iops_reservation = below(random, 500);
            if (d.device == DiskDevice::disk && coin(random))
                d.serial = "S" + std::to_string(below(random, 100000));
            d.attributes = attributes(random);
            s.disks.push_back(std::move(d));
        }
    if (bios && coin(random)) {
        Disk d;
        d.id = guid(random);
        d.device = DiskDevice::floppy;
        d.bus = Bus::fdc;
        s.disks.push_back(std::move(d));
    }
}

void add_others(std::mt19937& random, MachineSpec& s) {
    for (unsigned n = below(random, 4); n > 0; --n) {
        Nic nic;
        nic.id = guid(random);
        nic.model = std::array{NicModel::virtio, NicModel::e1000, NicModel::rtl8139}[below(random, 3)];
        nic.mac = "52:54:00:00:00:0" + std::to_string(n);
        nic.link =
            std::array{NicLink::none, NicLink::user, NicLink::bridge, NicLink::network}[below(random, 4)];
        if (nic.link == NicLink::bridge) nic.source = "br0";
        if (nic.link == NicLink::network) nic.source = "default";
        nic.link_up = coin(random);
        nic.attributes = attributes(random);
        s.nics.push_back(std::move(nic));
    }
    for (unsigned n = 0; n < 2; ++n) {
        using Kind = SerialPort::Kind;
        SerialPort p;
        p.id = guid(random);
        p.port = n;
        p.kind = std::array{Kind::none, Kind::pipe_server, Kind::file, Kind::pty}[below(random, 4)];
        if (p.kind == Kind::pipe_server || p.kind == Kind::file) p.path = "/run/x/" + random_path(random, 8);
        p.attributes = attributes(random);
        s.serial_ports.push_back(std::move(p));
    }
    if (coin(random))
        s.displays.push_back({guid(random), coin(random) ? Display::Kind::vnc : Display::Kind::none,
                              1024u << (2 + below(random, 4)), attributes(random)});
    for (unsigned n = below(random, 3); n > 0; --n)
        s.others.push_back({guid(random), random_text(random, 20), attributes(random)});
}

}  // namespace

std::string random_text(std::mt19937& random, unsigned max_length) {
    static constexpr const char* parts[] = {"a",
                                            "B",
                                            "7",
                                            " ",
                                            "\"",
                                            "'",
                                            "<",
                                            ">",
                                            "&",
                                            "]]>",
                                            "\n",
                                            "\t",
                                            "\r",
                                            "\x01",
                                            "ä",
                                            "漢",
                                            "-",
                                            "\\",
                                            "%",
                                            "{}",
                                            "--",
                                            "/",
                                            "\xF0\x9F\x90\xA7",
                                            "&lt;",
                                            "\x7f"};
    std::string r;
    for (unsigned n = below(random, max_length + 1); n > 0; --n) r += parts[below(random, std::size(parts))];
    return r;
}

MachineSpec random_spec(std::mt19937& random) {
    MachineSpec s;
    s.uuid = guid(random);
    s.name = random_text(random, 100);
    s.firmware = coin(random) ? Firmware::bios : Firmware::uefi;
    s.secure_boot = s.firmware == Firmware::uefi && coin(random);
    s.processors = 1 + below(random, 16);
    s.memory_mib = 32 + below(random, 4096);
    s.dynamic_memory = coin(random);
    s.memory_max_mib = s.dynamic_memory ? s.memory_mib + below(random, 4096) : s.memory_mib;
    s.memory_min_mib = s.dynamic_memory ? 32 : s.memory_mib;
    if (coin(random)) s.cpu_limit_permille = 1 + below(random, 1000);
    if (coin(random)) s.cpu_weight = 2 + below(random, 10000);
    s.nested_virtualization = coin(random);
    s.autostart = coin(random);
    if (coin(random)) s.serial_number = "1234-" + std::to_string(below(random, 1000));
    if (coin(random)) s.asset_tag = "tag " + std::to_string(below(random, 1000));
    if (coin(random)) s.board_serial = "board " + std::to_string(below(random, 1000));
    if (coin(random)) s.chassis_serial = "chassis " + std::to_string(below(random, 1000));
    if (coin(random)) s.bios_uuid = guid(random);
    s.description = random_text(random, 200);
    s.attributes = attributes(random);
    add_disks(random, s);
    add_others(random, s);
    if (s.firmware == Firmware::bios)
        s.boot_order = {BootDevice::cdrom, BootDevice::disk, BootDevice::network, BootDevice::floppy};
    else
        for (const auto& d : s.disks) s.boot_devices.push_back(d.id);
    std::shuffle(s.boot_order.begin(), s.boot_order.end(), random);
    return s;
}

std::string dump(const MachineSpec& spec) {
    return libvirt::spec_text({spec, 0, 0});
}

}  // namespace wsvirt::testing
