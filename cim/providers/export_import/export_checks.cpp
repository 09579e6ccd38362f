#include "cim/providers/export_import/export_checks.hpp"

#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"

namespace wsvirt::cim::export_import {

namespace {

Error unfit(Status status, std::string id, const char* property, std::string text) {
    return Error(status, std::move(id), std::move(text), property);
}

Error unknown_disks(const std::string& whose, const std::string& names) {
    return unfit(
        Status::not_supported, "wsvirt.export.unknown_disks", "ComputerSystem",
        whose + " has disks that an export has no word for (" + names +
            "), so that they would be missing: attach them as files or block devices to an IDE, SATA, "
            "SCSI or virtio bus, or set CopyVmStorage to false and take them along yourself.");
}

Error unknown_to_memory(const std::string& whose, const std::string& names, const char* way_out) {
    return unfit(Status::not_supported, "wsvirt.export.unknown_devices", "ComputerSystem",
                 "The memory of " + whose +
                     " knows devices or settings that an imported machine cannot have (" + names +
                     "), and could not be used without them: take them out of the machine, or " + way_out +
                     ".");
}

std::string guest_knows(const backend::UnknownDevices& u) {
    return backend::names_of({u.disks, u.devices, {}});
}

}  // namespace

bool is_active(const backend::Machine& m) {
    return m.state == backend::MachineState::running || m.state == backend::MachineState::paused;
}

Result<void> check_state(const ExportPlan& plan) {
    using backend::MachineState;
    switch (plan.machine().state) {
        case MachineState::off:
        case MachineState::saved:
        case MachineState::running:
        case MachineState::paused:
            break;
        default:
            return unfit(
                Status::invalid_state, "wsvirt.export.state", "ComputerSystem",
                "The virtual machine is changing its state; wait until it is off, saved or running.");
    }
    if (!plan.live || plan.wishes.live != ExportWishes::application_consistent) return {};
    if (plan.machine().state != MachineState::running)
        return unfit(Status::invalid_state, "wsvirt.export.application_paused", "CaptureLiveState",
                     "The guest of a paused machine cannot prepare itself; resume the machine, or export it "
                     "with its saved state (CaptureLiveState 1) or crash consistent (0).");
    if (!plan.machine().agent_connected)
        return unfit(
            Status::not_supported, "wsvirt.export.application", "CaptureLiveState",
            "An application consistent export needs the QEMU guest agent, which does not run in this "
            "guest; install it there, or export the machine with its saved state (CaptureLiveState "
            "1) or crash consistent (0).");
    return {};
}

Result<void> check_memory(Services& services, const backend::Machine& m) {
    const auto size = services.hypervisor.saved_state_size({}, m.spec.uuid);
    if (size || size.error().status != Status::not_supported) return {};
    return unfit(
        Status::not_supported, "wsvirt.export.memory_elsewhere", "CaptureLiveState",
        "The saved memory of \"" + m.spec.name +
            "\" cannot be read from here, since it is on another host or belongs to a user's own libvirtd: "
            "set CaptureLiveState to 0 if it runs, or CopyVmRuntimeInformation to false.");
}

Result<void> check_unknown(ExportPlan& plan) {
    const bool with_disks = plan.wishes.storage || plan.what.snapshot;
    std::set<std::string> lost;
    const auto& own = plan.what.snapshot ? plan.what.snapshot->unknown : plan.machine().unknown;
    const auto own_name = '"' + plan.what.spec().name + '"';
    if (with_disks && !own.disks.empty()) return unknown_disks(own_name, own.disks);
    if (plan.with_memory && !guest_knows(own).empty())
        return unknown_to_memory(own_name, guest_knows(own),
                                 "export it without memory (CopyVmRuntimeInformation false, or "
                                 "CaptureLiveState 0 while it runs)");
    lost.insert(backend::names_of(own));
    for (std::size_t n = 0; n < plan.snapshots.size(); ++n) {
        const auto& s = plan.machine().snapshots[n];
        const auto name = "the snapshot " + s.id;
        if (with_disks && !s.unknown.disks.empty()) return unknown_disks(name, s.unknown.disks);
        if (plan.snapshots[n].has_memory && vs::keeps_memory(s) && !guest_knows(s.unknown).empty())
            return unknown_to_memory(name, guest_knows(s.unknown),
                                     "delete the snapshot, or export without snapshots "
                                     "(CopySnapshotConfiguration 1)");
        lost.insert(backend::names_of(s.unknown));
    }
    for (const auto& names : lost)
        if (!names.empty()) plan.left_out += (plan.left_out.empty() ? "" : ", ") + names;
    return {};
}

std::set<std::string> own_files(const ExportPlan& plan) {
    auto own = vs::exclusive_files(plan.what.spec());
    for (const auto& s : plan.machine().snapshots) own.merge(vs::exclusive_files(s.spec));
    return own;
}

}  // namespace wsvirt::cim::export_import
