#include "cim/providers/virtual_system/element_writer.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/kept.hpp"
#include "cim/providers/virtual_system/mac_address.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/switches.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::vs {

using backend::MachineSpec;

namespace {

constexpr std::array<std::string_view, 21> names{"InstanceID",
                                                 "ElementName",
                                                 "HostResource",
                                                 "VirtualQuantity",
                                                 "Reservation",
                                                 "Limit",
                                                 "Weight",
                                                 "Parent",
                                                 "Connection",
                                                 "Address",
                                                 "AddressOnParent",
                                                 "DynamicMemoryEnabled",
                                                 "ExposeVirtualizationExtensions",
                                                 "StaticMacAddress",
                                                 "EnabledState",
                                                 "LastKnownSwitchName",
                                                 "IOPSLimit",
                                                 "IOPSReservation",
                                                 "Access",
                                                 "HostExtentName",
                                                 "PersistentReservationsSupported"};

// Values that a device has until a client says otherwise. Only those that every device of the kind shares.
struct Standard {
    Kind kind;
    std::string_view property;
    Value value;
};

const std::vector<Standard>& standards() {
    static const std::vector<Standard> all{
        {Kind::processor, "Reservation", 0},
        {Kind::processor, "Limit", 100000},
        {Kind::processor, "Weight", 100},
        {Kind::processor, "VirtualQuantityUnits", "count"},
        {Kind::processor, "LimitCPUID", false},
        {Kind::processor, "LimitProcessorFeatures", false},
        {Kind::processor, "MaxProcessorsPerNumaNode", 64},
        {Kind::processor, "MaxNumaNodesPerSocket", 1},
        {Kind::processor, "HwThreadsPerCore", 1},
        {Kind::processor, "EnableHostResourceProtection", false},
        {Kind::processor, "HideHypervisorPresent", false},
        {Kind::memory, "Weight", 5000},
        {Kind::memory, "VirtualQuantityUnits", "byte * 2^20"},
        {Kind::memory, "TargetMemoryBuffer", 20},
        {Kind::memory, "IsVirtualized", true},
        {Kind::memory, "SwapFilesInUse", false},
        {Kind::memory, "HugePagesEnabled", false},
        {Kind::memory, "SgxEnabled", false},
        {Kind::memory, "SgxSize", 0},
        {Kind::memory, "MaxMemoryBlocksPerNumaNode", 1048576},
        {Kind::hard_disk, "IOPSAllocationUnits", "count"},
        {Kind::hard_disk, "CachingMode", 2},
        {Kind::hard_disk, "IgnoreFlushes", false},
        {Kind::hard_disk, "WriteHardeningMethod", 0},
        {Kind::synthetic_nic, "DeviceNamingEnabled", false},
        {Kind::synthetic_nic, "AllowPacketDirect", false},
        {Kind::synthetic_nic, "ClusterMonitored", true},
        {Kind::emulated_nic, "ClusterMonitored", true},
        {Kind::serial_port, "DebuggerMode", false},
        {Kind::display, "ResolutionType", 2},
        {Kind::display, "HorizontalResolution", 1024},
        {Kind::display, "VerticalResolution", 768},
        {Kind::shutdown, "EnabledState", 2},
        {Kind::time_sync, "EnabledState", 2},
        {Kind::heartbeat, "EnabledState", 2},
        {Kind::heartbeat, "ErrorThreshold", 2},
        {Kind::heartbeat, "Interval", 2000},
        {Kind::heartbeat, "Latency", 1000},
        {Kind::kvp, "EnabledState", 2},
        {Kind::kvp, "DisableHostKVPItems", false},
        {Kind::vss, "EnabledState", 2},
        {Kind::guest_service, "EnabledState", 3},
        {Kind::guest_service, "DefaultEnabledStatePolicy", 2},
    };
    return all;
}

Value list_of(std::string text) {
    Value::Array a;
    a.emplace_back(std::move(text));
    return Value(std::move(a));
}

}  // namespace

