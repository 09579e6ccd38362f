// FakeHypervisor: snapshots, saved memory, migration, disk images.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/fake_hypervisor_state.hpp"

namespace wsvirt::testing {

using namespace wsvirt::backend;
using std::string;
using std::string_view;
namespace fs = std::filesystem;

namespace {

Error no_snapshot(string_view id) {
    return {Status::not_found, "wsvirt.snapshot.unknown", "The machine has no snapshot with this identifier.",
            string(id)};
}

SnapshotInfo* find_snapshot(Machine& m, string_view id) {
    for (auto& s : m.snapshots)
        if (iequals(s.id, id)) return &s;
    return nullptr;
}

}  // namespace

Result<SnapshotInfo> FakeHypervisor::snapshot(const Call& call, const SnapshotRequest& request) {
    if (auto ok = enter(call, "snapshot"); !ok) return ok.error();
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(request.machine);
    if (!e) return no_machine(request.machine);
    Machine m = *e->machine;
    if (find_snapshot(m, request.id))
        return Error{Status::already_exists, "wsvirt.snapshot.exists",
                     "The machine has a snapshot with this identifier already.", request.id};
    const bool active = m.state == MachineState::running || m.state == MachineState::paused;
    if (!active && m.state != MachineState::off && m.state != MachineState::saved)
        return wrong_state(m, "snapshot");
    if (request.quiesce && !(m.state == MachineState::running && m.agent_connected))
        return Error{Status::not_supported, "wsvirt.snapshot.no_agent",
                     "The guest agent does not answer, so the guest's file systems cannot be frozen.",
                     m.spec.uuid};
    SnapshotInfo s;
    s.id = to_upper(request.id);
    s.created_us = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
    s.has_memory = request.memory && !request.quiesce && (active || m.state == MachineState::saved);
    s.current = true;
    s.spec = m.spec;
    s.spec.attributes.insert(request.attributes.begin(), request.attributes.end());
    for (const auto& [k, v] : request.attributes) s.spec.attributes[k] = v;
    s.spec.attributes[string(snapshot_name)] = request.name;
    for (auto& other : m.snapshots)
        if (std::exchange(other.current, false)) s.parent = other.id;
    e->at_snapshot[s.id] = m.spec;
    e->state_at_snapshot[s.id] = s.has_memory ? m.state : MachineState::off;
    m.snapshots.push_back(s);
    publish(*e, std::move(m), EventKind::machine_changed);
    return s;
}

Result<void> FakeHypervisor::revert(const Call& call, string_view uuid, string_view snapshot,
                                    const AfterRevert& then) {
    if (auto ok = enter(call, "revert"); !ok) return ok;
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return no_machine(uuid);
    Machine m = *e->machine;
    SnapshotInfo* s = find_snapshot(m, snapshot);
    if (!s) return no_snapshot(snapshot);
    for (auto& other : m.snapshots) other.current = &other == s;
    m.spec = e->at_snapshot[s->id];
    m.state = e->state_at_snapshot[s->id];
    m.state_reason = "from snapshot";
    if (m.state != MachineState::off && then.memory != AfterRevert::Memory::runs)
        m.state = then.memory == AfterRevert::Memory::saved ? MachineState::saved : MachineState::off;
    for (auto& other : m.snapshots) {
        if (then.mark.empty()) break;
        other.spec.attributes.erase(then.mark);
        if (&other == s) other.spec.attributes[then.mark] = then.value;
    }
    publish(*e, std::move(m), EventKind::state_changed);
    return {};
}

Result<void> FakeHypervisor::delete_snapshot(const Call& call, string_view uuid, string_view snapshot,
                                             bool with_children) {
    if (auto ok = enter(call, "delete_snapshot"); !ok) return ok;
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return no_machine(uuid);
    Machine m = *e->machine;
    SnapshotInfo* s = find_snapshot(m, snapshot);
    if (!s) return no_snapshot(snapshot);
    const string parent = s->parent;
    std::set<string, ILess> gone{s->id};
    for (bool more = with_children; more;) {
        more = false;
        for (const auto& other : m.snapshots)
            if (gone.contains(other.parent)) more |= gone.insert(other.id).second;
    }
    bool was_current = false;
    for (auto& other : m.snapshots) {
        if (gone.contains(other.id))
            was_current |= other.current;
        else if (gone.contains(other.parent))
            other.parent = parent;
    }
    std::erase_if(m.snapshots, [&](const SnapshotInfo& other) { return gone.contains(other.id); });
    if (was_current)
        if (SnapshotInfo* p = find_snapshot(m, parent)) p->current = true;
    for (const auto& id : gone) {
        e->at_snapshot.erase(id);
        e->state_at_snapshot.erase(id);
    }
    publish(*e, std::move(m), EventKind::machine_changed);
    return {};
}

Result<void> FakeHypervisor::adopt_snapshots(const Call& call, string_view uuid,
                                             const std::vector<SnapshotInfo>& snapshots,
                                             const std::vector<string>&, const std::vector<string>&) {
    if (auto ok = enter(call, "adopt_snapshots"); !ok) return ok;
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return no_machine(uuid);
    Machine m = *e->machine;
    for (const auto& s : snapshots) {
        e->at_snapshot[s.id] = s.spec;
        e->state_at_snapshot[s.id] = s.has_memory ? MachineState::running : MachineState::off;
        m.snapshots.push_back(s);
    }
    publish(*e, std::move(m), EventKind::machine_changed);
    return {};
}

Result<string> FakeHypervisor::snapshot_hardware(const Call& call, string_view uuid, string_view snapshot) {
    if (auto ok = enter(call, "snapshot_hardware"); !ok) return ok.error();
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return no_machine(uuid);
    Machine m = *e->machine;
    const SnapshotInfo* s = find_snapshot(m, snapshot);
    if (!s) return no_snapshot(snapshot);
    return s->has_memory && s->memory_file.empty() ? "hardware of " + s->id : string();
}

Result<void> FakeHypervisor::modify_snapshot(const Call& call, string_view uuid,
                                             const SnapshotInfo& changed) {
    if (auto ok = enter(call, "modify_snapshot"); !ok) return ok;
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return no_machine(uuid);
    Machine m = *e->machine;
    SnapshotInfo* s = find_snapshot(m, changed.id);
    if (!s) return no_snapshot(changed.id);
    s->spec.attributes = changed.spec.attributes;
    publish(*e, std::move(m), EventKind::machine_changed);
    return {};
}

Result<void> FakeHypervisor::export_saved_state(const Call& call, string_view uuid, const string& to_file) {
    if (auto ok = enter(call, "export_saved_state"); !ok) return ok;
    const auto m = machine(uuid);
    if (!m) return no_machine(uuid);
    if (m->state != MachineState::saved) return wrong_state(*m, "export_saved_state");
    std::ofstream out(to_file, std::ios::binary);
    out << "saved memory of " << m->spec.uuid << "\n";
    if (!out.flush())
        return Error{Status::failed, "wsvirt.file.write", "The file cannot be written.", to_file};
    return {};
}

Result<void> FakeHypervisor::import_saved_state(const Call& call, string_view uuid, const string& from_file) {
    if (!fs::exists(from_file))
        return Error{Status::not_found, "wsvirt.file.missing", "The file does not exist.", from_file};
    return change_state(call, "import_saved_state", uuid, {MachineState::off}, MachineState::saved);
}

Result<void> FakeHypervisor::import_nvram(const Call& call, string_view uuid, const string&) {
    return change_state(call, "import_nvram", uuid, {MachineState::off}, MachineState::off);
}

Result<std::uint64_t> FakeHypervisor::saved_state_size(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "saved_state_size"); !ok) return ok.error();
    const auto m = machine(uuid);
    if (!m) return no_machine(uuid);
    if (m->state != MachineState::saved) return wrong_state(*m, "saved_state_size");
    return std::uint64_t{5} << 20;
}

