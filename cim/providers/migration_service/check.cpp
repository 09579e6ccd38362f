// CheckVirtualSystemIsMigratable, CheckVirtualSystemIsMigratableToHost,
// CheckVirtualSystemIsMigratableToSystem: what the Migrate methods check, and nothing else. A wrong call has
// a code; a machine that cannot move is an answer.
#include "cim/om/job_record.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::migration_service {

namespace {

Task task_of(MigrationType type) {
    Task t;
    t.class_name = "Msvm_MigrationJob";
    t.owning_service = service_class;
    t.always_a_job = true;
    switch (type) {
        case MigrationType::storage:
            t.type = job_type::check_storage;
            t.caption = "Checking Storage Compatibility";
            break;
        case MigrationType::storage_check:
            t.type = job_type::deep_check_storage;
            t.caption = "Checking Storage Migration";
            break;
        case MigrationType::both:
            t.type = job_type::check_both;
            t.caption = "Checking Virtual Machine and Storage Compatibility";
            break;
        default:
            t.type = job_type::check_machine;
            t.caption = "Checking Virtual Machine Compatibility";
            break;
    }
    return t;
}

// Whatever else keeps the machine from moving is an answer.
bool called_wrongly(const Error& e) {
    const auto code = code_of(e);
    return code == 32770 || code == 32773 || code == 32776;
}

Result<MethodResult> check_as_job(const MethodCall& call) {
    auto task = task_of(MigrationType::machine);
    auto plan = plan_of(call, destination_host(call));
    if (!plan && called_wrongly(plan.error())) return refused(call, task, plan.error());
    if (!plan)
        return run(call, std::move(task), [why = plan.error()](JobContext&) -> Result<void> { return why; },
                   {});
    const bool deep = plan->wishes.type == MigrationType::storage_check;
    task = task_of(plan->wishes.type);
    task.extra = plan->extra;
    task.affected = {
        {vs::system_path_text(call.services.host.name, "Msvm_ComputerSystem", plan->guid()), {0}}};
    auto& services = call.services;
    auto work = [&services, deep,
                 plan = std::make_shared<Plan>(std::move(*plan))](JobContext& job) -> Result<void> {
        const auto problems = problems_of(services, *plan, deep);
        for (std::size_t n = 1; n < problems.size(); ++n) job.warn(job_error_of(problems[n]));
        return problems.empty() ? Result<void>() : Result<void>(problems.front());
    };
    return run(call, std::move(task), std::move(work), {});
}

Result<MethodResult> check_now(const MethodCall& call, std::optional<Result<HostEntry>> destination) {
    const auto plan = plan_of(call, std::move(destination));
    if (!plan && called_wrongly(plan.error())) return MethodResult(cim_code(plan.error()));
    MethodResult out(0);
    out.out.set("IsMigratable", Value(plan && problems_of(call.services, *plan).empty()));
    return out;
}

Result<MethodResult> check_to_host(const MethodCall& call) {
    return check_now(call, destination_host(call));
}

Result<MethodResult> check_to_system(const MethodCall& call) {
    return check_now(call, destination_system(call));
}

constexpr MethodEntry table[] = {{"CheckVirtualSystemIsMigratable", &check_as_job},
                                 {"CheckVirtualSystemIsMigratableToHost", &check_to_host},
                                 {"CheckVirtualSystemIsMigratableToSystem", &check_to_system}};

}  // namespace

MethodTable check_methods() {
    return table;
}

}  // namespace wsvirt::cim::migration_service
