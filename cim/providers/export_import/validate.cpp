#include "cim/providers/export_import/validate.hpp"

#include <algorithm>
#include <set>

#include "backend/hypervisor.hpp"
#include "cim/om/job_record.hpp"
#include "cim/providers/export_import/identifiers.hpp"
#include "cim/providers/export_import/resolve.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/draft.hpp"
#include "cim/providers/virtual_system/element_writer.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/machine_folders.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/serial_rules.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"
#include "cim/providers/virtual_system/switches.hpp"

namespace wsvirt::cim::export_import {

namespace {

class Validation {
  public:
    Validation(Services& services, const vs::PlannedSystem& planned)
        : services_(services), planned_(planned), spec_(planned.spec) {}

    std::vector<JobError> run() {
        check_host();
        check_devices(spec_,
                      vs::system_path_text(services_.host.name, "Msvm_PlannedComputerSystem", spec_.uuid));
        check_disks();
        check_emptied();
        check_ports(spec_, "");
        check_serial_ports(spec_, "");
        check_files_beside();
        for (const auto& s : planned_.snapshots) check_snapshot(s);
        return std::move(found_);
    }

  private:
    void add(const Error& e, const std::string& source) {
        auto problem = job_error_of(e);
        problem.source = source;
        found_.push_back(std::move(problem));
    }
    std::string element_path(const vs::Element& e, const char* cls) const {
        return vs::setting_path_text(services_.host.name, cls,
                                     vs::setting_id(spec_.uuid, vs::device_data(spec_, e)));
    }

    void check_devices(const backend::MachineSpec& spec, const std::string& source) {
        const auto unknown = spec.attributes.find(std::string(vs::planned_unknown));
        if (unknown == spec.attributes.end()) return;
        add(Error(Status::invalid_parameter, "wsvirt.validate.devices",
                  "The definition has devices or settings that a machine of this service cannot have (" +
                      unknown->second +
                      "); take them out of the machine before it is exported, or out of the definition "
                      "before it is imported."),
            source);
    }

    void check_host() {
        const auto host = services_.hypervisor.host();
        // Memory that came along does not let its system be made smaller.
        const std::string first = spec_.attributes.contains(std::string(vs::planned_saved))
                                      ? "discard its saved state (RequestedState 3) and then "
                                      : "";
        const auto system =
            vs::system_path_text(services_.host.name, "Msvm_PlannedComputerSystem", spec_.uuid);
        if (host_with(services_, spec_.uuid))
            add(Error(Status::invalid_parameter, "wsvirt.validate.exists",
                      "A virtual machine with the identifier " + spec_.uuid + " exists already."),
                system);
        if (auto r = check_identifiers(services_, planned_); !r) add(r.error(), system);
        if (spec_.memory_mib > host.memory_mib)
            add(Error(Status::out_of_memory, "wsvirt.validate.memory",
                      "The system needs " + std::to_string(spec_.memory_mib) +
                          " MB of memory and this host has " + std::to_string(host.memory_mib) + " MB; " +
                          first + "lower VirtualQuantity of its memory."),
                element_path({vs::Kind::memory, 0}, "Msvm_MemorySettingData"));
        if (spec_.processors > host.max_processors)
            add(Error(Status::invalid_parameter, "wsvirt.validate.processors",
                      "The system has " + std::to_string(spec_.processors) +
                          " processors and this host allows " + std::to_string(host.max_processors) + "; " +
                          first + "lower VirtualQuantity of its processor."),
                element_path({vs::Kind::processor, 0}, "Msvm_ProcessorSettingData"));
        if (vs::generation_2(spec_) && !host.uefi_available)
            add(Error(Status::not_supported, "wsvirt.validate.uefi",
                      "The system is of generation 2 and this host has no UEFI firmware for it."),
                system);
        else if (spec_.secure_boot && !host.secure_boot_available)
            add(vs::no_secure_boot(), system);
    }

    void check_disks() {
        std::set<std::string> own;  // two names may be one file
        for (const auto& e : vs::elements(spec_)) {
            if (!vs::is_medium(e.kind)) continue;
            const auto drive = vs::parent_of(spec_, e);
            if (!drive) continue;
            const auto& d = spec_.disks[drive->index];
            if (d.path.empty()) continue;
            auto medium = vs::check_medium(
                services_, d.path, {e.kind, spec_.uuid, false, told_format(planned_, d), d.shareable});
            if (medium && (e.kind == vs::Kind::dvd_disk || own.insert(medium->path).second)) continue;
            add(medium ? vs::in_another_drive(d.path) : medium.error(),
                element_path(e, "Msvm_StorageAllocationSettingData"));
        }
    }

