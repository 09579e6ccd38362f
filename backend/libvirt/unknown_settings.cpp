#include "backend/libvirt/unknown_settings.hpp"

#include <string_view>

#include "backend/libvirt/found_names.hpp"

namespace wsvirt::backend::libvirt {

namespace {

bool is_of_settings(std::string_view part) {
    return is_one_of({"name", "uuid", "title", "description", "metadata", "memory", "currentMemory",
                      "devices", "iothreadids"},
                     part);
}

bool memory_does_without(std::string_view part) {
    return is_one_of({"genid", "maxMemory", "vcpus", "iothreads", "resource", "seclabel", "blkiotune", "perf",
                      "on_lockfailure", "memtune", "numatune", "pm"},
                     part);
}

std::string_view value(pugi::xml_node node, const char* attribute) {
    return node.attribute(attribute).value();
}

std::string two(const char* first, std::string_view second) {
    return std::string(first) + ' ' + std::string(second);
}

// As far as the one who takes up the memory can tell.
bool is_path(std::string_view text) {
    return text.find('/') != std::string_view::npos;
}

// Its children but the known ones, by the name of both.
void note_children(pugi::xml_node node, Known known, Found& to) {
    for (const auto part : node.children())
        if (part.type() == pugi::node_element && !is_one_of(known, part.name()))
            to.insert(two(node.name(), part.name()));
}

void look_at_os(pugi::xml_node os, Found& needed, Found& others) {
    for (const auto part : os.children()) {
        const std::string_view name = part.name();
        if (is_one_of({"kernel", "initrd", "cmdline", "dtb", "shim", "acpi"}, name))
            needed.insert(two("os", name));
        else if (name == "bootmenu" ? value(part, "enable") == "yes"
                                    : name == "bios" && part.first_attribute())
            others.insert(std::string(name));
        else if (name == "smbios" && value(part, "mode") == "host")
            needed.insert("smbios of the host");
        else if (name == "loader" && value(part, "type") == "rom")
            others.insert("loader");
    }
    const auto type = os.child("type");
    const std::string_view arch = value(type, "arch"), machine = value(type, "machine");
    const bool is_test = value(os.parent(), "type") == "test";  // which has nothing else
    if (!is_test && !is_one_of({"", "x86_64"}, arch)) others.insert(two("architecture", arch));
    if (!is_one_of({"", "pc", "q35"}, machine) && !machine.starts_with("pc-"))
        others.insert(two("machine type", machine));
}

// libvirt gives a processor to a machine that was defined without.
void look_at_cpu(pugi::xml_node cpu, Found& others) {
    const std::string_view mode = value(cpu, "mode"), model = cpu.child("model").text().get();
    const bool ours = mode.empty() || is_one_of({"host-model", "maximum"}, mode) ||
                      (mode == "custom" && is_one_of({"", "Nehalem", "qemu64"}, model));
    if (!ours) others.insert(two("cpu", mode == "custom" ? model : mode));
    for (const auto feature : cpu.children("feature"))
        if (!is_one_of({"vmx", "svm"}, value(feature, "name")))
            others.insert(two("cpu feature", value(feature, "name")));
    const auto topology = cpu.child("topology");
    for (const char* each : {"dies", "cores", "threads"})
        if (topology.attribute(each).as_uint(1) != 1) others.insert("cpu topology");
    note_children(cpu, {"model", "feature", "topology", "vendor"}, others);
}

void look_at_vcpu(pugi::xml_node vcpu, Found& others) {
    if (!value(vcpu, "cpuset").empty() || value(vcpu, "placement") == "auto") others.insert("vcpu cpuset");
    if (const auto on = vcpu.attribute("current"); on && on.as_uint() != vcpu.text().as_uint())
        others.insert("vcpu current");
}

void look_at_sysinfo(pugi::xml_node info, Found& needed, Found& others) {
    if (value(info, "type") != "smbios") {
        needed.insert(two("sysinfo", value(info, "type")));
        return;
    }
    for (const auto block : info.children())
        for (const auto entry : block.children("entry")) {
            const std::string what = two(block.name(), value(entry, "name"));
            if (!is_one_of(
                    {"system serial", "system uuid", "baseBoard serial", "chassis serial", "chassis asset"},
                    what))
                (is_path(entry.text().get()) ? needed : others).insert("sysinfo " + what);
        }
    note_children(info, {"system", "baseBoard", "chassis", "bios"}, others);
}

void look_at_clock(pugi::xml_node clock, Found& needed, Found& others) {
    const auto offset = value(clock, "offset");
    const bool found = !is_one_of({"", "utc"}, offset);
    if (found) (is_path(value(clock, "timezone")) ? needed : others).insert(two("clock", offset));
    for (const auto timer : clock.children("timer")) others.insert(two("clock timer", value(timer, "name")));
}

// What is done when the guest ends.
void look_at_end(pugi::xml_node part, std::string_view usual, Found& others) {
    const std::string_view what = part.text().get();
    if (!what.empty() && what != usual) others.insert(two(part.name(), what));
}

bool look_at_parts(pugi::xml_node part, Found& needed, Found& others) {
    const std::string_view name = part.name();
    if (name == "os")
        look_at_os(part, needed, others);
    else if (name == "cpu")
        look_at_cpu(part, others);
    else if (name == "vcpu")
        look_at_vcpu(part, others);
    else if (name == "sysinfo")
        look_at_sysinfo(part, needed, others);
    else if (name == "clock")
        look_at_clock(part, needed, others);
    else if (name == "features")
        note_children(part, {"acpi", "apic", "pae", "smm"}, others);
    else if (name == "cputune")
        note_children(part, {"shares", "period", "quota"}, others);
    else if (name == "on_reboot")
        look_at_end(part, "restart", others);
    else if (name == "on_poweroff" || name == "on_crash")
        look_at_end(part, "destroy", others);
    else
        return false;
    return true;
}

}  // namespace

void find_unknown_settings(pugi::xml_node domain, Found& needed, Found& others) {
    // libvirt's own, of a machine that runs.
    const bool runs = bool(domain.attribute("id"));
    for (const auto part : domain.children()) {
        const std::string_view name = part.name();
        if (part.type() != pugi::node_element || is_of_settings(name)) continue;
        if (runs && is_one_of({"cpu", "seclabel", "resource"}, name)) continue;
        if (look_at_parts(part, needed, others)) continue;
        (memory_does_without(name) ? others : needed).insert(std::string(name));
    }
}

}  // namespace wsvirt::backend::libvirt
