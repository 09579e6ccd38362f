// What became of snapshot jobs that a killed service left behind. The machine layer has removed half-made
// snapshots by then.
#include <chrono>
#include <memory>
#include <optional>
#include <set>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/job_record.hpp"
#include "cim/providers/machine_wait.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/snapshot_service/methods.hpp"
#include "cim/providers/snapshot_service/target.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"

namespace wsvirt::cim::snapshot_service {

using backend::MachineState;

namespace {

// Most machines are back within this time, and then nobody sees them half way.
constexpr std::chrono::seconds patience_at_start{5};

// The affected elements are the machine first, then snapshots.
std::vector<std::string> guids_of(const JobRecord& job) {
    std::vector<std::string> out;
    for (const auto& a : job.affected)
        if (auto path = ObjectPath::parse(a.path))
            if (auto guid = vs::system_guid_of(*path); !guid.empty()) out.push_back(guid);
    return out;
}

const backend::SnapshotInfo* find(const backend::Machine& m, const std::string& id) {
    for (const auto& s : m.snapshots)
        if (iequals(s.id, id)) return &s;
    return nullptr;
}

// Our note comes last. One without it is being removed yet.
bool is_whole(const backend::SnapshotInfo& s) {
    return s.spec.attributes.contains(vs::snapshot_type);
}

bool runs(const backend::Machine& m) {
    return m.state != MachineState::off && m.state != MachineState::saved;
}

// Applying itself lets a machine with memory run for a moment; libvirt says so in its reasons. Whatever else
// runs was started by somebody since.
bool started_by_applying(const backend::Machine& m, const backend::SnapshotInfo& s) {
    static const std::set<std::string, std::less<>> later{"user", "I/O error", "watchdog", "crashed",
                                                          "migrating"};
    if (!vs::keeps_memory(s)) return false;
    if (m.state_reason == "from snapshot") return true;
    if (m.state == MachineState::running)
        return m.state_reason == "restored" && s.current && !s.memory_file.empty();
    return !later.contains(m.state_reason);
}

// Before its end, or after it by the machine layer.
bool was_applied(const backend::SnapshotInfo& s, const DateTime& since) {
    const auto at = s.spec.attributes.find(vs::snapshot_applied);
    return at != s.spec.attributes.end() && parse_int(at->second).value_or(0) >= since.microseconds();
}

// What the machine was before is lost already, so the only whole state to be had is the snapshot's; where
// nothing had begun, too. Only what has run since would be lost by it.
Result<void> finish_applying(backend::Hypervisor& host, const backend::Call& call, const std::string& machine,
                             const std::string& snapshot, const DateTime& since) {
    const auto is_done = [&] {
        const auto m = host.machine(machine);
        const auto* s = m ? find(*m, snapshot) : nullptr;
        return s && was_applied(*s, since);
    };
    if (is_done()) return {};
    // What the machine layer is not through with yet; it knows better who has let the machine run.
    const auto whole = host.check_whole(call, machine);
    if (is_done()) return {};
    if (!whole && whole.error().status != Status::not_found &&
        whole.error().message_id != "wsvirt.snapshot.just_applied")
        return whole;
    const auto m = host.machine(machine);
    const auto* s = m ? find(*m, snapshot) : nullptr;
    if (!s) return Error(Status::not_found, "wsvirt.snapshot.gone", "The snapshot does not exist any more.");
    if (!runs(*m)) return go_back(host, call, machine, s->id);
    if (!started_by_applying(*m, *s))
        return Error(
            Status::invalid_state, "wsvirt.snapshot.started_since",
            "The service ended while the snapshot was applied, and the machine has been started since. "
            "It runs on as it is, whether the snapshot had been reached or not; turn it off and apply "
            "the snapshot again if you want its state.",
            machine);
    return go_back(host, call, machine, s->id);
}

// As a job of its own: memory that is read takes its time, and the start does not wait long for it.
Result<void> go_on_applying(Services& services, backend::Hypervisor& host, const JobRecord& cut_off,
                            const std::string& machine, const std::string& snapshot) {
    JobSpec spec;
    spec.job_type = job_type::apply_snapshot;
    spec.caption = cut_off.caption;
    spec.owner = cut_off.owner;
    spec.role = cut_off.role;
    spec.owning_service = cut_off.owning_service;
    spec.cancellable = true;
    spec.affected = cut_off.affected;
    // Kept beyond this function, should the job go on.
    const auto outcome = std::make_shared<std::optional<Result<void>>>();
    const auto job = services.jobs.start(
        std::move(spec),
        [&services, &host, machine, snapshot, since = cut_off.submitted, outcome](JobContext& context) {
            const auto held = wait_for_machine(services.jobs, context, machine);
            *outcome = held ? finish_applying(host, call_of(context), machine, snapshot, since)
                            : Error(Status::busy, "wsvirt.snapshot.interrupted",
                                    "Other operations on the machine go on; apply the snapshot again.");
            return **outcome;
        });
    if (!job) return job.error();
    const auto record = services.jobs.wait(*job, patience_at_start);
    if (record && record->ended && *outcome) return **outcome;
    return Error(Status::failed, "wsvirt.snapshot.interrupted",
                 "The service ended while the snapshot was applied. It goes on with that as another job, " +
                     *job + "; look at that one.");
}

Result<void> came_true(Services& services, const JobRecord& job) {
    const auto guids = guids_of(job);
    auto* const host = guids.empty() ? nullptr : place_of(services, guids[0]);
    // The machine layer goes on when the host answers.
    if (host ? !host->connected() : !every_host_answers(services))
        return Error(
            Status::failed, "wsvirt.snapshot.interrupted",
            "The service was interrupted and the host did not answer when it started again: look at the "
            "machine before you repeat this. What had begun is finished or taken back when the host answers, "
            "unless somebody has started the machine by then.");
    const Error not_done(Status::failed, "wsvirt.snapshot.interrupted",
                         job.job_type == job_type::take_snapshot
                             ? "The service ended before the snapshot was complete; what there was of it is "
                               "removed, later where the machine or its storage is not at hand now. Take it "
                               "again."
                             : "The service ended before all snapshots were deleted. What had begun goes on "
                               "where the machine and its storage are at hand; delete what is left.");
    if (guids.size() < 2) return not_done;
    if (job.job_type == job_type::apply_snapshot)
        return go_on_applying(services, host ? *host : services.hypervisor, job, guids[0], guids[1]);
    const auto m = host ? host->machine(guids[0]) : nullptr;
    for (std::size_t i = 1; i < guids.size(); ++i) {
        const auto* s = m ? find(*m, guids[i]) : nullptr;
        if (job.job_type != job_type::take_snapshot ? s != nullptr : !s || !is_whole(*s)) return not_done;
    }
    return {};
}

}  // namespace

void recover(Services& services) {
    for (const auto& job : services.jobs.interrupted()) {
        const bool ours = job.job_type == job_type::take_snapshot ||
                          job.job_type == job_type::apply_snapshot ||
                          job.job_type == job_type::delete_snapshot;
        if (!ours) continue;
        if (const auto r = came_true(services, job); r)
            (void)services.jobs.settle(job.instance_id, JobState::completed, std::nullopt);
        else
            (void)services.jobs.settle(job.instance_id, JobState::exception, job_error_of(r.error()));
    }
}

}  // namespace wsvirt::cim::snapshot_service
