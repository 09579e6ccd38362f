// DefineSystem and DestroySystem.
#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/export_import/rename_back.hpp"
#include "cim/providers/management_service/methods.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/settle.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/definition.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/machine_folders.hpp"
#include "cim/providers/virtual_system/made_late.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::management_service {

namespace {

constexpr const char* planned_class = "Msvm_PlannedComputerSystem";
constexpr const char* machine_class = "Msvm_ComputerSystem";

// Over several hosts the service of one of the others means that host.
std::string named_host(const MethodCall& call) {
    const auto service_of = call.target.key_string("SystemName");
    for (const auto& name : other_hosts(call.services))
        if (iequals(name, service_of)) return name;
    return {};
}

Result<MethodResult> define_system(const MethodCall& call) {
    Task task;
    task.type = job_type::define_system;
    task.caption = "Creating Virtual Machine";
    const auto host = named_host(call);
    auto spec = vs::definition_of(call, vs::Draft::State::fresh, host);
    if (!spec) return refused(call, task, spec.error());
    const auto guid = spec->uuid;
    auto held = call.services.jobs.lock(guid);
    if (!held) return refused(call, task, held.error());
    if (identifier_taken(call.services, guid))
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.machine.exists",
                             "A virtual machine or snapshot with the identifier " + guid +
                                 " exists already; leave VirtualSystemIdentifier out to get a new one.",
                             "VirtualSystemIdentifier"));
    auto claims = vs::claim_disks(call.services, vs::disk_files(*spec), guid, host);
    if (!claims) return refused(call, task, claims.error());
    task.busy_key = guid;
    task.affected.push_back(
        {vs::system_path_text(call.services.host.name, "Msvm_ComputerSystem", guid), {5}});
    Arguments results;
    results.set("ResultingSystem", Value(vs::system_path("Msvm_ComputerSystem", guid)));
    auto& services = call.services;
    auto work = [&services, spec = std::move(*spec),
                 claims = std::move(*claims)](JobContext& job) -> Result<void> {
        if (auto r = vs::make_folders(services, spec); !r) return r;
        backend::Call c;
        c.stop = job.stop();
        const vs::Attempt attempt{spec.uuid, vs::now_us()};
        auto made = services.hypervisor.define(c, spec);
        vs::attempted(services, attempt, made);
        return made;
    };
    return run(call, std::move(task), std::move(work), std::move(results), std::move(*held));
}

// Its folder can be imported again.
Result<void> remove_planned(Services& services, const std::string& guid) {
    vs::PlannedSystems all(services);
    if (const auto planned = all.find(guid))
        if (auto r = export_import::rename_back(services, *planned); !r) return r;
    return all.remove(guid);
}

Result<MethodResult> destroy_planned(const MethodCall& call, Task task, const std::string& guid,
                                     std::shared_ptr<JobManager::Guard> held) {
    task.affected.push_back({vs::system_path_text(call.services.host.name, planned_class, guid), {0}});
    auto& services = call.services;
    auto work = [&services, guid](JobContext&) { return remove_planned(services, guid); };
    return run(call, std::move(task), std::move(work), {}, std::move(held));
}

// Its disks are those of the planned system, which stays unless it is the one that was meant.
Result<MethodResult> destroy_half_made(const MethodCall& call, Task task, const std::string& guid,
                                       std::shared_ptr<JobManager::Guard> held) {
    const bool both = iequals(call.reference("AffectedSystem").class_name(), planned_class);
    const char* cls = both ? planned_class : machine_class;
    task.affected.push_back({vs::system_path_text(call.services.host.name, cls, guid), {0}});
    auto& services = call.services;
    auto work = [&services, guid, both](JobContext&) -> Result<void> {
        // That of another service that makes it goes when it is meant itself.
        using export_import::Whose;
        if (auto r = export_import::forget_half_made(services, guid, both ? Whose::ours : Whose::anyones); !r)
            return r;
        return both && vs::PlannedSystems(services).find(guid) ? remove_planned(services, guid)
                                                               : Result<void>{};
    };
    return run(call, std::move(task), std::move(work), {}, std::move(held));
}

// A machine of the identifier may have come to a planned system that was not realized. What the reference
// does not name, be it by its class, stays.
Result<bool> destroys_planned(const MethodCall& call, const std::string& guid,
                              const backend::Machine* machine) {
    if (machine && export_import::is_half_made(machine->spec)) return false;
    const auto cls = call.reference("AffectedSystem").class_name();
    const bool is_planned = vs::PlannedSystems(call.services).find(guid) != nullptr;
    const bool may_be_machine = !iequals(cls, planned_class), may_be_planned = !iequals(cls, machine_class);
    if (machine && is_planned && may_be_machine && may_be_planned)
        return Error(Status::invalid_parameter, "wsvirt.machine.two",
                     "There are a virtual machine and a planned system " + guid +
                         ": refer to the one that you mean as Msvm_ComputerSystem or as "
                         "Msvm_PlannedComputerSystem.",
                     "AffectedSystem");
    if (is_planned && may_be_planned) return true;
    if (machine && may_be_machine) return false;
    return Error(Status::invalid_parameter, "wsvirt.machine.missing",
                 "There is no " + std::string(may_be_machine ? "virtual machine " : "planned system ") +
                     guid + "; it may have been deleted already.",
                 "AffectedSystem");
}

Result<MethodResult> destroy_system(const MethodCall& call) {
    Task task;
    task.type = job_type::destroy_system;
    task.caption = "Deleting Virtual Machine";
    const auto guid = vs::system_guid_of(call.reference("AffectedSystem"));
    if (guid.empty())
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.machine.reference",
                             "AffectedSystem must refer to a virtual machine.", "AffectedSystem"));
    auto held = call.services.jobs.lock(guid);
    if (!held) return refused(call, task, held.error());
    task.busy_key = guid;
    const auto machine = call.services.hypervisor.machine(guid);
    auto planned = destroys_planned(call, guid, machine.get());
    if (!planned) return refused(call, task, planned.error());
    if (*planned) return destroy_planned(call, std::move(task), guid, std::move(*held));
    if (machine->state != backend::MachineState::off && machine->state != backend::MachineState::saved)
        return refused(call, task,
                       Error(Status::invalid_state, "wsvirt.machine.running",
                             "\"" + machine->spec.name + "\" is not off; turn it off before you delete it.",
                             "AffectedSystem"));
    if (export_import::is_half_made(machine->spec))
        return destroy_half_made(call, std::move(task), guid, std::move(*held));
    task.affected.push_back(
        {vs::system_path_text(call.services.host.name, "Msvm_ComputerSystem", guid), {0}});
    auto& services = call.services;
    auto work = [&services, guid](JobContext& job) -> Result<void> {
        backend::Call c;
        c.stop = job.stop();
        const auto place = migration_service::host_of_machine(services, guid);
        auto gone = services.hypervisor.undefine(c, guid);
        if (gone && place) migration_service::gone_from(services, guid, *place);
        return gone;
    };
    return run(call, std::move(task), std::move(work), {}, std::move(*held));
}

constexpr MethodEntry table[] = {{"DefineSystem", &define_system}, {"DestroySystem", &destroy_system}};

}  // namespace

MethodTable define_methods() {
    return table;
}

}  // namespace wsvirt::cim::management_service
