#include "cim/providers/virtual_system/system_writer.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/boot_order.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/kept.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::array<std::string_view, 20> names{"InstanceID",
                                                 "Description",
                                                 "ElementName",
                                                 "VirtualSystemIdentifier",
                                                 "VirtualSystemType",
                                                 "Notes",
                                                 "CreationTime",
                                                 "ConfigurationID",
                                                 "AutomaticStartupAction",
                                                 "BIOSGUID",
                                                 "BIOSSerialNumber",
                                                 "BaseBoardSerialNumber",
                                                 "ChassisSerialNumber",
                                                 "ChassisAssetTag",
                                                 "BootOrder",
                                                 "Parent",
                                                 "IsSaved",
                                                 "VirtualSystemSubType",
                                                 "BootSourceOrder",
                                                 "SecureBootEnabled"};

constexpr std::int64_t minute = 60'000'000;

void lay_out(const Services& services, Instance& i) {
    const auto root = services.host.data_root.string();
    for (const char* name : {"ConfigurationDataRoot", "SnapshotDataRoot", "SuspendDataRoot",
                             "SwapFileDataRoot", "LogDataRoot", "GuestStateDataRoot"})
        set_if(i, name, root);
    for (const char* name : {"BIOSNumLock", "AllowFullSCSICommandSet", "IncrementalBackupEnabled",
                             "AllowReducedFcRedundancy", "PauseAfterBootFailure", "GuestControlledCacheTypes",
                             "AutomaticSnapshotsEnabled", "IsAutomaticSnapshot", "LockOnDisconnect"})
        set_if(i, name, false);
    set_if(i, "Caption", "Virtual Machine Settings");
    set_if(i, "Architecture", "x64");
    set_if(i, "Version", "9.0");
    set_if(i, "VirtualNumaEnabled", true);
    set_if(i, "AutomaticStartupActionDelay", DateTime::interval(0));
    set_if(i, "AutomaticStartupActionSequenceNumber", 0);
    set_if(i, "AutomaticShutdownAction", 3);
    set_if(i, "AutomaticRecoveryAction", 3);
    set_if(i, "AutomaticCriticalErrorAction", 1);
    set_if(i, "AutomaticCriticalErrorActionTimeout", DateTime::interval(30 * minute));
    set_if(i, "AdditionalRecoveryInformation", "");
    set_if(i, "UserSnapshotType", 3);
    set_if(i, "DebugChannelId", 0);
    set_if(i, "DebugPortEnabled", 0);
    set_if(i, "DebugPort", 0);
    set_if(i, "NetworkBootPreferredProtocol", 4096);
    set_if(i, "ConsoleMode", 0);
    set_if(i, "SecureBootTemplateId", "1734c6e8-3154-4dda-ba5f-a874cc483422");
    set_if(i, "LowMmioGapSize", 128);
    set_if(i, "HighMmioGapSize", 512);
    set_if(i, "EnhancedSessionTransportType", 0);
}

DateTime created(const Configuration& c) {
    if (c.snapshot) return DateTime::timestamp(c.snapshot->created_us);
    if (c.machine) return DateTime::timestamp(c.machine->created_us);
    const auto& a = c.planned->spec.attributes;
    const auto it = a.find(std::string(planned_created));
    return DateTime::timestamp(it == a.end() ? 0 : parse_int(it->second).value_or(0));
}

// The snapshot that a configuration is based on; "" when none.
const std::string* based_on(const Configuration& c) {
    if (c.snapshot) return c.snapshot->parent.empty() ? nullptr : &c.snapshot->parent;
    const auto& all = c.machine ? c.machine->snapshots : c.planned->snapshots;
    for (const auto& s : all)
        if (s.current) return &s.id;
    return nullptr;
}

bool is_saved(const Configuration& c) {
    if (c.snapshot) return keeps_memory(*c.snapshot);
    if (c.machine) return c.machine->has_saved_state;
    return c.planned->spec.attributes.contains(std::string(planned_saved));
}

}  // namespace

std::string braced(std::string_view guid) {
    return '{' + std::string(guid) + '}';
}

std::string_view system_type(const Configuration& c) {
    switch (c.kind) {
        case Configuration::Kind::active:
            return "Microsoft:Hyper-V:System:Realized";
        case Configuration::Kind::snapshot:
            return is_recovery(*c.snapshot) ? "Microsoft:Hyper-V:Snapshot:Recovery"
                                            : "Microsoft:Hyper-V:Snapshot:Realized";
        case Configuration::Kind::planned:
            return "Microsoft:Hyper-V:System:Planned";
        case Configuration::Kind::planned_snapshot:
            return "Microsoft:Hyper-V:Snapshot:Planned";
    }
    return {};
}

std::string element_name(const Configuration& c) {
    if (!c.snapshot) return c.spec().name;
    const auto& a = c.snapshot->spec.attributes;
    const auto it = a.find(std::string(backend::snapshot_name));
    return it == a.end() ? c.snapshot->id : it->second;
}

