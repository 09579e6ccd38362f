// ExportSystemDefinition and GetSizeOfSystemFiles.
#include "cim/providers/export_import/export_checks.hpp"
#include "cim/providers/export_import/export_plan.hpp"
#include "cim/providers/export_import/export_work.hpp"
#include "cim/providers/export_import/methods.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace {

constexpr const char* folder_extra = "Export.Folder";

// The disks of the machine, against whoever would change them meanwhile; those that several may have stay
// free.
Result<vs::DiskClaims> claim_sources(Services& services, const ExportPlan& plan) {
    const auto own = own_files(plan);
    auto claims = std::make_shared<vs::DiskClaims::element_type>();
    for (const auto& step : plan.steps) {
        if (!own.contains(step.from)) continue;
        auto held = services.jobs.lock(vs::file_key(step.from));
        if (!held)
            return Error(
                Status::busy, "wsvirt.export.claimed",
                "\"" + step.from +
                    "\" is being changed by another operation: wait until it has ended, or cancel its "
                    "job.",
                "ComputerSystem");
        claims->push_back(std::move(*held));
    }
    return claims;
}

Result<MethodResult> export_system(const MethodCall& call) {
    Task task;
    task.type = job_type::export_system;
    task.caption = "Exporting Virtual Machine";
    task.cancellable = true;
    task.always_a_job = true;
    auto& services = call.services;
    const auto guid = vs::system_guid_of(call.reference("ComputerSystem"));
    auto what = guid.empty() ? std::nullopt : vs::find_configuration(services, guid);
    if (!what || !what->machine)
        return refused(
            call, task,
            Error(Status::invalid_parameter, "wsvirt.export.system",
                  "ComputerSystem must refer to a virtual machine that exists.", "ComputerSystem"));
    auto wishes = wishes_of(call.instance("ExportSettingData"));
    if (!wishes) return refused(call, task, wishes.error());
    auto held = services.jobs.lock(what->system());
    if (!held) return refused(call, task, held.error());
    what = vs::find_configuration(services, guid);  // as it is now that nothing else changes it
    if (!what || !what->machine)
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.export.system",
                             "The virtual machine is gone.", "ComputerSystem"));
    if (auto r = migration_service::check_at_hand(services, *what->machine); !r)
        return refused(call, task, r.error());
    auto plan = plan_export(services, *what, call.in.get("ExportDirectory").string_or({}), *wishes);
    if (!plan) {
        auto e = plan.error();
        if (e.status == Status::already_exists) e.status = Status::invalid_parameter;
        return refused(call, task, e);
    }
    auto claims = claim_sources(services, *plan);
    if (!claims) return refused(call, task, claims.error());
    task.busy_key = what->system();
    task.extra[folder_extra] = plan->target.string();
    task.affected = {{vs::system_path_text(services.host.name, "Msvm_ComputerSystem", what->system()), {0}}};
    auto work = [&services, plan = std::move(*plan), claims = std::move(*claims)](JobContext& job) {
        return carry_out(services, plan, job);
    };
    return run(call, std::move(task), std::move(work), {}, std::move(*held));
}

// A link in an import leads nowhere outside the export folders.
std::optional<std::uint64_t> size_of(const Services& services, const vs::Configuration& c,
                                     const std::string& file) {
    auto path = file;
    if (c.is_planned()) {
        auto real = vs::check_existing(services.host.export_folders, file, "Vssd");
        if (!real) return std::nullopt;
        path = std::move(*real);
    }
    std::error_code ec;
    const auto size = std::filesystem::file_size(path, ec);
    return ec ? std::nullopt : std::optional<std::uint64_t>(size);
}

std::uint64_t size_of_imported_memory(const Services& services, const vs::Configuration& c) {
    const auto saved = c.spec().attributes.find(std::string(vs::planned_saved));
    return saved == c.spec().attributes.end() ? 0 : size_of(services, c, saved->second).value_or(0);
}

// Of the memory that is kept. Inside a disk, or on a host whose files are out of reach, it takes at most what
// the machine has.
std::uint64_t size_of_memory(Services& services, const vs::Configuration& c) {
    const std::uint64_t most = c.spec().memory_mib << 20;
    if (c.snapshot) {
        if (!vs::keeps_memory(*c.snapshot)) return 0;
        return size_of(services, c, c.snapshot->memory_file).value_or(most);
    }
    if (!c.machine) return size_of_imported_memory(services, c);
    if (!c.machine->has_saved_state) return 0;
    const auto size = services.hypervisor.saved_state_size({}, c.machine->spec.uuid);
    return size ? *size : most;
}

Result<MethodResult> size_of_files(const MethodCall& call) {
    const auto guid = vs::system_guid_of(call.reference("Vssd"));
    const auto c = guid.empty() ? std::nullopt : vs::find_configuration(call.services, guid);
    if (!c) return MethodResult(32773);
    auto text = call.services.hypervisor.spec_to_text(c->spec());
    if (!text) return refused_quietly(text.error());
    MethodResult out(0);
    out.out.set("Size", Value(std::uint64_t{text->size()} + size_of_memory(call.services, *c)));
    return out;
}

constexpr MethodEntry table[] = {{"ExportSystemDefinition", &export_system},
                                 {"GetSizeOfSystemFiles", &size_of_files}};

}  // namespace

// Another machine's export may have taken the place.
bool is_exported(const JobRecord& job, const std::string& guid) {
    const auto folder = job.extra.find(folder_extra);
    if (folder == job.extra.end()) return false;
    std::error_code ec;
    return std::filesystem::is_regular_file(
        std::filesystem::path(folder->second) / machines_folder / (guid + ".xml"), ec);
}

MethodTable export_methods() {
    return table;
}

}  // namespace wsvirt::cim::export_import
