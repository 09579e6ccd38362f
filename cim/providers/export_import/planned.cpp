// DefinePlannedSystem, ValidatePlannedSystem, RealizePlannedSystem, and what a restart does about a system
// that was being realized.
#include <algorithm>
#include <chrono>

#include "backend/cluster.hpp"
#include "backend/hypervisor.hpp"
#include "cim/om/job_record.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/export_import/contents.hpp"
#include "cim/providers/export_import/export_work.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/export_import/import_folder.hpp"
#include "cim/providers/export_import/methods.hpp"
#include "cim/providers/export_import/rename_back.hpp"
#include "cim/providers/export_import/resolve.hpp"
#include "cim/providers/export_import/same_files.hpp"
#include "cim/providers/export_import/stillness.hpp"
#include "cim/providers/export_import/validate.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/definition.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/machine_folders.hpp"
#include "cim/providers/virtual_system/made_late.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/switches.hpp"

namespace wsvirt::cim::export_import {

namespace {

constexpr const char* planned_class = "Msvm_PlannedComputerSystem";

Result<MethodResult> define_planned(const MethodCall& call) {
    Task task;
    task.type = job_type::define_system;
    task.caption = "Creating Planned Virtual Machine";
    auto spec = vs::definition_of(call, vs::Draft::State::planned);
    if (!spec) return refused(call, task, spec.error());
    const auto now = std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
    spec->attributes[std::string(vs::planned_created)] = now;
    spec->attributes[std::string(vs::planned_changed)] = now;
    const auto guid = spec->uuid;
    auto held = call.services.jobs.lock(guid);
    if (!held) return refused(call, task, held.error());
    if (identifier_taken(call.services, guid))
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.planned.exists",
                             "A virtual machine, snapshot or planned system with the identifier " + guid +
                                 " exists already; leave VirtualSystemIdentifier out to get a new one.",
                             "VirtualSystemIdentifier"));
    task.busy_key = guid;
    task.affected = {{vs::system_path_text(call.services.host.name, planned_class, guid), {5}}};
    Arguments results;
    results.set("ResultingSystem", Value(vs::system_path(planned_class, guid)));
    auto& services = call.services;
    auto work = [&services, spec = std::move(*spec)](JobContext&) {
        return vs::PlannedSystems(services).add({spec, {}});
    };
    return run(call, std::move(task), std::move(work), std::move(results), std::move(*held));
}

struct PlannedTarget {
    std::shared_ptr<const vs::PlannedSystem> planned;
    std::shared_ptr<JobManager::Guard> held;
};

Result<PlannedTarget> target_of(const MethodCall& call) {
    const auto guid = vs::system_guid_of(call.reference("PlannedSystem"));
    const Error none(Status::invalid_parameter, "wsvirt.planned.reference",
                     "PlannedSystem must refer to a planned system that exists.", "PlannedSystem");
    if (guid.empty()) return none;
    auto held = call.services.jobs.lock(guid);
    if (!held) return held.error();
    auto planned = vs::PlannedSystems(call.services).find(guid);
    if (!planned) return none;
    return PlannedTarget{std::move(planned), std::move(*held)};
}

// Of the settings and of the files' contents.
Result<std::vector<JobError>> all_problems(Services& services, const vs::PlannedSystem& planned,
                                           JobContext& job) {
    auto problems = problems_of(services, planned);
    auto read = planned;
    auto contents = check_contents(services, read, job);
    if (!contents) return contents.error();
    for (const auto& wrong : contents->wrong) {
        auto problem = job_error_of(wrong);
        if (std::any_of(problems.begin(), problems.end(),
                        [&](const JobError& known) { return known.message == problem.message; }))
            continue;
        problem.source = vs::system_path_text(services.host.name, planned_class, planned.spec.uuid);
        problems.push_back(std::move(problem));
    }
    if (contents->changed)
        if (auto r = vs::PlannedSystems(services).replace(read); !r) return r.error();
    return problems;
}

// What the end of the service, or a host that fell silent, has left of realizing it: a half made machine, and
// names inside the disks, which are not the ones that the export knows.
Result<void> undo_attempt(Services& services, const vs::PlannedSystem& planned) {
    if (auto r = forget_half_made(services, planned.spec.uuid); !r) return r;
    (void)rename_back(services, planned);  // where that cannot be, the contents are a problem
    return {};
}

