#include <set>
#include <tuple>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/spec_fields.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

Error bad(const char* id, std::string text, std::string subject) {
    return {Status::invalid_parameter, id, std::move(text), std::move(subject)};
}

Result<void> check_disks(const MachineSpec& spec) {
    std::set<std::tuple<Bus, unsigned, unsigned>> used;
    for (const Disk& d : spec.disks) {
        const Slot s = slot_of(d);
        const std::string place = std::string(name_of(bus_names, s.bus)) + " controller " +
                                  std::to_string(s.controller) + ", slot " + std::to_string(s.unit);
        if (spec.firmware == Firmware::uefi && (s.bus == Bus::ide || s.bus == Bus::fdc))
            return bad("wsvirt.disk.bus",
                       "A machine with UEFI firmware has no IDE and no floppy drives; use SCSI.", d.id);
        if (spec.firmware == Firmware::bios && s.bus == Bus::sata)
            return bad("wsvirt.disk.bus", "A machine with BIOS firmware has no SATA drives; use IDE or SCSI.",
                       d.id);
        const unsigned controllers = s.bus == Bus::ide ? 2 : s.bus == Bus::scsi ? 64 : 1;
        const unsigned units = s.bus == Bus::scsi     ? 64
                               : s.bus == Bus::sata   ? 6
                               : s.bus == Bus::virtio ? 26
                                                      : 2;
        if (s.controller >= controllers || s.unit >= units)
            return bad("wsvirt.disk.slot", "There is no " + place + ".", d.id);
        if (!used.emplace(s.bus, s.controller, s.unit).second)
            return bad("wsvirt.disk.slot_taken",
                       "Two drives use " + place + "; each needs a slot of its own.", d.id);
        if (d.device == DiskDevice::floppy && s.bus != Bus::fdc)
            return bad("wsvirt.disk.bus", "A floppy drive needs the floppy controller.", d.id);
        if (!d.path.empty() && (d.path[0] != '/' || !xml_text(d.path)))
            return bad("wsvirt.disk.path", "The path of a disk must be absolute and printable.", d.path);
        if (!xml_text(d.serial) || d.serial.size() > 247)
            return bad("wsvirt.disk.serial", "The serial number of the disk is too long or not printable.",
                       d.id);
    }
    return {};
}

Result<void> check_others(const MachineSpec& spec) {
    std::set<std::string, ILess> macs;
    for (const Nic& n : spec.nics) {
        if (!n.mac.empty() && !macs.insert(n.mac).second)
            return bad("wsvirt.nic.mac_taken", "Two network adapters have the same MAC address.", n.mac);
        if ((n.link == NicLink::bridge || n.link == NicLink::network) && n.source.empty())
            return bad("wsvirt.nic.source", "A connected network adapter needs the name of its switch.",
                       n.id);
    }
    std::set<unsigned> ports;
    for (const SerialPort& p : spec.serial_ports) {
        if (p.port > 3 || !ports.insert(p.port).second)
            return bad("wsvirt.serial.port", "Serial ports are numbered 0 to 3, each once.", p.id);
        using Kind = SerialPort::Kind;
        if ((p.kind == Kind::pipe_server || p.kind == Kind::file) &&
            (!p.path.starts_with('/') || !xml_text(p.path)))
            return bad("wsvirt.serial.path", "The path of a serial port must be absolute and printable.",
                       p.path);
    }
    return {};
}

auto memory_of(const MachineSpec& spec) {
    return std::pair(memory_kib_for(spec), spec.memory_mib * 1024);
}

void write_memory(pugi::xml_node domain, const MachineSpec& spec) {
    const auto [most, at_start] = memory_of(spec);
    for (const auto& [name, kib] : {std::pair{"memory", most}, {"currentMemory", at_start}}) {
        const auto node = child(domain, name);
        set_attribute(node, "unit", "KiB");
        node.text().set(static_cast<unsigned long long>(kib));
    }
}

void write_vcpus(pugi::xml_node domain, const MachineSpec& spec) {
    auto vcpu = child(domain, "vcpu");
    vcpu.remove_attribute("current");
    vcpu.text().set(spec.processors);
    // A fixed topology would contradict another number of processors.
    if (auto cpu = domain.child("cpu")) {
        const auto t = cpu.child("topology");
        const unsigned product = t.attribute("sockets").as_uint(1) * t.attribute("dies").as_uint(1) *
                                 t.attribute("cores").as_uint(1) * t.attribute("threads").as_uint(1);
        if (t && product != spec.processors) cpu.remove_child(t);
    }
}

auto tuning_of(const MachineSpec& spec) {
    return std::pair(spec.cpu_limit_permille, spec.cpu_weight);
}