const backend::SwitchInfo* switch_of(const std::vector<backend::SwitchInfo>& all, const backend::Nic& n) {
    if (n.link == backend::NicLink::none) return nullptr;
    for (const auto& s : all)
        if (s.link == n.link && s.source == n.source) return &s;
    return nullptr;
}

ElementWriter::ElementWriter(Services& services, ClassPtr cls)
    : services_(services), class_(std::move(cls)), host_(services.host.name) {
    static_assert(names.size() == property_count);
    for (std::size_t p = 0; p < property_count; ++p) slots_[p] = class_->slot(names[p]);
    for (const auto& k : vs::kinds())
        if (iequals(k.class_name, class_->name())) {
            kinds_.push_back(k.kind);
            lay_out(k.kind);
        }
}

void ElementWriter::lay_out(Kind k) {
    const auto& about = info(k);
    Instance i(class_);
    set_if(i, "Caption", about.caption);
    set_if(i, "Description", about.description);
    set_if(i, "ElementName", about.caption);
    set_if(i, "ResourceType", about.resource_type);
    if (!about.other_type.empty()) set_if(i, "OtherResourceType", about.other_type);
    if (!about.sub_type.empty()) set_if(i, "ResourceSubType", about.sub_type);
    set_if(i, "PoolID", "");
    set_if(i, "ConsumerVisibility", 3);
    set_if(i, "AllocationUnits", about.units);
    set_if(i, "VirtualQuantity", 1);
    set_if(i, "Reservation", 1);
    set_if(i, "Limit", 1);
    set_if(i, "Weight", 0);
    set_if(i, "AutomaticAllocation", true);
    set_if(i, "AutomaticDeallocation", true);
    set_if(i, "VirtualQuantityUnits", "count");
    for (const auto& s : standards())
        if (s.kind == k) set_if(i, s.property, s.value);
    prototypes_[static_cast<std::size_t>(k)] = std::move(i);
}

void ElementWriter::put(Instance& i, P p, Value v) const {
    if (slots_[p] >= 0) i.set_at(static_cast<std::size_t>(slots_[p]), std::move(v));
}

void ElementWriter::write_all(const Configuration& c, std::vector<Instance>& out) const {
    std::vector<Element> found;
    for (auto k : kinds_) append_elements(c.spec(), k, found);
    out.reserve(out.size() + found.size());
    for (const auto& e : found) out.push_back(write(c.spec(), c.id(), e));
}

Instance ElementWriter::write(const MachineSpec& s, std::string_view id, const Element& e) const {
    Instance i = prototypes_[static_cast<std::size_t>(e.kind)];
    put(i, InstanceID, Value(setting_id(id, device_data(s, e))));
    if (auto parent = parent_of(s, e))
        put(i, Parent,
            Value(setting_path_text(host_, info(parent->kind).class_name,
                                    setting_id(id, device_data(s, *parent)))));
    if (e.kind == Kind::ide_controller)
        put(i, ElementName, Value("IDE Controller " + std::to_string(e.index)));
    if (e.kind == Kind::serial_port) put(i, ElementName, Value("COM " + std::to_string(e.index + 1)));
    auto kept = kept_in(s, e);
    if (kept.map) lay_kept_over(i, *kept.map, kept.prefix);
    switch (e.kind) {
        case Kind::processor:
            processor(s, i);
            break;
        case Kind::memory:
            memory(s, i);
            break;
        case Kind::ide_controller:
            put(i, Address, Value(std::to_string(e.index)));
            break;
        case Kind::disk_drive:
        case Kind::dvd_drive:
            put(i, AddressOnParent, Value(std::to_string(s.disks[e.index].unit)));
            break;
        case Kind::diskette_drive:
            put(i, AddressOnParent, Value("0"));
            break;
        case Kind::hard_disk:
        case Kind::dvd_disk:
        case Kind::floppy_disk:
            medium(s.disks[e.index], i);
            break;
        case Kind::synthetic_nic:
        case Kind::emulated_nic:
            nic(s.nics[e.index], i);
            break;
        case Kind::connection:
            connection(s.nics[e.index], i);
            break;
        case Kind::serial_port:
            serial(s, e.index, i);
            break;
        default:
            break;
    }
    return i;
}