Result<MethodResult> validate(const MethodCall& call) {
    Task task;
    task.type = job_type::validate_planned;
    task.caption = "Validating Planned Virtual Machine";
    task.cancellable = true;
    task.always_a_job = true;  // which clients ask for its errors, also when there are none
    auto target = target_of(call);
    if (!target) return refused(call, task, target.error());
    const auto guid = target->planned->spec.uuid;
    task.busy_key = guid;
    task.affected = {{vs::system_path_text(call.services.host.name, planned_class, guid), {0}}};
    auto& services = call.services;
    auto work = [&services, planned = target->planned](JobContext& job) -> Result<void> {
        (void)undo_attempt(services, *planned);  // what cannot be forgotten is a problem
        auto problems = all_problems(services, *planned, job);
        if (!problems) return problems.error();
        for (auto& p : *problems) job.warn(std::move(p));
        return {};
    };
    return run(call, std::move(task), std::move(work), {}, std::move(target->held));
}

// Only what belongs to planned systems is left out.
backend::MachineSpec machine_spec(const backend::MachineSpec& planned) {
    auto spec = planned;
    const auto ours = [](const auto& a) { return a.first.starts_with("Planned."); };
    std::erase_if(spec.attributes, ours);
    for (auto& d : spec.disks) std::erase_if(d.attributes, ours);
    return spec;
}

Result<void> adopt(Services& services, const backend::Call& call, const vs::PlannedSystem& planned) {
    if (planned.snapshots.empty()) return {};
    std::vector<backend::SnapshotInfo> infos;
    std::vector<std::string> names, hardware;
    for (auto s : planned.snapshots) {
        const auto noted = [&](const char* key, const std::string& otherwise) {
            const auto it = s.spec.attributes.find(key);
            return it == s.spec.attributes.end() ? otherwise : it->second;
        };
        names.push_back(noted(name_in_disks, s.id));
        hardware.push_back(noted(hardware_of_memory, ""));
        s.spec = machine_spec(s.spec);
        infos.push_back(std::move(s));
    }
    return services.hypervisor.adopt_snapshots(call, planned.spec.uuid, infos, names, hardware);
}

Result<void> make_whole(Services& services, const backend::Call& call, const vs::PlannedSystem& planned) {
    auto& hypervisor = services.hypervisor;
    if (auto r = adopt(services, call, planned); !r) return r;
    const auto nvram = planned.spec.attributes.find(std::string(vs::planned_nvram));
    if (nvram != planned.spec.attributes.end())
        if (auto r = hypervisor.import_nvram(call, planned.spec.uuid, nvram->second); !r) return r;
    const auto saved = planned.spec.attributes.find(std::string(vs::planned_saved));
    if (saved != planned.spec.attributes.end())
        if (auto r = hypervisor.import_saved_state(call, planned.spec.uuid, saved->second); !r) return r;
    // The last step: from here on the machine is the one that counts.
    return hypervisor.redefine(call, machine_spec(planned.spec));
}

// Snapshots that get new names get them inside the disks, so from there on these differ from the export. They
// have just been checked; a second try must not stumble over it.
Result<void> allow_renaming(Services& services, const vs::PlannedSystem& planned) {
    if (std::none_of(planned.snapshots.begin(), planned.snapshots.end(),
                     [](const auto& s) { return s.spec.attributes.contains(name_in_disks); }))
        return {};
    auto changed = planned;
    for (auto& d : changed.spec.disks) forget_contents(d.attributes);
    return vs::PlannedSystems(services).replace(changed);
}

bool names_files(const vs::PlannedSystem& planned) {
    const auto& a = planned.spec.attributes;
    return !planned.snapshots.empty() || a.contains(std::string(vs::planned_nvram)) ||
           a.contains(std::string(vs::planned_saved)) ||
           std::any_of(planned.spec.disks.begin(), planned.spec.disks.end(),
                       [](const auto& d) { return !d.path.empty(); });
}