void write_tuning(pugi::xml_node domain, const MachineSpec& spec) {
    // libvirt starts no machine with them on a host without the cgroup controller (see live.hpp), so only
    // what somebody has put there is kept true.
    auto tune = domain.child("cputune");
    if (!tune.child("shares") && !tune.child("quota")) return;
    set_text(tune, "shares", spec.cpu_weight ? std::to_string(*spec.cpu_weight) : "");
    const auto quota = spec.cpu_limit_permille ? cpu_quota_us(*spec.cpu_limit_permille) : 0;
    set_text(tune, "period", quota ? std::to_string(cpu_period_us) : "");
    set_text(tune, "quota", quota ? std::to_string(quota) : "");
    if (!tune.first_child()) domain.remove_child(tune);
}

void write_cpu(pugi::xml_node domain, const MachineSpec& spec, const DomainOptions& options) {
    if (options.domain_type == "test") return;
    domain.remove_child("cpu");
    auto cpu = domain.append_child("cpu");
    // TCG: an x86-64-v2 processor, because QEMU 7.2's emulation of later ones has errors that abort programs
    // in the guest (AVX string functions), unless the guest wants virtualization, which only "maximum" has.
    // KVM: what the host has, in a form that can migrate.
    if (options.domain_type != "kvm" && !spec.nested_virtualization) {
        cpu.append_attribute("mode").set_value("custom");
        cpu.append_attribute("match").set_value("exact");
        cpu.append_attribute("check").set_value("none");
        auto model = cpu.append_child("model");
        model.append_attribute("fallback").set_value("allow");
        model.text().set("Nehalem");
        return;
    }
    cpu.append_attribute("mode").set_value(options.domain_type == "kvm" ? "host-model" : "maximum");
    if (!spec.nested_virtualization)
        for (const char* name : {"vmx", "svm"}) {
            auto f = cpu.append_child("feature");
            f.append_attribute("policy").set_value("disable");
            f.append_attribute("name").set_value(name);
        }
}

void write_firmware(pugi::xml_node domain, const MachineSpec& spec, const DomainOptions& options) {
    auto os = child(domain, "os");
    auto type = child(os, "type");
    type.text().set("hvm");
    if (options.domain_type == "test") return;
    const bool uefi = spec.firmware == Firmware::uefi;
    set_attribute(type, "arch", "x86_64");
    set_attribute(type, "machine", uefi ? "q35" : "pc");
    const std::string variables = os.child("nvram").text().get();
    for (const char* gone : {"loader", "nvram", "firmware"}) os.remove_child(gone);
    os.remove_attribute("firmware");
    auto features = child(domain, "features");
    child(features, "acpi");
    child(features, "apic");
    features.remove_child("smm");
    if (!uefi) return;
    const FirmwareFiles& files = options.firmware;
    const bool secure = spec.secure_boot && !files.secure_code.empty();
    auto loader = os.append_child("loader");
    loader.append_attribute("readonly").set_value("yes");
    if (secure) loader.append_attribute("secure").set_value("yes");
    loader.append_attribute("type").set_value("pflash");
    loader.text().set((secure ? files.secure_code : files.code).c_str());
    auto nvram = os.append_child("nvram");
    nvram.append_attribute("template").set_value((secure ? files.secure_vars : files.vars).c_str());
    if (!variables.empty()) nvram.text().set(variables.c_str());
    if (secure) features.append_child("smm").append_attribute("state").set_value("on");
}

void write_boot(pugi::xml_node domain, const MachineSpec& spec) {
    auto os = child(domain, "os");
    while (os.remove_child("boot")) {
    }
    // The list and an order per device exclude each other in libvirt.
    if (!spec.boot_devices.empty()) return;
    std::set<BootDevice> seen;
    for (const BootDevice b : spec.boot_order)
        if (seen.insert(b).second)
            os.append_child("boot").append_attribute("dev").set_value(name_of(boot_names, b));
}

auto smbios_of(const MachineSpec& spec) {
    return std::tie(spec.serial_number, spec.board_serial, spec.chassis_serial, spec.asset_tag);
}

void write_smbios(pugi::xml_node domain, const MachineSpec& spec) {
    struct Entry {
        const char *block, *name;
        const std::string& value;
    };
    const Entry entries[] = {{"system", "serial", spec.serial_number},
                             {"baseBoard", "serial", spec.board_serial},
                             {"chassis", "serial", spec.chassis_serial},
                             {"chassis", "asset", spec.asset_tag}};
    auto info = domain.find_child_by_attribute("sysinfo", "type", "smbios");
    bool any = false;
    for (const auto& e : entries) any |= !e.value.empty();
    if (!any && !info) return;
    if (!info) {
        info = domain.append_child("sysinfo");
        info.append_attribute("type").set_value("smbios");
    }
    for (const auto& e : entries) {
        auto block = info.child(e.block);
        auto entry = block.find_child_by_attribute("entry", "name", e.name);
        if (e.value.empty() || !xml_text(e.value)) {
            block.remove_child(entry);
            if (block && !block.first_child()) info.remove_child(block);
            continue;
        }
        if (!entry) {
            entry = child(info, e.block).append_child("entry");
            entry.append_attribute("name").set_value(e.name);
        }
        entry.text().set(e.value.c_str());
    }
    auto os = child(domain, "os");
    if (info.first_child()) {
        set_attribute(child(os, "smbios"), "mode", "sysinfo");
    } else {
        domain.remove_child(info);
        os.remove_child("smbios");
    }
}