void ElementWriter::processor(const MachineSpec& s, Instance& i) const {
    put(i, VirtualQuantity, Value(s.processors));
    put(i, ExposeVirtualizationExtensions, Value(s.nested_virtualization));
    // The kept value is finer than what the machine layer has; it counts while the two agree.
    const auto limit = i.uint("Limit", 100000);
    const auto permille = s.cpu_limit_permille.value_or(1000);
    if (limit / 100 != permille) put(i, Limit, Value(permille * 100U));
    if (s.cpu_weight) put(i, Weight, Value(std::clamp(*s.cpu_weight, 1U, 10000U)));
}

void ElementWriter::memory(const MachineSpec& s, Instance& i) const {
    put(i, VirtualQuantity, Value(s.memory_mib));
    put(i, Reservation, Value(s.memory_min_mib));
    put(i, Limit, Value(s.memory_max_mib));
    put(i, DynamicMemoryEnabled, Value(s.dynamic_memory));
}

void ElementWriter::medium(const backend::Disk& d, Instance& i) const {
    put(i, HostResource, list_of(d.path));
    put(i, Access, Value(d.read_only || d.device == backend::DiskDevice::cdrom ? 1 : 3));
    put(i, HostExtentName, Value(d.path));
    if (d.device != backend::DiskDevice::disk) return;
    put(i, IOPSLimit, Value(d.iops_limit.value_or(0)));
    put(i, IOPSReservation, Value(d.iops_reservation.value_or(0)));
    put(i, PersistentReservationsSupported, Value(d.shareable));
}

void ElementWriter::nic(const backend::Nic& n, Instance& i) const {
    put(i, Address, Value(mac_digits(n.mac)));
    const auto kept = n.attributes.find("StaticMacAddress");
    put(i, StaticMacAddress, Value(kept != n.attributes.end() && iequals(kept->second, "true")));
}

void ElementWriter::connection(const backend::Nic& n, Instance& i) const {
    const auto missing = n.attributes.find(std::string(missing_switch));
    if (n.link != backend::NicLink::none || missing != n.attributes.end())
        put(i, EnabledState, Value(n.link_up ? 2 : 3));
    else if (!n.attributes.contains(std::string(unplugged_state)))
        put(i, EnabledState, Value(3));
    if (missing != n.attributes.end()) {
        put(i, HostResource, list_of(missing->second));
        return;
    }
    const auto switches = services_.hypervisor.switches();
    const auto* to = switch_of(switches, n);
    if (!to) {
        put(i, HostResource, Value(Value::Array{}));
        return;
    }
    put(i, HostResource, list_of(system_path_text(host_, "Msvm_VirtualEthernetSwitch", to->id)));
    put(i, LastKnownSwitchName, Value(to->name));
}

void ElementWriter::serial(const MachineSpec& s, unsigned port, Instance& i) const {
    const auto* p = serial_of(s, port);
    if (!p || p->kind == backend::SerialPort::Kind::none) {
        put(i, Connection, Value(Value::Array{}));
        return;
    }
    const auto kept = p->attributes.find("Connection");
    if (kept != p->attributes.end()) return;  // as the client said it
    put(i, Connection, list_of((p->kind == backend::SerialPort::Kind::file ? "file://" : "") + p->path));
}

Instance write_element(Services& services, const Namespace& ns, const MachineSpec& spec, std::string_view id,
                       const Element& e) {
    return ElementWriter(services, ns.find(info(e.kind).class_name)).write(spec, id, e);
}

}  // namespace wsvirt::cim::vs