string FakeHypervisor::mark_of(const string& path) {
    struct stat s {};
    return stat(path.c_str(), &s) == 0 ? "file:" + std::to_string(s.st_ino) : string();
}

// Those that a folder can hold here. They are there before the call is held or fails.
Result<void> FakeHypervisor::make_copies(const MigrationRequest& request) {
    const auto m = machine(request.machine);
    if (!m || request.kind == MigrationRequest::Kind::machine) return {};
    for (const auto& d : m->spec.disks) {
        const auto it = request.disk_targets.find(d.path);
        std::error_code ec;
        if (d.device != DiskDevice::disk || it == request.disk_targets.end() || fs::exists(it->second, ec) ||
            !std::ofstream(it->second, std::ios::binary))
            continue;
        if (!request.made) continue;
        if (auto ok = request.made(it->second, mark_of(it->second)); ok) continue;
        fs::remove(it->second, ec);
        return Error{Status::cancelled, "wsvirt.call.cancelled", "The call was given up."};
    }
    return {};
}

Result<void> FakeHypervisor::migrate(const Call& call, const MigrationRequest& request,
                                     Hypervisor& destination) {
    if (auto ok = make_copies(request); !ok) return ok;
    if (auto ok = enter(call, "migrate"); !ok) return ok;
    auto* const to = dynamic_cast<FakeHypervisor*>(&destination);
    const auto m = machine(request.machine);
    if (!m) return no_machine(request.machine);
    if (!to)
        return Error{Status::invalid_parameter, "wsvirt.host.unknown", "The destination host is not known.",
                     "destination"};
    Machine moved = *m;
    if (request.new_spec) moved.spec = *request.new_spec;
    for (Disk& d : moved.spec.disks) {
        if (request.new_spec) break;  // names them already
        if (const auto it = request.disk_targets.find(d.path); it != request.disk_targets.end())
            d.path = it->second;
        if (const auto it = request.drive_targets.find(d.id); it != request.drive_targets.end())
            d.path = it->second;
    }
    for (std::uint64_t done = 0; call.progress && done <= 4; ++done) call.progress({done * 256, 1024});
    if (to == this || request.kind == MigrationRequest::Kind::storage) {
        const std::lock_guard lock(state_->mutex);
        Entry* e = find(request.machine);
        if (!e) return no_machine(request.machine);
        publish(*e, std::move(moved), EventKind::machine_changed);
        return {};
    }
    if (to->machine(moved.spec.uuid))
        return Error{Status::already_exists, "wsvirt.migration.exists",
                     "The destination has a machine with this identifier already.", m->spec.uuid};
    {
        const std::lock_guard lock(to->state_->mutex);
        auto& e = *to->state_->entries.emplace_back(std::make_unique<Entry>());
        to->publish(e, std::move(moved), EventKind::machine_added);
    }
    const bool off = m->state == MachineState::off;
    if (off && request.arrived)
        if (auto ok = request.arrived(); !ok) {
            to->remove_behind_back(request.machine);
            return ok;
        }
    if (off && !connected()) return Error{Status::unavailable, string(half_there), "The source is silent."};
    if (connected()) remove_behind_back(request.machine);  // or it cannot be told that it has moved
    return {};
}

