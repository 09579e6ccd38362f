#include "cim/providers/migration_service/settle.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/plan.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::migration_service {

using backend::Machine;
using backend::MachineState;

namespace {

constexpr std::string_view kind = "migration_left";
constexpr auto contact_patience = std::chrono::seconds(20);  // for hosts to be connected to
constexpr auto settle_patience = std::chrono::seconds(20);   // for libvirt to clear up
constexpr auto lock_patience = std::chrono::seconds(600);    // for others to be done with the machine
constexpr auto removal_patience = std::chrono::seconds(2);
constexpr auto poll = std::chrono::milliseconds(200);

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

bool in_use(const backend::Hypervisor& h, const std::string& file) {
    const auto all = h.machines();
    return std::any_of(all.begin(), all.end(), [&](const auto& m) {
        return std::any_of(m->spec.disks.begin(), m->spec.disks.end(),
                           [&](const backend::Disk& d) { return d.path == file; });
    });
}

// The files that were being made there, where no machine stands on them; how many are left.
std::size_t remove_copies(const CutOff& c) {
    std::size_t used = 0;
    for (const auto& file : c.copies)
        if (in_use(*c.destination.hypervisor, file))
            ++used;
        else  // a host that has just come back may not do everything yet
            wait_until(removal_patience,
                       [&] { return bool(c.destination.hypervisor->remove_file(briefly(), file)); });
    return used;
}

Settled settle_disks(const CutOff& c) {
    auto& host = *c.source.hypervisor;
    if (!wait_until(contact_patience, [&] { return host.connected(); }))
        return {Outcome::unknown, "The host \"" + c.source.name + "\" does not answer."};
    (void)host.abandon(briefly(), c.guid);
    const auto moved = remove_copies(c);
    if (moved == c.copies.size()) return {Outcome::moved, {}};
    return {Outcome::stayed, moved == 0 ? "The disks are where they were."
                                        : "Some disks have moved, the others are where they were."};
}

// Lines: source, destination, whether it ran, the copies.
std::string left_text(const CutOff& c) {
    std::string text = c.source.name + '\n' + c.destination.name + '\n' + (c.was_running ? "1" : "0");
    for (const auto& file : c.copies) text += '\n' + file;
    return text;
}

std::optional<CutOff> left_from(const Services& services, const Store::Row& row) {
    const auto lines = split(row.text, '\n');
    if (lines.size() < 3) return std::nullopt;
    const auto source = find_host(services, lines[0], "host");
    const auto destination = find_host(services, lines[1], "host");
    if (!source || !destination) return std::nullopt;
    return CutOff{row.key, *source, *destination, lines[2] == "1", false, {lines.begin() + 3, lines.end()}};
}

// Waits until nobody else works on the machine. Another that came before may have done it.
Result<void> clear_up(Services& services, JobContext& job, const CutOff& c) {
    std::shared_ptr<JobManager::Guard> held;
    Result<void> busy;
    wait_until(lock_patience, [&] {
        auto lock = services.jobs.lock(c.guid);
        if (lock)
            held = std::move(*lock);
        else
            busy = lock.error();
        return held != nullptr || job.stop().stop_requested();
    });
    if (!held) return busy;
    const auto row = services.store.get(kind, c.guid);
    if (!row) return row.error();
    if (!*row) return {};
    if (settle(c).outcome == Outcome::unknown)
        return Error(Status::unavailable, "wsvirt.migration.no_contact",
                     "A host does not answer; what was left is cleared up when it does.");
    auto forgotten = services.store.erase(kind, c.guid);
    return forgotten ? Result<void>() : Result<void>(forgotten.error());
}

}  // namespace

std::optional<CutOff> cut_off_of(const Services& services, const std::map<std::string, std::string>& extra,
                                 const std::vector<JobRecord::Affected>& affected) {
    const auto text = [&](const char* name) {
        const auto it = extra.find(name);
        return it == extra.end() ? std::string() : it->second;
    };
    const auto source = find_host(services, text(source_extra), "host");
    const auto destination = find_host(services, text("DestinationHost"), "host");
    if (!source || !destination) return std::nullopt;
    CutOff c;
    c.source = *source;
    c.destination = *destination;
    c.was_running = text(running_extra) == "1";
    c.disks_only = text("MigrationType") == std::to_string(static_cast<unsigned>(MigrationType::storage));
    c.copies = split(text(copies_extra), '\n');
    std::erase(c.copies, std::string());
    for (const auto& a : affected)
        if (const auto path = ObjectPath::parse(a.path); path && c.guid.empty())
            c.guid = vs::system_guid_of(*path);
    return c.guid.empty() ? std::nullopt : std::optional<CutOff>(std::move(c));
}

Settled settle(const CutOff& c) {
    if (c.disks_only) return settle_disks(c);
    auto& from = *c.source.hypervisor;
    auto& to = *c.destination.hypervisor;
    if (!wait_until(contact_patience, [&] { return from.connected() && to.connected(); })) {
        const bool source_answers = from.connected();
        const auto& silent = source_answers ? c.destination : c.source;
        const bool seen = source_answers && from.machine(c.guid);
        return {Outcome::unknown, "The host \"" + silent.name + "\" does not answer; " +
                                      (seen ? "the machine is on \"" + c.source.name + "\"."
                                            : "where the machine is will be seen when it does.")};
    }
    if (from.machine(c.guid)) (void)from.abandon(briefly(), c.guid);
    wait_until(settle_patience, [&] { return !from.machine(c.guid) || !to.machine(c.guid); });
    const auto here = from.machine(c.guid), there = to.machine(c.guid);
    // Over there it counts once it runs, or once nothing of it runs here.
    if (there && (!here || (there->state == MachineState::running && here->state != MachineState::running))) {
        if (here) take_away(from, c.guid);
        return {Outcome::moved, {}};
    }
    if (here && there) take_away(to, c.guid);
    if (here && here->state == MachineState::paused && c.was_running) (void)from.resume(briefly(), c.guid);
    if (here) remove_copies(c);
    return {Outcome::stayed,
            here ? "The machine is on \"" + c.source.name + "\", as before."
                 : "Neither \"" + c.source.name + "\" nor \"" + c.destination.name + "\" has the machine."};
}

void leave_for_later(Services& services, const CutOff& c) {
    (void)services.store.put(kind, c.guid, left_text(c));
}

void settle_what_was_left(Services& services) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        const auto c = left_from(services, row);
        if (!c) {
            (void)services.store.erase(kind, row.key);  // of hosts that are not ours any more
            continue;
        }
        if (!c->source.hypervisor->connected() || !c->destination.hypervisor->connected()) continue;
        JobSpec spec;
        spec.caption = "Clearing Up After a Migration";
        spec.owning_service = service_class;
        spec.cancellable = true;
        spec.affected = {{vs::system_path_text(services.host.name, "Msvm_ComputerSystem", c->guid), {0}}};
        (void)services.jobs.start(
            std::move(spec), [&services, c = *c](JobContext& job) { return clear_up(services, job, c); });
    }
}

}  // namespace wsvirt::cim::migration_service