    // There is no hard disk without a file, and the saved memory has one.
    void check_emptied() {
        if (!spec_.attributes.contains(std::string(vs::planned_saved))) return;
        for (const auto& e : vs::elements(spec_)) {
            if (e.kind != vs::Kind::disk_drive || !spec_.disks[e.index].path.empty()) continue;
            const auto disk = vs::device_data(spec_, {vs::Kind::hard_disk, e.index});
            if (!spec_.attributes.contains(std::string(vs::planned_emptied) + disk)) continue;
            add(Error(Status::invalid_parameter, "wsvirt.validate.emptied",
                      "The saved memory has a hard disk in this drive, which is empty now. Put a disk in "
                      "again with AddResourceSettings, or discard the saved state (RequestedState 3)."),
                element_path(e, "Msvm_ResourceAllocationSettingData"));
        }
    }

    // source: that of a snapshot; "" for the system's own connections, which each have one.
    void check_ports(const backend::MachineSpec& spec, const std::string& source) {
        const auto switches = services_.hypervisor.switches();
        for (const auto& e : vs::elements(spec)) {
            if (e.kind != vs::Kind::connection) continue;
            auto n = spec.nics[e.index];
            const auto missing = n.attributes.find(std::string(vs::missing_switch));
            std::string gone;
            if (missing != n.attributes.end()) {
                const auto name = missing->second;
                if (!vs::plug(n, switches, name)) gone = "The switch \"" + name + "\"";
            } else if (n.link != backend::NicLink::none && !vs::switch_of(switches, n)) {
                gone = "The switch that the port was connected to (\"" + n.source + "\")";
            }
            if (gone.empty()) continue;
            add(Error(Status::not_found, "wsvirt.validate.switch",
                      gone + " does not exist on this host; " +
                          (source.empty() ? "choose another with ModifyResourceSettings."
                                          : "create it, or export the system without the snapshot.")),
                source.empty() ? element_path(e, "Msvm_EthernetPortAllocationSettingData") : source);
        }
    }

    Result<void> check_serial_port(const backend::SerialPort& p) {
        auto path = vs::check_serial(services_, p.path, "Connection");
        return path ? vs::check_serial_target(services_, p.kind, *path) : path.error();
    }

    // An import brings settings that no client ever set here.
    void check_serial_ports(const backend::MachineSpec& spec, const std::string& source) {
        for (const auto& p : spec.serial_ports) {
            const bool leads_somewhere =
                p.kind == backend::SerialPort::Kind::file || p.kind == backend::SerialPort::Kind::pipe_server;
            if (!leads_somewhere) continue;
            auto r = check_serial_port(p);
            if (!r)
                add(r.error(), source.empty() ? element_path({vs::Kind::serial_port, p.port},
                                                             "Msvm_SerialPortSettingData")
                                              : source);
        }
    }

    // Going back to a snapshot brings its settings back, so they must be fit too. Its disks are mostly those
    // of the system.
    void check_snapshot(const backend::SnapshotInfo& s) {
        const auto source =
            vs::setting_path_text(services_.host.name, "Msvm_VirtualSystemSettingData", vs::setting_id(s.id));
        check_devices(s.spec, source);
        check_ports(s.spec, source);
        check_serial_ports(s.spec, source);
        for (const auto& file : {s.memory_file, s.nvram_file}) check_file(file, source);
        for (const auto& d : s.spec.disks) {
            const bool known = std::any_of(spec_.disks.begin(), spec_.disks.end(), [&](const auto& mine) {
                return mine.path == d.path && mine.format == d.format && mine.device == d.device;
            });
            if (known || d.path.empty()) continue;
            const auto kind = d.device == backend::DiskDevice::cdrom    ? vs::Kind::dvd_disk
                              : d.device == backend::DiskDevice::floppy ? vs::Kind::floppy_disk
                                                                        : vs::Kind::hard_disk;
            if (auto medium = vs::check_medium(
                    services_, d.path, {kind, spec_.uuid, false, told_format(planned_, d), d.shareable});
                !medium)
                add(medium.error(), source);
        }
    }

    void check_files_beside() {
        const auto source =
            vs::system_path_text(services_.host.name, "Msvm_PlannedComputerSystem", spec_.uuid);
        for (const auto name : {vs::planned_saved, vs::planned_nvram})
            if (const auto it = spec_.attributes.find(std::string(name)); it != spec_.attributes.end())
                check_file(it->second, source);
    }

    // An export names only files below its folder; a link there must not lead elsewhere.
    void check_file(const std::string& file, const std::string& source) {
        if (file.empty()) return;
        auto r = vs::check_existing(services_.host.export_folders, file, "SystemDefinitionFile");
        if (!r) add(r.error(), source);
    }

    Services& services_;
    const vs::PlannedSystem& planned_;
    const backend::MachineSpec& spec_;
    std::vector<JobError> found_;
};

}  // namespace

std::vector<JobError> problems_of(Services& services, const vs::PlannedSystem& planned) {
    return Validation(services, planned).run();
}

}  // namespace wsvirt::cim::export_import
