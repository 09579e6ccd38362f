#include "cim/providers/recovery.hpp"

#include <algorithm>

#include "backend/cluster.hpp"
#include "backend/place_sight.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/export_import/methods.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/last_places.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/snapshot_service/methods.hpp"
#include "cim/providers/virtual_system/made_late.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim {

using backend::MachineState;

namespace {

constexpr const char* planned_class = "Msvm_PlannedComputerSystem";

// The first of the class, or of any.
std::optional<ObjectPath> affected_system(const JobRecord& job, std::string_view cls = {}) {
    for (const auto& a : job.affected)
        if (auto path = ObjectPath::parse(a.path);
            path && !vs::system_guid_of(*path).empty() && (cls.empty() || iequals(path->class_name(), cls)))
            return std::move(*path);
    return std::nullopt;
}

// It is added whole, as the last thing that such a job does.
bool planned_is_there(Services& services, const JobRecord& job) {
    const auto path = affected_system(job, planned_class);
    return path && vs::PlannedSystems(services).find(vs::system_guid_of(*path));
}

// There may be a machine and a planned system of one identifier; the job names one of them by its class.
bool destroyed(Services& services, const JobRecord& job, bool has_machine) {
    const auto path = affected_system(job);
    if (path && iequals(path->class_name(), planned_class))
        return vs::PlannedSystems(services).is_gone(vs::system_guid_of(*path));
    return !has_machine && every_host_answers(services);
}

// Whether what the job was to bring about is the case now.
bool came_true(Services& services, const JobRecord& job, const std::string& guid) {
    const auto* host = place_of(services, guid);
    const auto m = host ? host->machine(guid) : nullptr;
    switch (job.job_type) {
        case job_type::define_system:
            return m || vs::PlannedSystems(services).find(guid);
        case job_type::realize_planned:
            // A planned system goes only when its machine is whole, wherever that is and whoever is silent.
            return m ? !export_import::is_half_made(m->spec) : vs::PlannedSystems(services).is_gone(guid);
        case job_type::destroy_system:
            return destroyed(services, job, m != nullptr);
        case job_type::import_system:
        case job_type::create_remote:
            return planned_is_there(services, job);
        case job_type::export_system:
            return export_import::is_exported(job, guid);
        case job_type::start:
        case job_type::restore:
        case job_type::resume:
            return m && m->state == MachineState::running;
        case job_type::power_off:
        case job_type::shut_down:
            return m && m->state == MachineState::off && !m->has_saved_state;
        case job_type::save:
            return m && m->has_saved_state && m->id < 0;
        case job_type::pause:
            return m && m->state == MachineState::paused;
        default:
            return false;
    }
}

// After this time the machine may have been in use for long, and nobody could tell by what it looks like.
constexpr std::int64_t attempt_us = 600 * std::int64_t{1'000'000};

// What the host was asked for and had not done by now.
void note_attempt(Services& services, const JobRecord& job, const std::string& guid) {
    if (job.job_type != job_type::define_system && job.job_type != job_type::realize_planned) return;
    if (vs::now_us() - job.submitted.microseconds() > attempt_us) return;
    vs::Attempt attempt{guid, job.submitted.microseconds()};
    if (const auto planned = vs::PlannedSystems(services).find(guid)) {
        attempt.snapshots = planned->snapshots.size();
        attempt.saved = planned->spec.attributes.contains(std::string(vs::planned_saved));
    }
    vs::attempted(services, attempt, Error(Status::unavailable, "wsvirt.job.interrupted", "Cut off."));
}

}  // namespace

std::string system_of(const JobRecord& job) {
    const auto path = affected_system(job);
    return path ? vs::system_guid_of(*path) : std::string();
}

backend::Hypervisor* host_with(const Services& services, std::string_view machine) {
    for (const auto& h : migration_service::hosts_of(services))
        if (h.hypervisor->machine(machine)) return h.hypervisor;
    return nullptr;
}

backend::Hypervisor* place_of(const Services& services, std::string_view machine) {
    const auto hosts = migration_service::hosts_of(services);
    const auto* place = backend::place_of(hosts, machine);
    if (!place) return nullptr;
    for (const auto& h : hosts)
        if (h.hypervisor != place->hypervisor && !h.hypervisor->connected() &&
            backend::was_last_on(*h.hypervisor, machine))
            return nullptr;
    return place->hypervisor;
}

bool identifier_taken(Services& services, std::string_view guid) {
    if (host_with(services, guid) || vs::PlannedSystems(services).find(guid)) return true;
    // Settings of machines and of snapshots are found by the same identifiers.
    for (const auto& h : migration_service::hosts_of(services))
        for (const auto& m : h.hypervisor->machines())
            for (const auto& s : m->snapshots)
                if (iequals(s.id, guid)) return true;
    return false;
}

bool every_host_answers(const Services& services) {
    const auto all = migration_service::hosts_of(services);
    return std::all_of(all.begin(), all.end(), [](const auto& h) { return h.hypervisor->connected(); });
}

void recover(Services& services) {
    migration_service::recall_places(services);
    vs::recover_made_late(services);  // first: what is there after that was made in time
    export_import::recover(services);
    snapshot_service::recover(services);
    migration_service::recover(services);
    for (const auto& job : services.jobs.interrupted()) {
        const auto guid = system_of(job);
        if (guid.empty()) continue;
        if (came_true(services, job, guid))
            (void)services.jobs.settle(job.instance_id, JobState::completed, std::nullopt);
        else
            note_attempt(services, job, guid);
    }
    services.jobs.recovered();
}

std::vector<std::shared_ptr<void>> watch(Services& services) {
    auto all = migration_service::watch(services);
    for (auto& more : export_import::watch(services)) all.push_back(std::move(more));
    for (auto& more : vs::watch_made_late(services)) all.push_back(std::move(more));
    for (auto& more : migration_service::watch_places(services)) all.push_back(std::move(more));
    return all;
}

}  // namespace wsvirt::cim
