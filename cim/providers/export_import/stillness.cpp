#include "cim/providers/export_import/stillness.hpp"

#include <algorithm>
#include <thread>

#include "backend/hypervisor.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/export_import/export_checks.hpp"
#include "cim/providers/machine_wait.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::export_import {

using backend::MachineState;

namespace {

// Rows by machine: of exports that go on, and of those that have ended and could not let the machine go.
constexpr std::string_view kind = "export_held", left_kind = "export_left";
// What the machine was; it is paused meanwhile, or saved.
constexpr std::string_view running_now_paused = "running, paused", running_now_saved = "running, saved",
                           paused_now_saved = "paused, saved", running_now_frozen = "running, frozen";
// Somebody has stopped it since; nothing but its file systems is as the export left it.
constexpr std::string_view frozen = "frozen";
// Most machines go on within this time, and then nobody sees them stand still.
constexpr std::chrono::milliseconds patience_at_start{10'000};
constexpr std::chrono::milliseconds patience_with_answers{5'000}, patience_with_silence{3'000};
constexpr int most_looks = 5;

bool was_running(std::string_view note) {
    return note != paused_now_saved;
}

bool was_saved(std::string_view note) {
    return note == paused_now_saved || note == running_now_saved;
}

bool is_frozen(std::string_view note) {
    return note == running_now_frozen || note == frozen;
}

// What the host was asked for before, and does yet.
bool is_passing(MachineState state) {
    using enum MachineState;
    return state == starting || state == pausing || state == stopping || state == saving;
}

Error unsettled(const std::string& guid) {
    return {
        Status::busy, "wsvirt.export.held_unsettled",
        "What was begun with the virtual machine for its export has not ended yet; the machine goes on when "
        "it has.",
        guid};
}

backend::Call soon() {
    backend::Call call;
    call.deadline = std::chrono::steady_clock::now() + patience_with_answers;
    return call;
}

// A program that was killed while it stopped the machine or let it go on may have left it paused in any case.
// A call that was given up may be done yet, so a machine that is as it was is asked to be that all the same:
// the host answers to this when it has done what it was asked before.
Result<void> go_on_from(backend::Hypervisor& hypervisor, const backend::Machine& m, std::string_view note) {
    const auto& guid = m.spec.uuid;
    if (note == frozen) return {};
    if (is_passing(m.state) || (m.state == MachineState::paused && m.state_reason == "saving"))
        return unsettled(guid);
    if (m.state == MachineState::paused)
        return was_running(note) ? hypervisor.resume({}, guid) : hypervisor.suspend(soon(), guid);
    if (m.state == MachineState::running)
        return was_running(note) ? hypervisor.resume(soon(), guid) : Result<void>{};
    if (m.state != MachineState::saved || !was_saved(note)) return {};
    if (auto r = hypervisor.start({}, guid); !r) return r;
    return was_running(note) ? Result<void>{} : hypervisor.suspend({}, guid);
}

Result<void> go_on_there(backend::Hypervisor& hypervisor, const std::string& guid, std::string_view note) {
    const auto as_it_was = was_running(note) ? MachineState::running : MachineState::paused;
    for (int looks = 1;; ++looks) {
        const auto before = hypervisor.machine(guid);
        if (!before) return {};
        auto r = go_on_from(hypervisor, *before, note);
        if (!r && r.error().status == Status::invalid_state) {
            const auto now = hypervisor.machine(guid);
            if (now && now->state != before->state && looks < most_looks) continue;
            if (now && now->state == as_it_was) r = {};
        }
        const auto now = hypervisor.machine(guid);
        const bool thaws = is_frozen(note) && now && now->state == MachineState::running;
        return r && thaws ? hypervisor.thaw({}, guid) : r;
    }
}

bool only_for_now(const Error& e) {
    return e.status == Status::unavailable || e.status == Status::timed_out || e.status == Status::busy;
}

// On whichever host it is. What is off is perhaps only what a migration has left.
Result<void> go_on(Services& services, const std::string& guid, std::string_view note) {
    bool found = false, silent = false;
    for (const auto& host : migration_service::hosts_of(services)) {
        const auto m = host.hypervisor->machine(guid);
        if (!host.hypervisor->connected()) {
            silent = true;
        } else if (m && m->state != MachineState::off) {
            found = true;
            if (auto r = go_on_there(*host.hypervisor, guid, note); !r) return r;
        }
    }
    if (found || !silent) return {};
    return Error(Status::unavailable, "wsvirt.export.held_away",
                 "The host of the virtual machine, which the export holds, does not answer; the machine goes "
                 "on when the host is back.",
                 guid);
}

bool within_reach(Services& services, const std::string& guid) {
    const auto* host = place_of(services, guid);
    return (host && host->connected()) || every_host_answers(services);
}

// What it says of the machine is true again when it does.
bool answers_soon(Services& services, const std::string& guid) {
    const auto end = std::chrono::steady_clock::now() + patience_with_silence;
    for (;; std::this_thread::sleep_for(machine_poll)) {
        const auto host = migration_service::host_of_machine(services, guid);
        if (!host || host->hypervisor->connected()) return true;
        if (std::chrono::steady_clock::now() > end) return false;
    }
}

Result<void> try_to_let_go(Services& services, const std::string& guid, JobContext& job) {
    const auto end = std::chrono::steady_clock::now() + machine_patience;
    for (;; std::this_thread::sleep_for(machine_poll)) {
        const auto note = services.store.get(left_kind, guid);
        if (!note) return note.error();
        if (!*note) return {};
        auto r = go_on(services, guid, **note);
        if (r || !only_for_now(r.error())) {
            auto forgotten = services.store.erase(left_kind, guid);
            return !r || forgotten ? r : Result<void>(forgotten.error());
        }
        const bool enough = job.stop().stop_requested() || std::chrono::steady_clock::now() > end;
        if (enough || !within_reach(services, guid)) return r;
    }
}

// As a job, since memory that is read back from a disk takes its time. When it fails the machine stays as it
// is, and the job says why.
Result<std::string> let_go(Services& services, const std::string& guid) {
    JobSpec spec;
    spec.job_type = job_type::restore;
    spec.caption = "Restoring Virtual Machine";
    spec.owning_service = "Msvm_VirtualSystemManagementService";
    spec.cancellable = true;
    spec.affected = {{vs::system_path_text(services.host.name, "Msvm_ComputerSystem", guid), {0}}};
    auto held = services.jobs.lock(guid);
    if (held) {
        spec.busy_key = guid;
        return services.jobs.start(
            std::move(spec),
            [&services, guid](JobContext& job) { return try_to_let_go(services, guid, job); },
            std::move(*held));
    }
    auto waiting = services.jobs.lock("held " + guid);
    if (!waiting) return waiting.error();  // one does already
    return services.jobs.start(
        std::move(spec),
        [&services, guid, waits = std::move(*waiting)](JobContext& job) mutable -> Result<void> {
            const auto machine = wait_for_machine(services.jobs, job, guid);
            waits.reset();  // what happens from here on is for the next one
            if (!machine)
                return Error(
                    Status::busy, "wsvirt.export.held_busy",
                    "Other operations on the machine go on; it stays as the export has left it until "
                    "then. Start or resume it yourself.");
            return try_to_let_go(services, guid, job);
        });
}

MachineState state_of(Services& services, const std::string& guid) {
    const auto* host = host_with(services, guid);
    const auto m = host ? host->machine(guid) : nullptr;
    return m ? m->state : MachineState::off;
}

// What somebody has stopped is thawed when it runs again.
bool is_due(Services& services, const std::string& guid, std::string_view note) {
    return note != frozen || state_of(services, guid) == MachineState::running;
}

std::vector<std::string> let_go_all(Services& services) {
    std::vector<std::string> jobs;
    const auto rows = services.store.list(left_kind);
    if (!rows) return jobs;
    for (const auto& row : *rows)
        if (within_reach(services, row.key) && is_due(services, row.key, row.text))
            if (auto id = let_go(services, row.key)) jobs.push_back(std::move(*id));
    return jobs;
}

// What a host had not done when everybody had given up waiting.
bool has_settled(const backend::Event& e) {
    return e.kind == backend::EventKind::state_changed && e.before && e.after &&
           is_passing(e.before->state) && !is_passing(e.after->state);
}

// Somebody let it run or turned it off: what is asked for here shows while its job has the machine.
bool has_left_rest(const backend::Event& e) {
    using enum MachineState;
    if (e.kind != backend::EventKind::state_changed || !e.before || !e.after) return false;
    const bool at_rest = e.before->state == paused || e.before->state == saved;
    return at_rest && (e.after->state == running || e.after->state == off || e.after->state == crashed);
}

bool is_nowhere(Services& services, const std::string& guid) {
    return !host_with(services, guid) && every_host_answers(services);
}

std::string note_of(Services& services, const std::string& guid) {
    for (const auto of : {left_kind, kind})
        if (const auto there = services.store.get(of, guid); there && *there) return **there;
    return {};
}

// And nobody sees to it at the moment.
bool is_left(Services& services, const std::string& guid) {
    const auto note = services.store.get(left_kind, guid);
    return note && *note && is_due(services, guid, **note) && services.jobs.lock(guid);
}

void follow(Services& services, const backend::Event& e) {
    if (e.kind == backend::EventKind::host_back) (void)let_go_all(services);
    if (has_settled(e) && is_left(services, e.machine)) (void)let_go(services, e.machine);
    if (has_left_rest(e) && !note_of(services, e.machine).empty() && services.jobs.lock(e.machine))
        (void)forget_held(services, e.machine);
    if (e.kind == backend::EventKind::machine_removed && is_nowhere(services, e.machine))
        (void)forget_held(services, e.machine);
}

// Also of an export that has ended without room to write it down.
Result<void> forget(Services& services, const std::string& guid) {
    for (const auto of : {kind, left_kind}) {
        const auto there = services.store.get(of, guid);
        if (!there) return there.error();
        if (!*there) continue;
        if (auto r = services.store.erase(of, guid); !r) return r.error();
    }
    return {};
}

Result<void> leave(Services& services, const std::string& guid, const std::string& note) {
    return services.store.transaction([&]() -> Result<void> {
        if (auto r = services.store.put(left_kind, guid, note); !r) return r;
        auto r = services.store.erase(kind, guid);
        return r ? Result<void>{} : Result<void>(r.error());
    });
}

}  // namespace

Result<void> Stillness::begin(const backend::Call& call) {
    if (!plan_.what.snapshot) {
        if (auto r = services_.hypervisor.check_whole(call, plan_.machine().spec.uuid); !r) return r;
        watch();
    }
    if (auto r = hold(call); !r) return r;
    if (rest_) rest_->files = own_files_now();
    return check();
}

std::map<std::string, std::string> Stillness::own_files_now() const {
    const auto own = own_files(plan_);
    std::map<std::string, std::string> out;
    for (const auto& step : plan_.steps)
        if (own.contains(step.from)) out[step.from] = write_mark(step.from);
    return out;
}

// What it shall be was decided when the export was planned; somebody may have let it run since. It may be as
// before again when the copies are done.
void Stillness::watch() {
    const auto& planned = plan_.machine();
    const bool save = plan_.live && plan_.wishes.live == ExportWishes::saved_state;
    const auto state = save ? MachineState::saved : plan_.live ? MachineState::paused : planned.state;
    auto ended = std::make_shared<std::atomic<bool>>(false);
    auto handle =
        services_.hypervisor.subscribe([ended, guid = planned.spec.uuid, state](const backend::Event& e) {
            if (iequals(e.machine, guid) && e.before && e.after && e.before->state == state &&
                e.after->state != state)
                *ended = true;
        });
    rest_ = Rest{state, save ? -1 : planned.id, std::move(ended), std::move(handle)};
}

Result<void> Stillness::check() const {
    if (!rest_) return {};
    const auto& guid = plan_.machine().spec.uuid;
    if (!answers_soon(services_, guid))
        return Error(
            Status::unavailable, "wsvirt.export.host_silent",
            "The host of \"" + plan_.machine().spec.name +
                "\" does not answer, so it is not certain that nobody let the machine run meanwhile. "
                "Export it again when the host is back.",
            "ComputerSystem");
    const auto m = services_.hypervisor.machine(guid);
    const bool at_rest = m && m->state == rest_->state && m->id == rest_->id && !*rest_->ended;
    if (at_rest && own_files_now() == rest_->files) return {};
    return Error(Status::invalid_state, "wsvirt.export.disturbed",
                 "\"" + plan_.machine().spec.name +
                     "\" was started, resumed or stopped by somebody else meanwhile, so copies of its files "
                     "would not fit together. Export it again.",
                 "ComputerSystem");
}

Result<void> Stillness::hold(const backend::Call& call) {
    if (!plan_.live) return {};
    const auto& guid = plan_.machine().spec.uuid;
    const bool paused = plan_.machine().state == MachineState::paused;
    const bool save = plan_.wishes.live == ExportWishes::saved_state;
    const bool freeze = plan_.wishes.live == ExportWishes::application_consistent;
    if (paused && !save) return {};
    const auto note = freeze   ? running_now_frozen
                      : !save  ? running_now_paused
                      : paused ? paused_now_saved
                               : running_now_saved;
    if (auto r = services_.store.put(kind, guid, note); !r) return r;
    note_ = note;
    if (save) return services_.hypervisor.save(call, guid);
    if (freeze)
        if (auto r = services_.hypervisor.freeze(call, guid); !r) return r;
    return services_.hypervisor.suspend(call, guid);
}

Result<void> Stillness::release() {
    if (note_.empty()) return {};
    const auto& guid = plan_.machine().spec.uuid;
    if (!gone_on_) gone_on_ = go_on(services_, guid, note_);
    const auto& r = *gone_on_;
    const bool later = !r && only_for_now(r.error());
    const auto written = later ? leave(services_, guid, note_) : forget(services_, guid);
    if (!written) return r ? written : r;
    note_.clear();
    if (later && within_reach(services_, guid)) (void)let_go(services_, guid);
    return r;
}

std::string forget_held(Services& services, const std::string& guid) {
    const std::string note = note_of(services, guid);
    if (note.empty()) return {};
    using enum MachineState;
    const auto state = state_of(services, guid);
    if (!is_frozen(note) || (state != running && state != paused && state != saved)) {
        (void)forget(services, guid);
        return note;
    }
    if (leave(services, guid, std::string(frozen)) && state == running) (void)let_go(services, guid);
    return {};
}

void note_held_again(Services& services, const std::string& guid, const std::string& forgotten) {
    if (!forgotten.empty()) (void)services.store.put(left_kind, guid, forgotten);
}

void release_held_machines(Services& services) {
    if (const auto rows = services.store.list(kind))
        for (const auto& row : *rows) (void)leave(services, row.key, row.text);
    const auto until = std::chrono::steady_clock::now() + patience_at_start;
    for (const auto& id : let_go_all(services)) {
        const auto left = until - std::chrono::steady_clock::now();
        services.jobs.wait(id, std::max(std::chrono::milliseconds(0),
                                        std::chrono::duration_cast<std::chrono::milliseconds>(left)));
    }
}

std::vector<std::shared_ptr<void>> watch_held_machines(Services& services) {
    std::vector<std::shared_ptr<void>> all;
    for (const auto& host : migration_service::hosts_of(services))
        all.push_back(
            host.hypervisor->subscribe([&services](const backend::Event& e) { follow(services, e); }));
    (void)let_go_all(services);
    return all;
}

}  // namespace wsvirt::cim::export_import
