// What keeps a machine from moving: looked for on both hosts before anything begins.
#include <algorithm>
#include <set>

#include "backend/file_sight.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/last_places.hpp"
#include "cim/providers/migration_service/needs.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/serial_rules.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::migration_service {

using backend::Disk;
using backend::DiskDevice;
using backend::MachineSpec;
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
    if (!plan.stays() && !state.enabled)
        add(out, Status::invalid_state, "disabled",
            "Migrations are switched off on this host; set EnableVirtualSystemMigration first.");
    if (auto r = services.jobs.check(most_active(services, plan.stays())); !r) out.push_back(r.error());
}

// There QEMU and libvirt begin with its ports as at a start. One that is off is looked at when it starts.
void check_ports(const Services& services, const Plan& plan, Problems& out) {
    if (!is_active(*plan.machine)) return;
    auto there = services_at(services, plan.destination);
    if (auto r = vs::check_serial_ports_there(there, *plan.machine); !r) out.push_back(r.error());
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

// libvirt copies none of these: they would stay behind, and the machine without them.
void check_copied_disks(const Plan& plan, Problems& out) {
    if (!copies_disks(plan.wishes.type)) return;
    for (const auto& d : plan.machine->spec.disks) {
        const bool goes = plan.wishes.type == MigrationType::both || plan.renames(d);
        const auto* why = not_copied(d);
        if (goes && why && d.device == DiskDevice::disk && !d.path.empty())
            add(out, Status::not_supported, "not_copied",
                "The disk " + d.path + " of \"" + plan.machine->spec.name + "\" " + why +
                    " and cannot be copied; take it out of the machine first, or move the machine with "
                    "MigrationType 32768 to a host that sees the disk.");
    }
}

void check_machine(const Plan& plan, Problems& out) {
    const auto& m = *plan.machine;
    if (auto whole = export_import::check_whole(m.spec); !whole) out.push_back(whole.error());
    if (!is_active(m) && m.state != MachineState::off && m.state != MachineState::saved)
        add(out, Status::invalid_state, "state",
            "\"" + m.spec.name + "\" is changing its state; wait until that is over.", "ComputerSystem");
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
    check_copied_disks(plan, out);
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

backend::Call look() {
    backend::Call call;
    call.deadline = std::chrono::steady_clock::now() + look_limit;
    return call;
}

// They go along as they are, so that every file of theirs must be there under the name that it has here.
void check_snapshots(const Plan& plan, Problems& out) {
    const auto& m = *plan.machine;
    if (m.snapshots.empty() || plan.wishes.type != MigrationType::machine) return;
    if (!plan.request.disk_targets.empty() || !plan.request.drive_targets.empty())
        return add(
            out, Status::invalid_state, "snapshots",
            "\"" + m.spec.name +
                "\" has snapshots; it can move with them only to where its disks have the same paths.");
    for (const auto& file : files_of_snapshots(m)) {
        const auto there = plan.destination.hypervisor->has_file(look(), file);
        if (!there && there.error().status != Status::not_supported) return out.push_back(there.error());
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
    // While it runs it has what it began with, and from its next start on what it is given.
    const bool runs = is_active(m) && plan.wishes.type != MigrationType::staged;
    const auto most = [&](auto member) {
        return runs ? std::max(m.spec.*member, plan.spec.*member) : plan.spec.*member;
    };
    if (there.memory_mib != 0 && most(&MachineSpec::memory_mib) > there.memory_mib)
        cannot("memory", "has less memory than the machine.");
    if (most(&MachineSpec::processors) > there.max_processors && there.max_processors > 1)
        cannot("processors",
               "allows a machine at most " + std::to_string(there.max_processors) + " processors.");
    // Of a source without it this service only does not know where it lies, nor so of the destination.
    if (plan.spec.firmware != backend::Firmware::uefi) return;
    if (here.uefi_available && !there.uefi_available)
        cannot("firmware", "has no UEFI firmware; install the package ovmf there.");
    else if (plan.spec.secure_boot && here.secure_boot_available && !there.secure_boot_available)
        cannot("secure_boot", "has no firmware with secure boot; install the package ovmf there.");
}

// Of another host's bridges libvirt says nothing; known are those that the configuration names, and where it
// names none the host itself decides.
void check_switches(const Services& services, const Plan& plan, Problems& out) {
    const auto switches = plan.destination.hypervisor->switches();
    const bool bridges_known = sees_files(services, plan.destination) ||
                               std::any_of(switches.begin(), switches.end(),
                                           [](const auto& s) { return s.link == backend::NicLink::bridge; });
    for (const auto& n : plan.spec.nics) {
        const bool real =
            n.link == backend::NicLink::network || (n.link == backend::NicLink::bridge && bridges_known);
        if (!real) continue;
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

// The same drive as the machine has it now; null: a planned system has got a new one.
const Disk* before(const Plan& plan, const Disk& d) {
    const auto& all = plan.machine->spec.disks;
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const Disk& was) { return iequals(was.id, d.id); });
    return it == all.end() ? nullptr : &*it;
}

void in_use(Problems& out, const std::string& path, const std::string& user) {
    add(out, Status::busy, "disk_in_use",
        "\"" + path + "\" is in use by " + user + "; choose another HostResource.", "HostResource");
}

// No two machines of a host write to one file, and no two drives.
void check_users(const Services& services, const Plan& plan, const Disk& d, bool changed,
                 const std::string& path, Problems& out) {
    if (d.device == DiskDevice::cdrom || (!changed && d.read_only)) return;
    auto there = services_at(services, plan.destination);
    if (const auto user = vs::user_of(there, path, plan.guid(), d.shareable); !user.empty())
        return in_use(out, path, "the virtual machine \"" + user + "\"");
    const bool twice = std::any_of(plan.spec.disks.begin(), plan.spec.disks.end(),
                                   [&](const Disk& other) { return &other != &d && other.path == path; });
    if (changed && twice) in_use(out, path, "another drive of the same virtual machine");
}

// A disk that goes along must be there already; one that is copied must find its place free. Only a path that
// the machine has already may lie anywhere.
void check_file(const Services& services, const Plan& plan, const Disk& d, Problems& out) {
    const auto* was = before(plan, d);
    const bool changed = !was || was->path != d.path;
    const bool copied = plan.wishes.type == MigrationType::both && was && is_copied(*was);
    const auto& host = plan.destination;
    auto path = d.path;
    if (changed || copied) {
        auto place = place_at(services, host, d.path, copied);
        if (!place) return out.push_back(place.error());
        path = *place;
    }
    const auto there = host.hypervisor->has_file(look(), d.path);
    // While files are made in the folder the host tells of no new ones; it makes none over one that is there.
    const bool may_be_made = !there && copied && there.error().message_id == backend::folder_busy;
    if (!there && !may_be_made && there.error().status != Status::not_supported)
        return out.push_back(there.error());
    if (there && copied && *there)
        add(out, Status::already_exists, "file_exists",
            "\"" + host.name + "\" has a file \"" + d.path + "\" already; choose another HostResource.",
            "HostResource");
    if (there && !copied && !*there)
        return add(out, Status::not_found, "incompatible.disk_missing",
                   "\"" + host.name + "\" does not see \"" + d.path +
                       "\"; put it there, give its path there in NewResourceSettingData, or copy it with "
                       "MigrationType 32771.",
                   "HostResource");
    const auto known = out.size();
    check_users(services, plan, d, changed, path, out);
    if (copied || !changed || !sees_files(services, host) || out.size() > known) return;
    auto here = services_at(services, host);  // and what it stands on
    if (auto medium =
            vs::check_medium(here, d.path, {vs::medium_kind(d), plan.guid(), false, {}, d.shareable});
        !medium)
        out.push_back(medium.error());
}

// While it runs QEMU copies a disk as the guest sees it; of a machine that is off this service has to see all
// that the disk stands on.
void check_parents(const Plan& plan, Problems& out) {
    if (plan.wishes.type != MigrationType::both || is_active(*plan.machine)) return;
    for (const auto& d : plan.machine->spec.disks) {
        if (d.device != DiskDevice::disk || d.path.empty()) continue;
        const auto can = plan.source.hypervisor->check_copied(look(), d.path);
        if (!can && can.error().status == Status::not_supported) out.push_back(can.error());
    }
}

// Where disks may go on the machine's own host.
void check_new_places(const Services& services, const Plan& plan, Problems& out) {
    auto here = services_at(services, plan.source);
    for (const auto& [from, to] : plan.request.disk_targets) {
        const auto exists = plan.source.hypervisor->has_file(look(), to);
        if (exists && *exists)
            add(out, Status::already_exists, "file_exists",
                "There is a file \"" + to + "\" already; choose another HostResource.", "HostResource");
        const auto place = place_at(services, plan.source, to, true);
        if (!place)
            out.push_back(place.error());
        else if (const auto user = vs::user_of(here, *place, {}); !user.empty())
            in_use(out, to, "the virtual machine \"" + user + "\"");
        const auto& all = plan.request.disk_targets;
        if (std::count_if(all.begin(), all.end(), [&](const auto& t) { return t.second == to; }) > 1)
            in_use(out, to, "another drive of the same virtual machine");
    }
}

// What a disk is copied from goes afterwards, and nobody else is left without it. Whether somebody is is
// asked again before it goes, so that a host that cannot say now keeps no machine from moving.
void check_originals(const Services& services, const Plan& plan, Problems& out) {
    const auto needs = needed_by_others(services, plan.source, plan.guid(), plan.files_removed());
    if (!needs) return;
    for (const auto& need : *needs)
        add(out, Status::busy, "original_needed",
            "\"" + need.file + "\" would be removed after it has been copied, and " + need.by +
                " needs it; set RetainVhdCopiesOnSource, and it stays where it is.",
            "MigrationSettingData");
}

void open_disks(const Plan& plan, Problems& out) {
    for (const auto& d : plan.machine->spec.disks) {
        if (d.path.empty()) continue;
        auto info = plan.source.hypervisor->image_info({}, d.path, d.format);
        if (!info) out.push_back(info.error());
    }
}

Problems all_problems(const Services& services, const Plan& plan, bool deep) {
    Problems out;
    for (const auto* h : {&plan.source, &plan.destination})
        if (!h->hypervisor->connected()) {
            add(out, Status::unavailable, "no_contact",
                "The host \"" + h->name + "\" does not answer; try again when it can be reached.");
            return out;
        }
    if (plan.stays() && !sees_files(services, plan.source)) {
        add(out, Status::not_supported, "other_host",
            "\"" + plan.machine->spec.name + "\" is on \"" + plan.source.name +
                "\", whose files this service does not reach; ask the service of that host, or move the "
                "machine together with its disks (MigrationType 32771).");
        return out;
    }
    check_service(services, plan, out);
    check_machine(plan, out);
    const bool there_already = !plan.stays() && plan.destination.hypervisor->machine(plan.guid());
    if (!there_already) {
        auto alone = check_only_there(services, plan.source, plan.guid());
        if (alone) alone = check_was_last_there(services, plan.source, plan.guid());
        if (!alone) out.push_back(alone.error());
    }
    if (plan.stays()) {
        check_new_places(services, plan, out);
        check_originals(services, plan, out);
        if (deep) open_disks(plan, out);
        return out;
    }
    check_destination(plan, out);
    if (plan.wishes.type == MigrationType::staged) return out;  // disks and switches come later
    check_switches(services, plan, out);
    check_ports(services, plan, out);
    for (const auto& d : plan.spec.disks)
        if (!d.path.empty()) check_file(services, plan, d, out);
    check_parents(plan, out);
    check_snapshots(plan, out);
    check_originals(services, plan, out);
    return out;
}

}  // namespace

std::vector<Error> problems_of(const Services& services, const Plan& plan, bool deep) {
    auto out = all_problems(services, plan, deep);
    for (auto& e : out) e = of_a_look(std::move(e));
    return out;
}

}  // namespace wsvirt::cim::migration_service
