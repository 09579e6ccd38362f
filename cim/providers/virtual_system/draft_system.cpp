// The system's own settings: Msvm_VirtualSystemSettingData.
#include "base/text.hpp"
#include "cim/providers/virtual_system/boot_order.hpp"
#include "cim/providers/virtual_system/capabilities.hpp"
#include "cim/providers/virtual_system/draft.hpp"
#include "cim/providers/virtual_system/kept.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "cim/providers/virtual_system/system_writer.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::vs {

using backend::Firmware;

namespace {

constexpr std::size_t longest_text = 32768;

// What only this host can know, or what would change how well a machine is guarded and has no effect here.
constexpr std::array<std::string_view, 29> fixed{"CreationTime",
                                                 "ConfigurationFile",
                                                 "RecoveryFile",
                                                 "Parent",
                                                 "IsSaved",
                                                 "IsAutomaticSnapshot",
                                                 "Architecture",
                                                 "GuestStateFile",
                                                 "ParentPackage",
                                                 "VirtualSystemType",
                                                 "FirmwareFile",
                                                 "FirmwareParameters",
                                                 "GuestFeatureSet",
                                                 "GuestStateIsolationEnabled",
                                                 "GuestStateIsolationMode",
                                                 "GuestStateIsolationType",
                                                 "HighMmioGapBase",
                                                 "MemoryHostingJobObjectName",
                                                 "NumaNodeTopologyArray",
                                                 "VirtualSlitType",
                                                 "VMBusMessageRedirection",
                                                 "Vtl2AddressRangeBase",
                                                 "Vtl2AddressRangeSize",
                                                 "Vtl2AddressSpaceConfigurationMode",
                                                 "Vtl2MmioAddressRangeSize",
                                                 "WorkerJobObjectName",
                                                 "BootPciExpress",
                                                 "BootPciExpressInstanceFilter",
                                                 "ClusterWideNodeCapabilitiesValidationMode"};

std::size_t characters(std::string_view utf8) {
    std::size_t n = 0;
    for (char c : utf8) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    return n;
}

bool printable(std::string_view s) {
    return std::none_of(s.begin(), s.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_off(const Value& v) {  // the value of something that is not in use
    if (const auto* b = v.as_bool()) return !*b;
    if (const auto* s = v.as_string()) return s->empty();
    if (const auto* a = v.as_array()) return a->empty();
    std::uint64_t n = 1;
    return v.to_uint64(n) && n == 0;
}

// An order that is empty: of a machine of the other generation that is what it has.
Result<bool> nothing_to_boot(const std::string& property, bool has_order) {
    if (!has_order) return true;
    return refuse("wsvirt.boot.empty", property,
                  property + " must name at least one device; leave it out to keep the order as it is.");
}

}  // namespace

Result<void> check_system_class(const Namespace& ns, const Instance& settings) {
    const auto cls = ns.find("Msvm_VirtualSystemSettingData");
    if (!cls || settings.cls().is_a(cls->name()) || cls->is_a(settings.cls().name())) return {};
    return refuse("wsvirt.system.settings_class", "SystemSettings",
                  "SystemSettings must hold a Msvm_VirtualSystemSettingData, not a " + settings.cls().name() +
                      "; settings of devices go into ResourceSettings.");
}

Instance Draft::system_as_it_is() const {
    Configuration c;
    auto now = std::make_shared<PlannedSystem>();
    now->spec = spec_;
    c.kind = state_ == State::planned ? Configuration::Kind::planned : Configuration::Kind::active;
    c.planned = now;
    auto current = SystemWriter(services_, ns_.find("Msvm_VirtualSystemSettingData")).write(c);
    for (const char* unknown : {"CreationTime", "Parent", "IsSaved"}) current.clear(unknown);
    return current;
}

Result<void> Draft::change_system(const Instance& wanted) {
    auto current = system_as_it_is();
    const auto& given = wanted.cls().properties();
    // The generation comes first: other properties depend on it.
    for (const bool generation : {true, false})
        for (std::size_t slot = 0; slot < wanted.size(); ++slot) {
            if (!wanted.given(slot) || wanted.at(slot).is_null()) continue;
            const auto& name = given[slot]->name;
            if (iequals(name, "VirtualSystemSubType") != generation || iequals(name, "InstanceID")) continue;
            const auto* mine = current.cls().property(name);
            if (!mine)
                return refuse("wsvirt.property.not_here", name,
                              "Msvm_VirtualSystemSettingData has no property " + name + ".");
            if (same_value(current.get(name), wanted.at(slot))) continue;
            auto done = set_system(*mine, wanted.at(slot));
            if (!done) return named(done.error());
            if (!*done)
                if (auto r = keep({&spec_.attributes, system_prefix}, *mine, wanted.at(slot)); !r) return r;
            // One property may change what another reads, and "as it was" means as it is by now.
            current = system_as_it_is();
        }
    return {};
}

Result<bool> Draft::set_system(const Property& p, const Value& v) {
    if (iequals(p.name, "VirtualSystemIdentifier") || iequals(p.name, "ConfigurationID") ||
        iequals(p.name, "VirtualSystemSubType") || iequals(p.name, "Version"))
        return set_identity(p, v);
    if (istarts_with(p.name, "Boot") && !istarts_with(p.name, "BootPci")) return set_boot(p, v);
    for (auto f : fixed) {
        if (!iequals(f, p.name)) continue;
        // Unknown here until the machine exists; a copy of what was read brings it along.
        if (iequals(f, "CreationTime") || iequals(f, "Parent") || iequals(f, "IsSaved")) return true;
        if (iequals(f, "VirtualSystemType") && state_ == State::fresh) return true;
        if (is_off(v)) return false;
        return read_only(p.name);
    }
    const auto text = v.string_or({});
    if (text.size() > longest_text)
        return refuse("wsvirt.text.long", p.name, p.name + " is longer than 32768 bytes.");
    if (iends_with(p.name, "DataRoot") && text.empty()) {  // the host's default
        spec_.attributes.erase(std::string(system_prefix) + p.name);
        return true;
    }
    if (iequals(p.name, "ElementName")) {
        if (trim(text).empty() || characters(text) > longest_element_name || !printable(text))
            return refuse("wsvirt.machine.name", p.name,
                          "ElementName must have 1 to 100 characters, none of them a control character.");
        spec_.name = text;
        return true;
    }
    // A copy of a snapshot's settings brings the snapshot's along; there are no others.
    if (iequals(p.name, "Description") &&
        (text == standard_description(false) || text == standard_description(true)))
        return true;
    if (iequals(p.name, "Notes")) {
        std::vector<std::string> lines;
        for (const auto& line : *v.as_array()) lines.push_back(line.string_or({}));
        spec_.description = description_of(lines);
        if (spec_.description.size() > longest_text)
            return refuse("wsvirt.text.long", p.name, "Notes is longer than 32768 bytes.");
        return false;
    }
    if (iequals(p.name, "AutomaticStartupAction")) {
        if (auto r = check_value_map(p, v); !r) return r.error();
        if (v.uint_or(0) < 2 || v.uint_or(0) > 4)
            return refuse("wsvirt.system.startup", p.name, "AutomaticStartupAction is 2, 3 or 4.");
        spec_.autostart = v.uint_or(0) == 4;
        return false;
    }
    if ((iequals(p.name, "AutomaticShutdownAction") || iequals(p.name, "AutomaticRecoveryAction")) &&
        (v.uint_or(0) < 2 || v.uint_or(0) > 4))
        return refuse("wsvirt.system.action", p.name, p.name + " is 2, 3 or 4.");
    struct Text {
        const char* property;
        std::string backend::MachineSpec::*field;
    };
    for (const auto& t : {Text{"BIOSSerialNumber", &backend::MachineSpec::serial_number},
                          Text{"BaseBoardSerialNumber", &backend::MachineSpec::board_serial},
                          Text{"ChassisSerialNumber", &backend::MachineSpec::chassis_serial},
                          Text{"ChassisAssetTag", &backend::MachineSpec::asset_tag}})
        if (iequals(p.name, t.property)) {
            if (auto r = need_off(p.name); !r) return r.error();
            if (text.size() > 32 || !printable(text))
                return refuse("wsvirt.system.serial", p.name,
                              p.name + " must have at most 32 printable characters.");
            spec_.*t.field = text;
            return true;
        }
    if (iequals(p.name, "BIOSGUID")) {
        if (auto r = need_off(p.name); !r) return r.error();
        auto guid = clean_guid(text);
        if (!guid) return refuse("wsvirt.system.bios_guid", p.name, "BIOSGUID must be a GUID.");
        spec_.bios_uuid = *guid;
        return true;
    }
    if (iequals(p.name, "SecureBootEnabled")) {
        if (auto r = need_off(p.name); !r) return r.error();
        if (v.bool_or(false) && !generation_2(spec_))
            return refuse("wsvirt.secure_boot.generation", p.name,
                          "Secure boot needs a generation 2 virtual machine.");
        if (v.bool_or(false) && !services_.hypervisor.host().secure_boot_available) return no_secure_boot();
        const bool wanted = v.bool_or(false);
        // Imported variables of the firmware have the keys that belong to what was imported.
        if (wanted != spec_.secure_boot) spec_.attributes.erase(std::string(planned_nvram));
        spec_.secure_boot = wanted;
        return true;
    }
    return false;
}

Result<bool> Draft::set_identity(const Property& p, const Value& v) {
    const auto text = v.string_or({});
    if (text.empty()) return true;
    if (iequals(p.name, "Version")) {
        const auto parts = split(text, '.');
        const bool good = parts.size() == 2 && parse_uint(parts[0]) && parse_uint(parts[1]);
        if (!good || parts[0].size() > 3)
            return refuse("wsvirt.system.version", p.name, "Version must look like \"9.0\".");
        if (state_ != State::fresh) return read_only(p.name);
        return false;
    }
    if (state_ != State::fresh) return read_only(p.name);
    if (iequals(p.name, "VirtualSystemSubType")) {
        const bool second = iequals(text, "Microsoft:Hyper-V:SubType:2");
        if (!second && !iequals(text, "Microsoft:Hyper-V:SubType:1"))
            return refuse(
                "wsvirt.system.generation", p.name,
                "VirtualSystemSubType is Microsoft:Hyper-V:SubType:1 or Microsoft:Hyper-V:SubType:2.");
        if (second && !services_.hypervisor.host().uefi_available)
            return Error(Status::not_supported, "wsvirt.system.no_uefi",
                         "This host has no UEFI firmware for generation 2 machines; install OVMF.", p.name);
        spec_.firmware = second ? Firmware::uefi : Firmware::bios;
        return true;
    }
    auto guid = clean_guid(text);
    if (!guid) return refuse("wsvirt.system.identifier", p.name, p.name + " must be a GUID.");
    if (iequals(p.name, "ConfigurationID") && !iequals(*guid, spec_.uuid)) {
        // It equals VirtualSystemIdentifier, which comes earlier or not at all.
        return refuse("wsvirt.system.configuration_id", p.name,
                      "ConfigurationID equals VirtualSystemIdentifier; leave it out.");
    }
    spec_.uuid = *guid;
    id_ = *guid;
    return true;
}

Result<bool> Draft::set_boot(const Property& p, const Value& v) {
    const auto* order = v.as_array();
    if (!order) return read_only(p.name);
    if (iequals(p.name, "BootOrder")) {
        if (order->empty()) return nothing_to_boot(p.name, !generation_2(spec_));
        if (generation_2(spec_))
            return refuse("wsvirt.boot.generation", p.name,
                          "BootOrder is for generation 1; a generation 2 machine has BootSourceOrder.");
        if (auto r = need_off(p.name); !r) return r.error();
        for (const auto& d : *order)
            if (d.uint_or(99) > 4)
                return refuse(
                    "wsvirt.boot.device", p.name,
                    "BootOrder holds 0 (floppy), 1 (CD), 2 (IDE disk), 3 (network) and 4 (SCSI disk).");
        spec_.boot_order = boot_devices_of(v);
        spec_.boot_devices.clear();  // an order of single devices, as others give it, would go before
        return false;
    }
    if (!iequals(p.name, "BootSourceOrder")) return read_only(p.name);
    if (order->empty()) return nothing_to_boot(p.name, generation_2(spec_));
    if (!generation_2(spec_))
        return refuse("wsvirt.boot.generation", p.name,
                      "BootSourceOrder is for generation 2; a generation 1 machine has BootOrder.");
    if (auto r = need_off(p.name); !r) return r.error();
    std::vector<std::string> devices;
    for (const auto& source : *order) {
        const auto id = parse_setting_id(instance_id_of(source.string_or({})));
        std::string device;
        if (id)
            for (const auto& known : bootable_devices(spec_))
                if (iequals(boot_source_device(spec_, known), id->device)) device = known;
        if (device.empty())
            return refuse("wsvirt.boot.source", p.name,
                          "\"" + source.string_or({}) + "\" is no boot source of this virtual machine.");
        devices.push_back(std::move(device));
    }
    spec_.boot_devices = std::move(devices);
    return true;
}

}  // namespace wsvirt::cim::vs