std::vector<std::string> notes_of(const Configuration& c) {
    const auto& s = c.spec();
    const auto kept = s.attributes.find("System.Notes");
    if (kept != s.attributes.end()) {
        auto lines = kept_lines(kept->second);
        // Somebody else may have changed the machine's description; a snapshot's cannot change.
        if (c.snapshot || description_of(lines) == s.description) return lines;
    }
    if (s.description.empty()) return {};
    return {s.description};
}

std::string_view standard_description(bool of_snapshot) {
    return of_snapshot ? "Snapshot settings for the virtual machine"
                       : "Active settings for the virtual machine";
}

std::string description_of(const std::vector<std::string>& notes) {
    std::string out;
    for (std::size_t i = 0; i < notes.size(); ++i) {
        if (i) out += '\n';
        out += notes[i];
    }
    return out;
}

SystemWriter::SystemWriter(const Services& services, ClassPtr cls)
    : host_(services.host.name), prototype_(std::move(cls)) {
    static_assert(names.size() == property_count);
    for (std::size_t p = 0; p < property_count; ++p) slots_[p] = prototype_.cls().slot(names[p]);
    lay_out(services, prototype_);
}

void SystemWriter::put(Instance& i, P p, Value v) const {
    if (slots_[p] >= 0) i.set_at(static_cast<std::size_t>(slots_[p]), std::move(v));
}

Instance SystemWriter::write(const Configuration& c) const {
    Instance i = prototype_;
    const auto& s = c.spec();
    put(i, AutomaticStartupAction, Value(2));
    lay_kept_over(i, s.attributes, system_prefix);
    identity(c, i);
    firmware(c, i);
    const auto kept = slots_[AutomaticStartupAction] < 0
                          ? 2
                          : i.at(static_cast<std::size_t>(slots_[AutomaticStartupAction])).uint_or(2);
    if (s.autostart != (kept == 4)) put(i, AutomaticStartupAction, Value(s.autostart ? 4 : 2));
    put(i, IsSaved, Value(is_saved(c)));
    return i;
}

void SystemWriter::identity(const Configuration& c, Instance& i) const {
    put(i, InstanceID, Value(setting_id(c.id())));
    put(i, Description, Value(standard_description(c.snapshot != nullptr)));
    put(i, ElementName, Value(element_name(c)));
    put(i, VirtualSystemIdentifier, Value(c.system()));
    put(i, VirtualSystemType, Value(system_type(c)));
    put(i, ConfigurationID, Value(c.id()));
    put(i, Notes, Value::array_of(notes_of(c)));
    put(i, CreationTime, Value(created(c)));
    if (const auto* parent = based_on(c))
        put(i, Parent, Value(setting_path_text(host_, "Msvm_VirtualSystemSettingData", setting_id(*parent))));
}

void SystemWriter::firmware(const Configuration& c, Instance& i) const {
    const auto& s = c.spec();
    const bool second = generation_2(s);
    put(i, VirtualSystemSubType,
        Value(second ? "Microsoft:Hyper-V:SubType:2" : "Microsoft:Hyper-V:SubType:1"));
    put(i, BIOSGUID, Value(braced(s.bios_uuid.empty() ? s.uuid : to_upper(s.bios_uuid))));
    put(i, BIOSSerialNumber, Value(s.serial_number));
    put(i, BaseBoardSerialNumber, Value(s.board_serial));
    put(i, ChassisSerialNumber, Value(s.chassis_serial));
    put(i, ChassisAssetTag, Value(s.asset_tag));
    put(i, SecureBootEnabled, Value(s.secure_boot));
    if (second) {
        Value::Array order;
        for (const auto& id : s.boot_devices) {
            auto device = boot_source_device(s, id);
            if (!device.empty())
                order.emplace_back(
                    setting_path_text(host_, "Msvm_BootSourceSettingData", setting_id(c.id(), device)));
        }
        put(i, BootOrder, Value());
        put(i, BootSourceOrder, Value(std::move(order)));
        return;
    }
    const auto& kept = slots_[BootOrder] < 0 ? Value() : i.at(static_cast<std::size_t>(slots_[BootOrder]));
    if (boot_devices_of(kept) != s.boot_order) put(i, BootOrder, boot_order_value(s.boot_order));
}

std::vector<std::string> bootable_devices(const backend::MachineSpec& s) {
    std::vector<std::string> out;
    for (const auto& d : s.disks) out.push_back(d.id);
    for (const auto& n : s.nics) out.push_back(n.id);
    return out;
}

std::string boot_source_device(const backend::MachineSpec& s, std::string_view id) {
    for (unsigned i = 0; i < s.disks.size(); ++i)
        if (s.disks[i].id == id) return device_data(s, {drive_kind(s.disks[i]), i}) + "\\B";
    for (unsigned i = 0; i < s.nics.size(); ++i)
        if (s.nics[i].id == id) return device_data(s, {Kind::synthetic_nic, i}) + "\\B";
    return {};
}

}  // namespace wsvirt::cim::vs