// Switches that were named before they existed do by now.
vs::PlannedSystem plugged(Services& services, const vs::PlannedSystem& planned) {
    auto out = planned;
    const auto switches = services.hypervisor.switches();
    vs::plug_missing(out.spec, switches);
    for (auto& s : out.snapshots) vs::plug_missing(s.spec, switches);
    return out;
}

vs::Attempt attempt_of(const vs::PlannedSystem& planned) {
    return {planned.spec.uuid, vs::now_us(), planned.snapshots.size(),
            planned.spec.attributes.contains(std::string(vs::planned_saved))};
}

Result<void> realize_now(Services& services, const vs::PlannedSystem& planned, JobContext& job) {
    if (auto r = undo_attempt(services, planned); !r) return r;
    auto problems = all_problems(services, planned, job);
    if (!problems) return problems.error();
    if (!problems->empty()) {
        const auto first = problems->front();
        for (auto& p : *problems) job.warn(std::move(p));
        return Error(Status::invalid_parameter, "wsvirt.realize.invalid",
                     "The planned system cannot be realized as it is: " + first.message);
    }
    backend::Call call;
    call.stop = job.stop();
    const auto found = resolved(services, planned);
    if (!found) return found.error();
    auto spec = machine_spec(found->spec);
    const auto mark = own_mark(services);
    if (!mark) return mark.error();
    spec.attributes[half_made_mark] = *mark;
    spec.autostart = false;  // until it is whole
    // What was looked at are the files that this host sees. Another one may have others of the same names.
    if (is_cluster(services) && names_files(planned))
        spec.attributes[std::string(backend::new_machine_host)] = services.hosts.front().name;
    if (auto r = vs::make_folders(services, spec); !r) return r;
    // Reading the files above may have taken long enough for another call to take them.
    auto files = vs::disk_files(spec);
    for (const auto& s : found->snapshots) files.merge(vs::disk_files(s.spec));
    const auto claims = vs::claim_disks(services, files, spec.uuid);
    if (!claims) return claims.error();
    if (auto r = allow_renaming(services, planned); !r) return r;
    const auto attempt = attempt_of(planned);
    auto made = services.hypervisor.define(call, spec);
    if (made) made = make_whole(services, call, *found);
    vs::attempted(services, attempt, made);
    if (!made) {
        if (forget_half_made(services, planned.spec.uuid)) (void)rename_back(services, *found);
        return made;
    }
    auto removed = vs::PlannedSystems(services).remove(planned.spec.uuid);
    // There must not be both: who realizes it again shall find what there was.
    if (!removed && services.hypervisor.forget({}, planned.spec.uuid)) (void)rename_back(services, *found);
    return removed;
}

Result<MethodResult> realize(const MethodCall& call) {
    Task task;
    task.type = job_type::realize_planned;
    task.caption = "Realizing Planned Virtual Machine";
    task.cancellable = true;
    task.always_a_job = true;  // by which clients find the machine
    auto target = target_of(call);
    if (!target) return refused(call, task, target.error());
    const auto guid = target->planned->spec.uuid;
    task.busy_key = guid;
    task.affected = {{vs::system_path_text(call.services.host.name, "Msvm_ComputerSystem", guid), {5}}};
    Arguments results;
    results.set("ResultingSystem", Value(vs::system_path("Msvm_ComputerSystem", guid)));
    auto& services = call.services;
    auto work = [&services, planned = target->planned](JobContext& job) {
        return realize_now(services, plugged(services, *planned), job);
    };
    return run(call, std::move(task), std::move(work), std::move(results), std::move(target->held));
}

constexpr MethodEntry table[] = {{"DefinePlannedSystem", &define_planned},
                                 {"ValidatePlannedSystem", &validate},
                                 {"RealizePlannedSystem", &realize}};

}  // namespace

MethodTable planned_methods() {
    return table;
}

void recover(Services& services) {
    remove_partial_exports(services);
    remove_left_marks(services.store);
    release_held_machines(services);
    recover_half_made(services);
}

std::vector<std::shared_ptr<void>> watch(Services& services) {
    auto all = watch_half_made(services);
    for (auto& more : watch_held_machines(services)) all.push_back(std::move(more));
    return all;
}

}  // namespace wsvirt::cim::export_import
