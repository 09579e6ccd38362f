// Migrations that were running when this service was ended without warning. libvirt leaves the machine on one
// host, or a half one on the other, for a moment; then what is left over is taken away.
#include <algorithm>
#include <chrono>
#include <thread>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::migration_service {

using backend::Machine;
using backend::MachineState;

namespace {

constexpr auto contact_patience = std::chrono::seconds(20);  // for hosts to be connected to
constexpr auto settle_patience = std::chrono::seconds(20);   // for libvirt to clear up
constexpr auto poll = std::chrono::milliseconds(200);

struct Case {
    JobRecord job;
    std::string guid;
    HostEntry source, destination;
    bool was_running = false;
};

std::string extra_of(const JobRecord& job, const char* name) {
    const auto it = job.extra.find(name);
    return it == job.extra.end() ? std::string() : it->second;
}

std::optional<Case> case_of(const Services& services, const JobRecord& job) {
    if (job.job_type != job_type::move_machine && job.job_type != job_type::move_both &&
        job.job_type != job_type::move_storage)
        return std::nullopt;
    const auto source = find_host(services, extra_of(job, source_extra), "host");
    const auto destination = find_host(services, extra_of(job, "DestinationHost"), "host");
    if (!source || !destination) return std::nullopt;
    Case c{job, {}, *source, *destination, extra_of(job, running_extra) == "1"};
    for (const auto& a : job.affected)
        if (const auto path = ObjectPath::parse(a.path); path && c.guid.empty())
            c.guid = vs::system_guid_of(*path);
    return c.guid.empty() ? std::nullopt : std::optional<Case>(std::move(c));
}

template <class Condition>
bool wait_until(std::chrono::seconds patience, Condition reached) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!reached()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(poll);
    }
    return true;
}

bool is_active(const Machine& m) {
    return m.state != MachineState::off && m.state != MachineState::saved;
}

backend::Call briefly() {
    backend::Call c;
    c.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    return c;
}

void take_away(backend::Hypervisor& h, const std::string& guid) {
    const auto m = h.machine(guid);
    if (m && is_active(*m)) (void)h.power_off(briefly(), guid);
    if (h.machine(guid)) (void)h.undefine(briefly(), guid);
}

JobError cut_off(const std::string& where) {
    JobError e;
    e.message_id = "wsvirt.migration.interrupted";
    e.message = "The migration was cut off when the service ended. " + where;
    return e;
}

// The files that were being made there, where the machine does not stand on them; how many are left.
std::size_t remove_copies(const Case& c, const backend::MachineSpec& spec) {
    std::size_t used = 0;
    for (const auto& file : split(extra_of(c.job, copies_extra), '\n')) {
        if (file.empty()) continue;
        const bool in_use = c.source.hypervisor == c.destination.hypervisor &&
                            std::any_of(spec.disks.begin(), spec.disks.end(),
                                        [&](const backend::Disk& d) { return d.path == file; });
        used += in_use;
        if (!in_use) (void)c.destination.hypervisor->remove_file(briefly(), file);
    }
    return used;
}

void settle_disks(Services& services, const Case& c) {
    auto& host = *c.source.hypervisor;
    const auto& id = c.job.instance_id;
    if (!wait_until(contact_patience, [&] { return host.connected(); })) {
        (void)services.jobs.settle(id, JobState::exception,
                                   cut_off("The host \"" + c.source.name + "\" does not answer."));
        return;
    }
    (void)host.abandon(briefly(), c.guid);
    const auto machine = host.machine(c.guid);
    const auto moved = machine ? remove_copies(c, machine->spec) : 0;
    const auto wanted = split(std::string(trim(extra_of(c.job, copies_extra))), '\n').size();
    if (moved == wanted)
        (void)services.jobs.settle(id, JobState::completed, std::nullopt);
    else
        (void)services.jobs.settle(
            id, JobState::exception,
            cut_off(moved == 0 ? "The disks are where they were."
                               : "Some disks have moved, the others are where they were."));
}

void settle(Services& services, const Case& c) {
    auto& from = *c.source.hypervisor;
    auto& to = *c.destination.hypervisor;
    const auto& id = c.job.instance_id;
    if (!wait_until(contact_patience, [&] { return from.connected() && to.connected(); })) {
        const auto& silent = from.connected() ? c.destination : c.source;
        const auto seen = from.connected() && from.machine(c.guid);
        (void)services.jobs.settle(id, JobState::exception,
                                   cut_off("The host \"" + silent.name + "\" does not answer; " +
                                           (seen ? "the machine is on \"" + c.source.name + "\"."
                                                 : "where the machine is will be seen when it does.")));
        return;
    }
    if (from.machine(c.guid)) (void)from.abandon(briefly(), c.guid);
    wait_until(settle_patience, [&] { return !from.machine(c.guid) || !to.machine(c.guid); });
    const auto here = from.machine(c.guid), there = to.machine(c.guid);
    // Over there it counts once it runs, or once nothing of it runs here.
    const bool arrived = there && (!here || (is_active(*there) && there->state == MachineState::running &&
                                             here->state != MachineState::running));
    if (arrived) {
        if (here) take_away(from, c.guid);
        (void)services.jobs.settle(id, JobState::completed, std::nullopt);
        return;
    }
    if (here && there) take_away(to, c.guid);
    if (here && here->state == MachineState::paused && c.was_running) (void)from.resume(briefly(), c.guid);
    if (here) remove_copies(c, here->spec);
    (void)services.jobs.settle(id, JobState::exception,
                               cut_off(here ? "The machine is on \"" + c.source.name + "\", as before."
                                            : "Neither \"" + c.source.name + "\" nor \"" +
                                                  c.destination.name + "\" has the machine."));
}

}  // namespace

void recover(Services& services) {
    for (const auto& job : services.jobs.interrupted())
        if (const auto c = case_of(services, job)) {
            if (job.job_type == job_type::move_storage)
                settle_disks(services, *c);
            else
                settle(services, *c);
        }
}

}  // namespace wsvirt::cim::migration_service
