// Migrations that were running when this service was ended without warning, and those that a silent host has
// cut off.
#include <algorithm>

#include "backend/hypervisor.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/settle.hpp"

namespace wsvirt::cim::migration_service {

namespace {

JobError interrupted(const std::string& where) {
    JobError e;
    e.message_id = "wsvirt.migration.interrupted";
    e.message = "The migration was cut off when the service ended. " + where;
    return e;
}

// Disks that moved alone have, but what else was asked for came after them.
bool lacks_settings(const JobRecord& job) {
    const auto it = job.extra.find(settings_extra);
    return it != job.extra.end() && it->second == "1";
}

bool is_resumed(const backend::Event& e) {
    return e.kind == backend::EventKind::state_changed && e.before && e.after &&
           e.before->state == backend::MachineState::paused &&
           e.after->state == backend::MachineState::running;
}

}  // namespace

// One limit for all of them, as hosts are connected to at the same time.
void recover(Services& services, std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    const auto patience = [&] {
        const auto left = until - std::chrono::steady_clock::now();
        return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                        std::chrono::milliseconds(0));
    };
    for (const auto& job : services.jobs.interrupted()) {
        if (job.job_type != job_type::move_machine && job.job_type != job_type::move_both &&
            job.job_type != job_type::move_storage)
            continue;
        auto c = cut_off_of(services, job.extra, job.affected);
        if (!c) {
            if (auto alone = alone_of(services, job.extra, job.affected)) {
                alone->patience = patience();
                (void)services.jobs.settle(job.instance_id, JobState::exception,
                                           interrupted(settle_alone(services, *alone)));
            }
            continue;
        }
        c->alone = true;
        c->patience = patience();
        if (keeps_originals(services, *c)) c->originals.clear();
        const auto settled = settle(services, *c);
        if (settled.outcome == Outcome::moved) end_planned(services, *c);
        const bool kept = !settled.left || leave_for_later(services, *settled.left);
        const bool known = settled.left && settled.outcome != Outcome::unknown;
        std::string where = settled.where;
        if (known || !kept) where += " " + left_sentence(*settled.left, kept);
        if (!settled.strange.empty()) where += " " + strange_sentence(settled, *c);
        for (const auto& sentence : settled.needed) where += " " + sentence;
        if (!settled.doubt.empty()) where += (where.empty() ? "" : " ") + settled.doubt;
        const bool incomplete = settled.outcome == Outcome::moved && lacks_settings(job);
        if (incomplete)
            where += (where.empty() ? "" : " ") +
                     std::string(
                         "The disks have moved; the other settings may be as they were: look at them, and "
                         "set them again.");
        if (settled.outcome != Outcome::moved || incomplete)
            (void)services.jobs.settle(job.instance_id, JobState::exception, interrupted(where));
        else if (known)
            (void)services.jobs.settle(job.instance_id, JobState::completed_with_warnings,
                                       left_warning(*settled.left, kept));
        else if (!settled.needed.empty())
            (void)services.jobs.settle(job.instance_id, JobState::completed_with_warnings,
                                       needed_warning(settled));
        else
            (void)services.jobs.settle(job.instance_id, JobState::completed, std::nullopt);
    }
}

std::vector<std::shared_ptr<void>> watch(Services& services) {
    std::vector<std::shared_ptr<void>> all;
    for (const auto& host : services.hosts)
        all.push_back(host.hypervisor->subscribe([&services](const backend::Event& e) {
            if (e.kind == backend::EventKind::host_back) settle_what_was_left(services);
            if (is_resumed(e)) resumed_by_others(services, e.machine);
        }));
    // From here on nothing is missed; what was left before is begun now.
    settle_what_was_left(services);
    return all;
}

}  // namespace wsvirt::cim::migration_service
