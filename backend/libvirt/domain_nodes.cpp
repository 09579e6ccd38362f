#include "backend/libvirt/domain_nodes.hpp"

#include "backend/libvirt/domain_xml.hpp"
#include "base/text.hpp"
#include "base/xml_writer.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr unsigned units_per_scsi = 64;
// SATA shares the prefix "sd" with SCSI; its names begin behind those of 64 SCSI controllers.
constexpr unsigned first_sata_name = 64 * units_per_scsi;

std::string letters(unsigned index) {
    std::string r;
    for (unsigned n = index + 1; n > 0; n = (n - 1) / 26)
        r.insert(r.begin(), static_cast<char>('a' + (n - 1) % 26));
    return r;
}

std::optional<unsigned> index_of(std::string_view name) {
    if (name.empty() || name.size() > 4) return std::nullopt;
    unsigned n = 0;
    for (const char c : name) {
        if (c < 'a' || c > 'z') return std::nullopt;
        n = n * 26 + static_cast<unsigned>(c - 'a') + 1;
    }
    return n - 1;
}

std::optional<Bus> bus_of(std::string_view name) {
    if (name == "ide") return Bus::ide;
    if (name == "sata") return Bus::sata;
    if (name == "scsi") return Bus::scsi;
    if (name == "virtio") return Bus::virtio;
    if (name == "fdc") return Bus::fdc;
    return std::nullopt;
}

}  // namespace

Slot slot_of(const Disk& disk) {
    if (disk.bus == Bus::ide) {
        const unsigned flat = disk.controller * 2 + disk.unit;
        return {Bus::ide, flat / 2, flat % 2};
    }
    return {disk.bus, disk.controller, disk.unit};
}

std::optional<Slot> slot_of(pugi::xml_node disk) {
    const auto target = disk.child("target");
    const auto bus = bus_of(target.attribute("bus").value());
    if (!bus) return std::nullopt;
    const auto address = disk.child("address");
    if (std::string_view(address.attribute("type").value()) == "drive" && *bus != Bus::virtio) {
        const unsigned controller = address.attribute("controller").as_uint();
        const unsigned unit = address.attribute("unit").as_uint();
        if (*bus == Bus::ide) return Slot{*bus, address.attribute("bus").as_uint(), unit};
        // virtio-scsi has targets besides LUNs; only LUN 0 of a target other than 0 gets a unit of its own
        return Slot{*bus, controller, unit + address.attribute("target").as_uint()};
    }
    const std::string_view name = target.attribute("dev").value();
    const auto index = name.size() > 2 ? index_of(name.substr(2)) : std::nullopt;
    if (!index) return std::nullopt;
    switch (*bus) {
        case Bus::ide:
            return Slot{*bus, *index / 2, *index % 2};
        case Bus::scsi:
            return Slot{*bus, *index / units_per_scsi, *index % units_per_scsi};
        case Bus::sata:
            return Slot{*bus, 0, *index >= first_sata_name ? *index - first_sata_name : *index};
        default:
            return Slot{*bus, 0, *index};
    }
}

std::string target_name(const Slot& slot) {
    switch (slot.bus) {
        case Bus::ide:
            return "hd" + letters(slot.controller * 2 + slot.unit);
        case Bus::sata:
            return "sd" + letters(first_sata_name + slot.unit);
        case Bus::scsi:
            return "sd" + letters(slot.controller * units_per_scsi + slot.unit);
        case Bus::virtio:
            return "vd" + letters(slot.unit);
        case Bus::fdc:
            break;
    }
    return "fd" + letters(slot.unit);
}

pugi::xml_node child(pugi::xml_node parent, const char* name) {
    const auto found = parent.child(name);
    return found ? found : parent.append_child(name);
}

void set_text(pugi::xml_node parent, const char* name, const std::string& text) {
    if (text.empty())
        parent.remove_child(name);
    else
        child(parent, name).text().set(text.c_str());
}

void set_attribute(pugi::xml_node node, const char* name, const std::string& value) {
    if (value.empty()) {
        node.remove_attribute(name);
        return;
    }
    auto a = node.attribute(name);
    if (!a) a = node.append_attribute(name);
    a.set_value(value.c_str());
}

std::string to_text(const pugi::xml_node& node) {
    std::string text;
    XmlWriter out(text);
    node.print(out, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text;
}

std::string title_for(const MachineSpec& spec) {
    if (!valid_utf8(spec.name)) return {};
    std::string r;
    for (const char c : spec.name) r += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    return std::string(xml_text(r) ? trim(r) : std::string_view{});
}

std::string description_for(const MachineSpec& spec) {
    std::string r;
    for (const char c : spec.description)
        if (c == '\n' || static_cast<unsigned char>(c) >= 0x20) r += c;
    return std::string(xml_text(r) ? trim(r) : std::string_view{});
}

std::uint64_t memory_kib_for(const MachineSpec& spec) {
    return std::max(spec.memory_mib, spec.dynamic_memory ? spec.memory_max_mib : 0) * 1024;
}

}  // namespace wsvirt::backend::libvirt