Result<void> FakeHypervisor::check_copied(const Call& call, const string&) {
    return enter(call, "check_copied");
}

Result<void> FakeHypervisor::check_whole(const Call& call, string_view) {
    return enter(call, "check_whole");
}

Result<void> FakeHypervisor::bring_back_snapshots(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "bring_back_snapshots"); !ok) return ok;
    return machine(uuid) ? Result<void>() : no_machine(uuid);
}

Result<void> FakeHypervisor::forget_rest(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "forget_rest"); !ok) return ok;
    return machine(uuid) ? undefine({}, uuid) : Result<void>();
}

Result<void> FakeHypervisor::abandon(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "abandon"); !ok) return ok;
    return machine(uuid) ? Result<void>() : no_machine(uuid);
}

Result<bool> FakeHypervisor::has_file(const Call& call, const string& path) {
    if (auto ok = enter(call, "has_file"); !ok) return ok.error();
    std::error_code ec;
    const std::lock_guard lock(state_->mutex);
    return !state_->own_files && path != state_->lost_file && fs::exists(path, ec);
}

void FakeHypervisor::lose_file(const string& path) {
    const std::lock_guard lock(state_->mutex);
    state_->lost_file = path;
}

void FakeHypervisor::has_own_files(bool yes) {
    const std::lock_guard lock(state_->mutex);
    state_->own_files = yes;
}

Result<bool> FakeHypervisor::is_made(const Call& call, const string& path, const string& mark) {
    if (auto ok = enter(call, "is_made"); !ok) return ok.error();
    return !mark.empty() && mark_of(path) == mark;
}

