#include "cim/providers/export_import/import_folder.hpp"

#include <chrono>
#include <map>

#include "backend/hypervisor.hpp"
#include "backend/unknown_devices.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/contents.hpp"
#include "cim/providers/virtual_system/machine_folders.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t largest_definition = 64ull << 20;

// Disks that were exported are where the export has them; the others where they always were.
void move_disks(backend::MachineSpec& spec, const ImportFolder& folder) {
    for (auto& d : spec.disks)
        for (const auto& f : folder.definition.disks)
            if (d.path == f.source && !d.path.empty()) {
                d.path = (folder.root / f.path).string();
                d.format = f.format;
            }
}

// QEMU would take them for what they are called, and in other formats a file can name any other as a part.
Result<void> check_formats(const backend::MachineSpec& spec) {
    for (const auto& d : spec.disks)
        if (!d.path.empty() && !d.format.empty() && !vs::known_format(d.format))
            return Error(Status::invalid_parameter, "wsvirt.import.format",
                         "The definition says that \"" + d.path + "\" has the format " + d.format +
                             "; only qcow2, raw, vpc (VHD) and vhdx disks can be imported. Convert it and "
                             "export the machine again.",
                         "SystemDefinitionFile");
    return {};
}

// What we note about planned systems is ours to say, not the file's.
void drop_notes(backend::MachineSpec& spec) {
    const auto ours = [](const auto& a) { return a.first.starts_with("Planned."); };
    std::erase_if(spec.attributes, ours);
    for (auto& d : spec.disks) std::erase_if(d.attributes, ours);
}

// Devices that a machine of ours cannot have are a problem for whoever validates it, no silent loss.
void note_unknown(backend::MachineSpec& spec) {
    const auto it = spec.attributes.find(std::string(backend::unknown_devices));
    if (it == spec.attributes.end()) return;
    auto names = std::move(it->second);
    spec.attributes.erase(it);
    spec.attributes[std::string(vs::planned_unknown)] = std::move(names);
}

// A pipe has its socket in a folder of the host that exported it; here it is in ours, under the same name.
void move_pipes(backend::MachineSpec& spec, const Services& services) {
    for (auto& port : spec.serial_ports) {
        const fs::path old(port.path);
        if (port.kind != backend::SerialPort::Kind::pipe_server || old.parent_path().filename() != "pipes")
            continue;
        if (auto here = vs::pipe_socket(services, old.filename().string(), "Connection"))
            port.path = std::move(*here);
    }
}

// What is said of files elsewhere is not looked at: an import leads nowhere outside the folders.
ExportDefinition with_bases_inside(const Services& services, const ImportFolder& folder) {
    auto d = folder.definition;
    for (auto& f : d.disks) {
        const auto base = base_file(folder.root / f.path, f);
        if (!f.base.empty() && !vs::check_existing(services.host.export_folders, base.string(), "Base"))
            f.base.clear();
    }
    return d;
}

}  // namespace

Result<ImportFolder> open_import(const Services& services, const std::string& definition_file) {
    auto real = vs::check_existing(services.host.export_folders, definition_file, "SystemDefinitionFile");
    if (!real) {
        auto e = real.error();
        if (e.status == Status::not_found) e.status = Status::invalid_parameter;
        return e;
    }
    auto text = read_file(*real, largest_definition);
    if (!text) return text.error();
    auto definition = export_definition_from_text(*text);
    if (!definition) return definition.error();
    ImportFolder folder;
    folder.file = *real;
    folder.root = folder.file.parent_path().parent_path();
    folder.definition = std::move(*definition);
    return folder;
}

Result<vs::PlannedSystem> planned_of(const Services& services, const ImportFolder& folder,
                                     const std::string& new_id) {
    const auto& d = folder.definition;
    vs::PlannedSystem p;
    auto spec = services.hypervisor.spec_from_text(d.settings);
    if (!spec) return spec.error();
    p.spec = std::move(*spec);
    drop_notes(p.spec);
    backend::erase_snapshot_notes(p.spec.attributes);  // of an export that was one snapshot
    note_unknown(p.spec);
    p.spec.uuid = new_id.empty() ? d.id : new_id;
    move_disks(p.spec, folder);
    if (auto r = check_formats(p.spec); !r) return r.error();
    move_pipes(p.spec, services);
    const auto now = std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
    p.spec.attributes[std::string(vs::planned_created)] = now;
    p.spec.attributes[std::string(vs::planned_changed)] = now;
    p.spec.attributes[std::string(vs::planned_folder)] = folder.root.string();
    if (!d.saved_state.empty())
        p.spec.attributes[std::string(vs::planned_saved)] =
            (folder.root / d.saved_state.front().path).string();
    if (!d.firmware.empty())
        p.spec.attributes[std::string(vs::planned_nvram)] = (folder.root / d.firmware.front().path).string();
    expect_contents(p, folder.root.string(), with_bases_inside(services, folder));

    std::map<std::string, std::string> ids;
    for (const auto& s : d.snapshots)
        ids[s.id] = new_id.empty()   ? s.id
                    : s.name.empty() ? make_guid()
                                     : backend::snapshot_id(new_id, s.name);
    for (const auto& s : d.snapshots) {
        auto snapshot_spec = services.hypervisor.spec_from_text(s.settings);
        if (!snapshot_spec) return snapshot_spec.error();
        backend::SnapshotInfo info;
        info.id = ids[s.id];
        if (const auto parent = ids.find(s.parent); parent != ids.end()) info.parent = parent->second;
        info.created_us = s.created_us;
        info.has_memory = s.has_memory;
        info.current = s.current;
        info.external = s.external;
        if (!s.memory.empty()) info.memory_file = (folder.root / s.memory.front().path).string();
        if (!s.firmware.empty()) info.nvram_file = (folder.root / s.firmware.front().path).string();
        info.spec = std::move(*snapshot_spec);
        drop_notes(info.spec);
        note_unknown(info.spec);
        info.spec.uuid = p.spec.uuid;
        move_disks(info.spec, folder);
        if (auto r = check_formats(info.spec); !r) return r.error();
        move_pipes(info.spec, services);
        const auto& inside = s.name.empty() ? s.id : s.name;
        if (info.id != inside && !s.external) info.spec.attributes[name_in_disks] = inside;
        if (!s.hardware.empty()) info.spec.attributes[hardware_of_memory] = s.hardware;
        p.snapshots.push_back(std::move(info));
    }
    return p;
}

}  // namespace wsvirt::cim::export_import
