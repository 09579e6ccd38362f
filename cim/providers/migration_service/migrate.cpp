// MigrateVirtualSystemToHost and MigrateVirtualSystemToSystem.
#include <chrono>
#include <mutex>

#include "backend/file_sight.hpp"
#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/migration_service/claims.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/migration_service/patience.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/removal.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/migration_service/settle.hpp"
#include "cim/providers/virtual_system/configuration_change.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::migration_service {

namespace {

constexpr auto sight_patience = std::chrono::seconds(5);
constexpr const char* planned_class = "Msvm_PlannedComputerSystem";

backend::Call call_of(JobContext& job) {
    backend::Call c;
    c.stop = job.stop();
    c.progress = [&job](const backend::Progress& p) {
        if (p.total > 0) job.progress(static_cast<unsigned>(p.done * 100 / p.total));
    };
    return c;
}

Task task_of(MigrationType type) {
    Task t;
    t.class_name = "Msvm_MigrationJob";
    t.owning_service = service_class;
    switch (type) {
        case MigrationType::storage:
        case MigrationType::storage_check:
            t.type = job_type::move_storage;
            t.caption = "Moving Storage";
            break;
        case MigrationType::staged:
            t.type = job_type::create_remote;
            t.caption = "Creating Remote Virtual Machine";
            break;
        case MigrationType::both:
            t.type = job_type::move_both;
            t.caption = "Moving Virtual Machine and Storage";
            break;
        case MigrationType::machine:
            t.type = job_type::move_machine;
            t.caption = "Moving Virtual Machine";
            break;
    }
    t.cancellable = type != MigrationType::staged;
    return t;
}

std::vector<JobRecord::Affected> affected_by(const Services& services, const Plan& plan) {
    return {{vs::system_path_text(services.host.name, "Msvm_ComputerSystem", plan.guid()), {0}}};
}

void clear_up_later(Services& services, const CutOff& left, Error& failed) {
    const bool kept = leave_for_later(services, left).ok();
    failed.text += " " + left_sentence(left, kept);
}

// What it had begun over there and is there yet. Only what was refused before anything began leaves nothing.
void clear_after_failure(Services& services, const Plan& plan, Error& failed) {
    const bool uncertain = failed.message_id == backend::half_there;
    if (!uncertain && !plan.stays() && failed.status == Status::already_exists) return;
    auto c = cut_off_of(services, plan.extra, affected_by(services, plan));
    if (!c) return;
    if (plan.stays() && !uncertain) {  // some disks may have moved before
        const auto settled = settle_originals(services, *c);
        for (const auto& sentence : settled.needed) failed.text += " " + sentence;
        if (settled.left) clear_up_later(services, *settled.left, failed);
        return;
    }
    if (plan.stays()) {
        clear_up_later(services, *c, failed);
        return settle_what_was_left(services);
    }
    c->claimed = true;
    const bool half = failed.status == Status::unavailable || uncertain;
    // A source that is silent says nothing: the machine may stand still since its memory was sent.
    const bool answers = half && plan.source.hypervisor->abandon(briefly(), c->guid).ok();
    const auto here = plan.source.hypervisor->machine(c->guid);
    // A machine that has arrived in spite of it stands on what was copied.
    if (!half && (!here || plan.destination.hypervisor->machine(c->guid))) return;
    // It goes on here, and whoever asked is told so: that is not asked again later.
    if (answers && here && has_stayed(*c, *here)) c->rest = Rest::at_destination;
    const auto settled = half ? Settled{Outcome::unknown, {}, c} : settle_copies(services, *c);
    if (!settled.strange.empty()) failed.text += " " + strange_sentence(settled, *c);
    const auto& left = settled.left;
    if (!left) return;
    clear_up_later(services, *left, failed);
    if (half) settle_what_was_left(services);
}

// To libvirt it has moved as well when the source could not be told so any more: that one has it still, off
// or standing still.
bool is_gone(backend::Hypervisor& source, const std::string& guid) {
    if (source.connected() && !source.machine(guid)) return true;  // it has been looked at since
    const auto asked = source.abandon(briefly(), guid);
    return (asked || asked.error().status == Status::not_found) && !source.machine(guid);
}

// What it was copied from goes, and what the source may have of it; now or later.
void clear_after_success(Services& services, const Plan& plan, JobContext& job) {
    const bool gone = plan.stays() || is_gone(*plan.source.hypervisor, plan.guid());
    if (gone && !plan.extra.contains(originals_extra)) return;
    auto c = cut_off_of(services, plan.extra, affected_by(services, plan));
    if (!c) return;
    // What the destination says of it may lag behind.
    const bool seen =
        wait_until(sight_patience, [&] { return plan.destination.hypervisor->machine(c->guid) != nullptr; });
    if (!gone || !seen) c->rest = Rest::at_source;
    const auto settled = gone && seen ? settle_originals(services, *c) : Settled{Outcome::moved, {}, c};
    if (!settled.needed.empty()) job.warn(needed_warning(settled));
    if (!settled.left) return;
    const bool kept = leave_for_later(services, *settled.left).ok();
    job.warn(left_warning(*settled.left, kept));
    if (!gone) settle_what_was_left(services);
}

// What was made, for as long as there is a job that keeps it for the next start.
class Notes {
  public:
    Notes(JobContext& job, const Plan& plan) : job_(&job) {
        if (const auto before = plan.extra.find(running_extra); before != plan.extra.end())
            not_arrived_ = before->second;
    }
    Result<void> add(const std::string& file, const std::string& mark) {
        const std::scoped_lock lock(mutex_);
        if (!job_) return given_up();
        made_[file] = mark;
        return job_->set_extra(made_extra, made_text(made_));
    }
    Result<void> arrived() {
        const std::scoped_lock lock(mutex_);
        if (!job_) return given_up();
        auto written = job_->set_extra(running_extra, was_off_and_arrived);
        arrived_ = written.ok();
        // It is taken back over there, and nobody may read later that it has arrived.
        if (!written) (void)job_->set_extra(running_extra, not_arrived_);
        return written;
    }
    void end(Plan& plan) {
        const std::scoped_lock lock(mutex_);
        job_ = nullptr;
        plan.extra[made_extra] = made_text(made_);
        if (arrived_) plan.extra[running_extra] = was_off_and_arrived;
    }

