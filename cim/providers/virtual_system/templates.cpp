#include "cim/providers/virtual_system/templates.hpp"

#include "base/text.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/defaults.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::string_view prefix = R"(Microsoft:Definition\)";
constexpr std::array<std::string_view, 4> type_names{"Default", "Minimum", "Maximum", "Increment"};

// One device of every kind.
const backend::MachineSpec& sample() {
    static const backend::MachineSpec spec = [] {
        auto s = new_machine();
        s.controllers.push_back({make_guid(), backend::Bus::scsi, 0, {}});
        for (auto device :
             {backend::DiskDevice::disk, backend::DiskDevice::cdrom, backend::DiskDevice::floppy}) {
            backend::Disk d;
            d.device = device;
            d.bus = device == backend::DiskDevice::floppy ? backend::Bus::fdc : backend::Bus::scsi;
            d.unit = static_cast<unsigned>(s.disks.size());
            d.path = "/";
            s.disks.push_back(d);
        }
        for (auto model : {backend::NicModel::virtio, backend::NicModel::e1000}) {
            backend::Nic n;
            n.model = model;
            n.attributes[std::string(connection_present)] = "1";
            s.nics.push_back(n);
        }
        return s;
    }();
    return spec;
}

struct Range {
    std::uint64_t standard, minimum, maximum, increment;
    std::uint64_t at(TemplateType t) const {
        return std::array{standard, minimum, maximum, increment}[static_cast<std::size_t>(t)];
    }
};

std::uint64_t most(Kind k) {
    switch (k) {
        case Kind::ide_controller:
        case Kind::serial_port:
            return 2;
        case Kind::scsi_controller:
            return max_scsi_controllers;
        case Kind::disk_drive:
        case Kind::dvd_drive:
        case Kind::hard_disk:
        case Kind::dvd_disk:
            return 2 * ide_slots + max_scsi_controllers * scsi_slots;
        case Kind::synthetic_nic:
        case Kind::emulated_nic:
        case Kind::connection:
            return 12;
        case Kind::physical_drive:
            return 0;
        default:
            return 1;
    }
}

void set_range(Instance& i, TemplateType t, const char* property, const Range& r) {
    set_if(i, property, r.at(t));
}

void set_numbers(Services& services, Instance& i, const TemplateId& t) {
    if (t.kind == Kind::processor) {
        const auto host = services.hypervisor.host();
        set_range(i, t.type, "VirtualQuantity", {1, 1, std::max(1U, host.max_processors), 1});
        set_range(i, t.type, "Reservation", {0, 0, 100000, 1});
        set_range(i, t.type, "Limit", {100000, 0, 100000, 1});
        set_range(i, t.type, "Weight", {100, 1, 10000, 1});
        return;
    }
    if (t.kind == Kind::memory) {
        const Range size{default_memory_mib, 32, 12'582'912, 2};
        for (const char* p : {"VirtualQuantity", "Reservation", "Limit"}) set_range(i, t.type, p, size);
        set_range(i, t.type, "Weight", {5000, 0, 10000, 1});
        set_range(i, t.type, "TargetMemoryBuffer", {20, 5, 2000, 1});
        return;
    }
    const Range count{1, t.kind == Kind::physical_drive ? 0U : 1U, most(t.kind), 1};
    for (const char* p : {"VirtualQuantity", "Reservation", "Limit"}) set_range(i, t.type, p, count);
}

}  // namespace

std::string template_id(const TemplateId& t) {
    std::string out(prefix);
    out += info(t.kind).template_id;
    out += '\\';
    out += type_names[static_cast<std::size_t>(t.type)];
    return out;
}

std::optional<TemplateId> parse_template_id(std::string_view id) {
    if (!istarts_with(id, prefix)) return std::nullopt;
    id.remove_prefix(prefix.size());
    const auto slash = id.find('\\');
    if (slash == std::string_view::npos) return std::nullopt;
    for (const auto& k : kinds())
        if (iequals(k.template_id, id.substr(0, slash)))
            for (std::size_t t = 0; t < type_names.size(); ++t)
                if (iequals(type_names[t], id.substr(slash + 1)))
                    return TemplateId{k.kind, static_cast<TemplateType>(t)};
    return std::nullopt;
}

std::string capabilities_id(Kind k) {
    return std::string(prefix) + std::string(info(k).template_id);
}

std::optional<Kind> parse_capabilities_id(std::string_view id) {
    for (const auto& k : kinds())
        if (iequals(capabilities_id(k.kind), id)) return k.kind;
    return std::nullopt;
}

std::string pool_id(Kind k) {
    return "Microsoft:" + std::string(info(k).template_id) + R"(\Root)";
}

std::optional<Kind> parse_pool_id(std::string_view id) {
    for (const auto& k : kinds())
        if (iequals(pool_id(k.kind), id)) return k.kind;
    return std::nullopt;
}

Instance write_template(Services& services, const ElementWriter& writer, const TemplateId& t) {
    std::vector<Element> found;
    append_elements(sample(), t.kind == Kind::physical_drive ? Kind::disk_drive : t.kind, found);
    auto i = writer.write(sample(), sample().uuid, found.front());
    for (const char* none : {"Parent", "AddressOnParent", "HostResource", "HostExtentName", "Address"})
        set_if(i, none, Value());
    if (t.kind == Kind::physical_drive) {
        set_if(i, "ResourceSubType", info(t.kind).sub_type);
        set_if(i, "Caption", info(t.kind).caption);
        set_if(i, "ElementName", info(t.kind).caption);
        set_if(i, "Description", info(t.kind).description);
    }
    if (t.kind == Kind::connection) set_if(i, "EnabledState", 2);
    if (t.kind == Kind::serial_port) set_if(i, "ElementName", info(t.kind).caption);
    if (t.kind == Kind::ide_controller) set_if(i, "ElementName", info(t.kind).caption);
    set_numbers(services, i, t);
    set_if(i, "InstanceID", template_id(t));
    return i;
}

}  // namespace wsvirt::cim::vs