Result<void> FakeHypervisor::remove_file(const Call& call, const string& path) {
    if (auto ok = enter(call, "remove_file"); !ok) return ok;
    std::error_code ec;
    fs::remove(path, ec);
    return {};
}

// --- images --------------------------------------------------------------------------------------------

Result<ImageInfo> FakeHypervisor::image_info(const Call& call, const string& path, const string& format) {
    if (auto ok = enter(call, "image_info"); !ok) return ok.error();
    const std::lock_guard lock(state_->mutex);
    std::error_code ec;
    if (!fs::exists(path, ec))
        return Error{Status::not_found, "wsvirt.image.missing", "The disk image does not exist.", path};
    ImageInfo i;
    i.path = path;
    if (const auto it = state_->images.find(path); it != state_->images.end() && format != "raw")
        return it->second;
    if (format == "raw") {  // that is what any file can be taken for
        i.format = format;
        i.virtual_size = i.actual_size = fs::file_size(path, ec);
        return i;
    }
    i.format = iends_with(path, ".qcow2")  ? "qcow2"
               : iends_with(path, ".vhdx") ? "vhdx"
               : iends_with(path, ".vhd")  ? "vpc"
                                           : "raw";
    i.virtual_size = i.actual_size = fs::file_size(path, ec);
    return i;
}

Result<void> FakeHypervisor::create_image(const Call& call, const ImageSpec& spec) {
    if (auto ok = enter(call, "create_image"); !ok) return ok;
    const std::lock_guard lock(state_->mutex);
    std::error_code ec;
    if (fs::exists(spec.path, ec))
        return Error{Status::already_exists, "wsvirt.image.exists", "A file with this name exists already.",
                     spec.path};
    ImageInfo i;
    i.path = spec.path;
    i.format = spec.format;
    i.virtual_size = spec.size;
    i.actual_size = spec.kind == ImageSpec::Kind::fixed ? spec.size : 4096;
    if (spec.format == "vpc" || spec.format == "vhdx")
        i.subformat = spec.kind == ImageSpec::Kind::fixed ? "fixed" : "dynamic";
    if (spec.kind == ImageSpec::Kind::differencing) {
        if (!fs::exists(spec.parent, ec))
            return Error{Status::not_found, "wsvirt.image.missing", "The parent image does not exist.",
                         spec.parent};
        i.backing_file = spec.parent;
        if (const auto it = state_->images.find(spec.parent);
            i.virtual_size == 0 && it != state_->images.end())
            i.virtual_size = it->second.virtual_size;
    }
    if (!std::ofstream(spec.path, std::ios::binary))
        return Error{Status::failed, "wsvirt.image.create", "The image cannot be created.", spec.path};
    fs::resize_file(spec.path, spec.format == "raw" ? spec.size : 4096, ec);
    state_->images[spec.path] = std::move(i);
    return {};
}

Result<void> FakeHypervisor::convert_image(const Call& call, const string& from, const ImageSpec& to) {
    if (auto ok = enter(call, "convert_image"); !ok) return ok;
    auto source = image_info({}, from);
    if (!source) return source.error();
    for (std::uint64_t done = 0; call.progress && done <= 4; ++done)
        call.progress({source->virtual_size / 4 * done, source->virtual_size});
    ImageSpec target = to;
    if (!target.parent.empty()) target.parent = (fs::path(to.path).parent_path() / to.parent).string();
    target.size = source->virtual_size;
    return create_image({}, target);
}

Result<void> FakeHypervisor::resize_image(const Call& call, const string& path, std::uint64_t new_size) {
    if (auto ok = enter(call, "resize_image"); !ok) return ok;
    auto info = image_info({}, path);
    if (!info) return info.error();
    const std::lock_guard lock(state_->mutex);
    info->virtual_size = new_size;
    state_->images[path] = *info;
    return {};
}

Result<void> FakeHypervisor::rebase_image(const Call& call, const string& path, const string& backing,
                                          const string& backing_format) {
    if (auto ok = enter(call, "rebase_image"); !ok) return ok;
    auto info = image_info({}, path);
    if (!info) return info.error();
    const std::lock_guard lock(state_->mutex);
    info->backing_file = (fs::path(path).parent_path() / backing).string();
    info->backing_format = backing_format;
    state_->images[path] = *info;
    return {};
}

}  // namespace wsvirt::testing