  private:
    static Error given_up() {
        return {Status::cancelled, "wsvirt.call.cancelled", "The migration has been given up."};
    }

    std::mutex mutex_;
    JobContext* job_;
    Made made_;
    std::string not_arrived_;
    bool arrived_ = false;
};

// What is removed later must be the file then that was copied.
Result<void> mark_originals(Plan& plan, JobContext& job) {
    auto* const sight = dynamic_cast<backend::FileSight*>(plan.source.hypervisor);
    Made marks;
    for (const auto& file : plan.files_removed())
        if (auto mark = sight ? sight->file_mark(briefly(), file) : Result<std::string>(std::string());
            mark && !mark->empty())
            marks[file] = std::move(*mark);
    if (marks.empty()) return {};
    plan.extra[marks_extra] = made_text(marks);
    return job.set_extra(marks_extra, plan.extra[marks_extra]);
}

// What was asked for beside the disks' new places, when they have moved on the machine's own host.
Result<void> take_settings(const Services& services, const Plan& plan) {
    auto here = services_at(services, plan.source);
    auto done =
        vs::replace_settings(here, {}, {vs::Configuration::Kind::active, plan.machine, {}, {}}, plan.spec);
    if (!done)
        done.error().text =
            "The disks have moved; the other settings stay as they were. " + done.error().text;
    return done;
}

Result<void> move(Services& services, Plan& plan, JobContext& job) {
    const auto call = call_of(job);
    if (auto ok = mark_originals(plan, job); !ok) return ok;
    const auto notes = std::make_shared<Notes>(job, plan);
    plan.request.made = [notes](const auto& file, const auto& mark) { return notes->add(file, mark); };
    plan.request.arrived = [notes] { return notes->arrived(); };
    if (const auto c = cut_off_of(services, plan.extra, affected_by(services, plan)))
        made_anew(services, c->destination.name, c->copies);
    settle_what_was_left(services);
    auto done = plan.source.hypervisor->migrate(call, plan.request, *plan.destination.hypervisor);
    notes->end(plan);
    if (done && !plan.stays()) {
        gone_from(services, plan.guid(), plan.source);
        arrived(services, plan.guid(), plan.destination);
    }
    if (done)
        clear_after_success(services, plan, job);
    else
        clear_after_failure(services, plan, done.error());
    if (done && plan.new_settings) {
        done = take_settings(services, plan);
        if (done) (void)job.set_extra(settings_extra, "");
    }
    if (done && !plan.wishes.planned_system.empty())
        (void)vs::PlannedSystems(services).remove(plan.wishes.planned_system);
    return done;
}

Result<MethodResult> stage(const MethodCall& call, Task task, const Plan& plan,
                           std::shared_ptr<JobManager::Guard> held) {
    auto spec = plan.spec;
    spec.attributes[std::string(staged_from)] = spec.uuid;
    spec.uuid = make_guid();  // the machine itself has its own until it has moved
    const auto now = std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
    spec.attributes[std::string(vs::planned_created)] = now;
    spec.attributes[std::string(vs::planned_changed)] = now;
    spec.attributes[std::string(staged_for)] = plan.destination.name;
    task.affected.push_back({vs::system_path_text(call.services.host.name, planned_class, spec.uuid), {5}});
    Arguments results;
    if (call.method.parameter("NewComputerSystem"))
        results.set("NewComputerSystem", Value(vs::system_path(planned_class, spec.uuid)));
    auto& services = call.services;
    auto work = [&services, spec = std::move(spec)](JobContext&) {
        return vs::PlannedSystems(services).add({spec, {}});
    };
    return run(call, std::move(task), std::move(work), std::move(results), std::move(held));
}

// As it is when nobody else changes or realizes the planned system any more. Until then another one may be
// the one that is meant.
Result<Plan> plan_with_lock(const MethodCall& call, const std::optional<Result<HostEntry>>& destination,
                            Plan before, std::shared_ptr<JobManager::Guard>& planned) {
    for (;;) {
        const auto id = before.wishes.planned_system;
        planned.reset();
        if (!id.empty() && !iequals(id, before.guid())) {  // the machine's own is locked already
            auto lock = call.services.jobs.lock(id);
            if (!lock) return lock.error();
            planned = std::move(*lock);
        }
        auto plan = plan_of(call, destination);
        if (!plan || iequals(plan->wishes.planned_system, id)) return plan;
        before = std::move(*plan);
    }
}

Result<MethodResult> migrate(const MethodCall& call, std::optional<Result<HostEntry>> destination,
                             bool own_numbers) {
    auto task = task_of(MigrationType::machine);
    const auto refuse = [&](const Error& why) {
        auto r = refused(call, task, why);
        if (r && own_numbers) r->return_value = Value(cim_code(why));
        return r;
    };
    auto plan = plan_of(call, destination);
    if (!plan) return refuse(plan.error());
    const auto type = plan->wishes.type;
    task = task_of(type);
    task.always_a_job = !own_numbers;  // the other method documents no 0
    task.extra = plan->extra;
    if (type == MigrationType::storage_check)
        return refuse(Error(Status::not_supported, "wsvirt.migration.check_only",
                            "MigrationType 32772 is only for CheckVirtualSystemIsMigratable.",
                            "MigrationType"));
    auto held = call.services.jobs.lock(plan->guid());
    if (!held) return refuse(held.error());
    std::shared_ptr<JobManager::Guard> planned;
    plan = plan_with_lock(call, destination, std::move(*plan), planned);
    if (!plan) return refuse(plan.error());
    // Before it is looked whether they are there: what another one makes may be there yet or not.
    auto claims = claim_files(call.services, plan->destination.name, plan->files_made());
    if (!claims) return refuse(claims.error());
    if (const auto problems = problems_of(call.services, *plan); !problems.empty())
        return refuse(problems.front());
    const auto& guid = plan->guid();
    task.extra = plan->extra;
    task.busy_key = guid;
    task.affected = affected_by(call.services, *plan);
    if (type == MigrationType::staged) return stage(call, std::move(task), *plan, std::move(*held));
    Arguments results;
    if (call.method.parameter("NewComputerSystem")) {
        auto path = vs::system_path("Msvm_ComputerSystem", guid);
        if (!plan->stays()) path.set_name_space(cluster_namespace);  // where machines of every host are seen
        results.set("NewComputerSystem", Value(std::move(path)));
    }
    auto& services = call.services;
    task.limit = most_active(services, plan->stays());
    auto work = [&services, planned, plan = std::make_shared<Plan>(std::move(*plan)),
                 claims = std::move(*claims)](JobContext& job) { return move(services, *plan, job); };
    auto answer = run(call, std::move(task), std::move(work), std::move(results), std::move(*held));
    if (own_numbers && answer && answer->return_value.uint_or(0) == 32768) answer->return_value = Value(2U);
    return answer;
}

Result<MethodResult> to_host(const MethodCall& call) {
    return migrate(call, destination_host(call), false);
}

Result<MethodResult> to_system(const MethodCall& call) {
    return migrate(call, destination_system(call), true);
}

constexpr MethodEntry table[] = {{"MigrateVirtualSystemToHost", &to_host},
                                 {"MigrateVirtualSystemToSystem", &to_system}};

}  // namespace

MethodTable migrate_methods() {
    return table;
}

std::uint32_t cim_code(const Error& e) {
    if (is_incompatible(e)) return 6;
    const auto code = code_of(e);
    switch (code) {
        case 32768:
            return 2;
        case 32770:
            return 1;
        case 32772:
            return 3;
        case 32773:
        case 32776:
            return 4;
        case 32775:
            return 5;
        default:
            return code;  // CIM has no number for it: vendor specific
    }
}

}  // namespace wsvirt::cim::migration_service