void write_fresh(pugi::xml_node domain) {
    child(domain, "clock").append_attribute("offset").set_value("utc");
    set_text(domain, "on_poweroff", "destroy");
    set_text(domain, "on_reboot", "restart");
    set_text(domain, "on_crash", "destroy");
}

}  // namespace

std::string domain_name_for(std::string_view uuid) {
    return "wsvirt-" + to_lower(uuid);
}

namespace {

Result<void> check_settings(const MachineSpec& spec) {
    if (!is_guid(spec.uuid))
        return bad("wsvirt.machine.uuid", "A machine needs a GUID as identifier.", "uuid");
    if (spec.processors == 0)
        return bad("wsvirt.machine.processors", "A machine needs at least one processor.", "processors");
    if (spec.memory_mib == 0 || spec.memory_mib > (1ull << 32) || spec.memory_max_mib > (1ull << 32))
        return bad("wsvirt.machine.memory", "A machine needs between 1 MiB and 4 PiB of memory.", "memory");
    if (spec.dynamic_memory && spec.memory_mib > spec.memory_max_mib)
        return bad("wsvirt.machine.memory", "The memory at start is larger than the maximum.", "memory");
    if (spec.secure_boot && spec.firmware == Firmware::bios)
        return bad("wsvirt.firmware.secure_boot", "Secure boot needs UEFI firmware.", "secure_boot");
    if (auto ok = check_disks(spec); !ok) return ok;
    return check_others(spec);
}

}  // namespace

Result<void> check_spec(const MachineSpec& spec, const DomainOptions& options) {
    if (spec.firmware == Firmware::uefi && options.domain_type != "test" && options.firmware.code.empty())
        return Error{Status::not_supported, "wsvirt.firmware.missing",
                     "This host has no UEFI firmware; install the package ovmf, or use BIOS firmware.",
                     "firmware"};
    return check_settings(spec);
}

Result<std::string> write_domain(const KeptSpec& kept, const DomainOptions& options,
                                 std::string_view existing) {
    const MachineSpec& spec = kept.spec;
    if (auto ok = check_settings(spec); !ok) return ok.error();
    pugi::xml_document doc;
    const bool fresh = existing.empty();
    std::optional<MachineSpec> before;
    bool same_type = true;
    if (!fresh) {
        if (!doc.load_buffer(existing.data(), existing.size(), pugi::parse_default, pugi::encoding_utf8))
            return Error{Status::failed, "wsvirt.domain.malformed",
                         "The host's description of the machine cannot be read."};
        if (auto read = read_domain(existing)) {
            before = std::move(read->kept.spec);
            same_type = !read->ours || read->domain_type == options.domain_type;
        }
    }
    auto domain = child(doc, "domain");
    if (fresh || options.domain_type != "test") set_attribute(domain, "type", options.domain_type);
    if (fresh || !domain.child("name"))
        set_text(domain, "name",
                 options.domain_name.empty() ? domain_name_for(spec.uuid) : options.domain_name);
    set_text(domain, "uuid", to_lower(spec.uuid));
    set_text(domain, "title", title_for(spec));
    set_text(domain, "description", description_for(spec));
    auto metadata = child(domain, "metadata");
    const std::string variables = find_spec(metadata).attribute(variables_note).value();
    while (const auto old = find_spec(metadata)) metadata.remove_child(old);
    append_spec(metadata, kept);
    if (!variables.empty()) set_attribute(find_spec(metadata), variables_note, variables);
    if (!before || memory_of(*before) != memory_of(spec)) write_memory(domain, spec);
    if (!before || before->processors != spec.processors) write_vcpus(domain, spec);
    if (!before || tuning_of(*before) != tuning_of(spec)) write_tuning(domain, spec);
    if (!before || before->firmware != spec.firmware || before->secure_boot != spec.secure_boot)
        write_firmware(domain, spec, options);
    write_boot(domain, spec);
    if (!before || smbios_of(*before) != smbios_of(spec)) write_smbios(domain, spec);
    if (!before || !same_type || before->nested_virtualization != spec.nested_virtualization)
        write_cpu(domain, spec, options);
    if (fresh) write_fresh(domain);
    write_devices(child(domain, "devices"), spec, options, fresh, before ? &*before : nullptr);
    return to_text(doc);
}

}  // namespace wsvirt::backend::libvirt
