// What keeps a machine from moving: looked for on both hosts before anything begins.
#include <algorithm>
#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::migration_service {

using backend::Disk;
using backend::DiskDevice;
using backend::MachineState;

namespace {

using Problems = std::vector<Error>;

constexpr auto look_limit = std::chrono::seconds(15);

void add(Problems& out, Status status, const char* id, std::string text, const std::string& subject = {}) {
    out.emplace_back(status, std::string("wsvirt.migration.") + id, std::move(text), subject);
}

bool is_active(const backend::Machine& m) {
    return m.state == MachineState::running || m.state == MachineState::paused;
}

// libvirt inside this process can send machines but not take them.
bool can_take(const HostEntry& h) {
    return !h.uri.starts_with("qemu:///embed") && !h.uri.starts_with("test:");
}

void check_service(const Services& services, const Plan& plan, Problems& out) {
    const auto state = service_state(services);
    const auto active = active_migrations(services);
    if (!plan.stays() && !state.enabled)
        add(out, Status::invalid_state, "disabled",
            "Migrations are switched off on this host; set EnableVirtualSystemMigration first.");
    const bool full = plan.stays() ? state.most_storage != 0 && active.storage >= state.most_storage
                                   : state.most_machines != 0 && active.machines >= state.most_machines;
    if (full)
        add(out, Status::busy, "too_many",
            "As many migrations are running as this host allows at the same time; try again later.");
}

// Its own, or one that a snapshot has put another file above.
const Disk* disk_of(const backend::Machine& m, std::string_view format) {
    std::vector<const backend::MachineSpec*> specs{&m.spec};
    for (const auto& s : m.snapshots) specs.push_back(&s.spec);
    for (const auto* spec : specs)
        for (const auto& d : spec->disks)
            if (d.format == format) return &d;
    return nullptr;
}

void check_machine(const Plan& plan, Problems& out) {
    const auto& m = *plan.machine;
    if (m.state == MachineState::saved || m.has_saved_state)
        add(out, Status::invalid_state, "saved",
            "\"" + m.spec.name + "\" is saved and cannot move; start it, or discard its saved state.");
    if (const auto* d = disk_of(m, "vhdx"))
        add(out, Status::not_supported, "vhdx",
            "\"" + m.spec.name + "\" has the VHDX disk " + d->path +
                ", which cannot move with it; convert the disk to VHD or qcow2 first.");
    const bool moves_now = !plan.stays() && plan.wishes.type != MigrationType::staged;
    if (const auto* d = disk_of(m, "vpc"); d && is_active(m) && moves_now)
        add(out, Status::not_supported, "vhd",
            "\"" + m.spec.name + "\" has the VHD disk " + d->path +
                ", which it cannot move with while it runs; turn it off first, or convert the disk to "
                "qcow2.");
    if (!m.snapshots.empty() && (plan.stays() || copies_disks(plan.wishes.type)))
        add(out, Status::invalid_state, "snapshots",
            "\"" + m.spec.name +
                "\" has snapshots, and its disks cannot be copied with them; delete them first.");
}

std::set<std::string> files_of_snapshots(const backend::Machine& m) {
    std::set<std::string> files;
    for (const auto& s : m.snapshots) {
        files.insert({s.memory_file, s.nvram_file});
        for (const auto& d : s.spec.disks)
            if (d.device == DiskDevice::disk) files.insert(d.path);
    }
    files.erase(std::string());
    return files;
}

// They go along as they are, so that every file of theirs must be there under the name that it has here.
void check_snapshots(const Plan& plan, Problems& out) {
    const auto& m = *plan.machine;
    if (m.snapshots.empty() || plan.wishes.type != MigrationType::machine) return;
    if (!plan.request.disk_targets.empty())
        return add(
            out, Status::invalid_state, "snapshots",
            "\"" + m.spec.name +
                "\" has snapshots; it can move with them only to where its disks have the same paths.");
    for (const auto& file : files_of_snapshots(m)) {
        backend::Call call;
        call.deadline = std::chrono::steady_clock::now() + look_limit;
        const auto there = plan.destination.hypervisor->has_file(call, file);
        if (!there || *there) continue;
        return add(out, Status::invalid_state, "snapshots",
                   "\"" + m.spec.name + "\" has snapshots, and \"" + plan.destination.name +
                       "\" does not see their file " + file + "; put it there, or delete them first.");
    }
}

void check_destination(const Plan& plan, Problems& out) {
    const auto& d = plan.destination;
    const auto here = plan.source.hypervisor->host(), there = d.hypervisor->host();
    const auto& m = *plan.machine;
    const auto cannot = [&](const char* id, const std::string& why) {
        add(out, Status::not_supported, id, "The host \"" + d.name + "\" " + why, "DestinationHost");
    };
    if (!can_take(d)) cannot("embedded", "cannot take machines: no libvirtd runs there.");
    if (d.hypervisor->machine(plan.guid()))
        add(out, Status::already_exists, "exists",
            "The host \"" + d.name + "\" has a machine with the identifier " + plan.guid() + " already.");
    if (!here.arch.empty() && !there.arch.empty() && here.arch != there.arch)
        cannot("arch", "has processors of another kind (" + there.arch + ").");
    if (is_active(m) && plan.wishes.type != MigrationType::staged && here.accelerator != there.accelerator)
        cannot("accelerator", "runs machines with " + there.accelerator + ", this one runs with " +
                                  here.accelerator + "; shut the machine down to move it.");
    if (there.memory_mib != 0 && m.spec.memory_mib > there.memory_mib)
        cannot("memory", "has less memory than the machine.");
    if (m.spec.processors > there.max_processors && there.max_processors > 1)
        cannot("processors",
               "allows a machine at most " + std::to_string(there.max_processors) + " processors.");
}

void check_switches(const Plan& plan, Problems& out) {
    const auto switches = plan.destination.hypervisor->switches();
    for (const auto& n : plan.spec.nics) {
        if (n.link != backend::NicLink::network) continue;
        const bool there = std::any_of(switches.begin(), switches.end(), [&](const auto& s) {
            return s.link == n.link && s.source == n.source;
        });
        if (!there)
            add(out, Status::invalid_parameter, "switch",
                "The host \"" + plan.destination.name + "\" has no virtual switch \"" + n.source +
                    "\"; give the connection another one in NewResourceSettingData.",
                "NewResourceSettingData");
    }
}

bool below_folders(const std::vector<std::filesystem::path>& folders, const std::string& path) {
    if (folders.empty()) return true;
    const auto normal = std::filesystem::path(path).lexically_normal().string();
    return std::any_of(folders.begin(), folders.end(), [&](const auto& f) {
        const auto root = (f / "").lexically_normal().string();
        return normal.starts_with(root);
    });
}

// A disk that goes along must be there already; one that is copied must find its place free.
void check_file(const Services& services, const Plan& plan, const Disk& d, Problems& out) {
    const bool copied = plan.wishes.type == MigrationType::both && d.device == DiskDevice::disk;
    const auto& host = plan.destination;
    if (copied && !is_local(services, host) && !below_folders(host.storage_folders, d.path))
        return add(out, Status::access_denied, "outside",
                   "\"" + d.path + "\" lies outside the storage folders of \"" + host.name +
                       "\"; give the disk a path below one of them in NewResourceSettingData.",
                   "HostResource");
    backend::Call call;
    call.deadline = std::chrono::steady_clock::now() + look_limit;
    const auto there = host.hypervisor->has_file(call, d.path);
    if (!there) {
        if (there.error().status != Status::not_supported) out.push_back(there.error());
        return;
    }
    if (copied && *there)
        add(out, Status::already_exists, "file_exists",
            "\"" + host.name + "\" has a file \"" + d.path + "\" already; choose another HostResource.",
            "HostResource");
    if (!copied && !*there)
        add(out, Status::not_found, "incompatible.disk_missing",
            "\"" + host.name + "\" does not see \"" + d.path +
                "\"; put it there, give its path there in NewResourceSettingData, or copy it with "
                "MigrationType 32771.",
            "HostResource");
}

// While it runs QEMU copies a disk as the guest sees it; of a machine that is off this service has to see all
// that the disk stands on.
void check_parents(const Plan& plan, Problems& out) {
    if (plan.wishes.type != MigrationType::both || is_active(*plan.machine)) return;
    for (const auto& d : plan.machine->spec.disks) {
        if (d.device != DiskDevice::disk || d.path.empty()) continue;
        backend::Call call;
        call.deadline = std::chrono::steady_clock::now() + look_limit;
        const auto can = plan.source.hypervisor->check_copied(call, d.path);
        if (!can && can.error().status == Status::not_supported) out.push_back(can.error());
    }
}

// Where disks may go on the machine's own host.
void check_new_places(const Services& services, const Plan& plan, Problems& out) {
    const auto here = services_at(services, plan.source);
    for (const auto& [from, to] : plan.request.disk_targets) {
        backend::Call call;
        const auto exists = plan.source.hypervisor->has_file(call, to);
        if (exists && *exists)
            add(out, Status::already_exists, "file_exists",
                "There is a file \"" + to + "\" already; choose another HostResource.", "HostResource");
        if (!is_local(services, plan.source)) continue;
        if (auto place = vs::check_place(here.host.storage_folders, to, "HostResource"); !place)
            out.push_back(place.error());
    }
}

void open_disks(const Plan& plan, Problems& out) {
    for (const auto& d : plan.machine->spec.disks) {
        if (d.path.empty()) continue;
        auto info = plan.source.hypervisor->image_info({}, d.path, d.format);
        if (!info) out.push_back(info.error());
    }
}

}  // namespace

std::vector<Error> problems_of(const Services& services, const Plan& plan, bool deep) {
    Problems out;
    for (const auto* h : {&plan.source, &plan.destination})
        if (!h->hypervisor->connected()) {
            add(out, Status::unavailable, "no_contact",
                "The host \"" + h->name + "\" does not answer; try again when it can be reached.");
            return out;
        }
    check_service(services, plan, out);
    check_machine(plan, out);
    if (plan.stays()) {
        check_new_places(services, plan, out);
        if (deep) open_disks(plan, out);
        return out;
    }
    check_destination(plan, out);
    if (plan.wishes.type == MigrationType::staged) return out;  // disks and switches come later
    check_switches(plan, out);
    for (const auto& d : plan.spec.disks)
        if (!d.path.empty()) check_file(services, plan, d, out);
    check_parents(plan, out);
    check_snapshots(plan, out);
    return out;
}

}  // namespace wsvirt::cim::migration_service
