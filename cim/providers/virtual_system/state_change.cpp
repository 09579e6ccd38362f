#include "cim/providers/virtual_system/state_change.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/export_import/stillness.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/settle.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/serial_rules.hpp"

namespace wsvirt::cim::vs {

using backend::Call;
using backend::Hypervisor;
using backend::MachineState;

namespace {

enum class Action : std::uint8_t {
    start,
    resume,
    restore,
    power_off,
    discard,
    shut_down,
    save,
    pause,
    reboot,
    reset
};

struct Step {
    Action action;
    std::uint16_t job;
    const char* caption;
};

// What a cancelled shutdown may take to end: the machine layer's grace and some more.
constexpr auto shutdown_end = std::chrono::seconds(10);

constexpr Step start_step{Action::start, job_type::start, "Starting Virtual Machine"},
    resume_step{Action::resume, job_type::resume, "Resuming Virtual Machine"},
    restore_step{Action::restore, job_type::restore, "Restoring Virtual Machine"},
    off_step{Action::power_off, job_type::power_off, "Turning Off Virtual Machine"},
    discard_step{Action::discard, job_type::power_off, "Discarding Saved State"},
    shut_step{Action::shut_down, job_type::shut_down, "Shutting Down Virtual Machine"},
    save_step{Action::save, job_type::save, "Saving Virtual Machine"},
    pause_step{Action::pause, job_type::pause, "Pausing Virtual Machine"},
    reboot_step{Action::reboot, job_type::reboot, "Restarting Virtual Machine"},
    reset_step{Action::reset, job_type::reset, "Resetting Virtual Machine"};

// Older clients send the numbers of the first model; "fast" saving is saving.
std::uint16_t canonical(std::uint64_t requested) {
    switch (requested) {
        case 32768:
            return 9;
        case 32769:
        case 32779:
        case 32780:
            return 6;
        default:
            return requested <= 11 ? static_cast<std::uint16_t>(requested) : 0;
    }
}

bool is_request(std::uint16_t r) {
    return r == 2 || r == 3 || r == 4 || r == 6 || r == 9 || r == 10 || r == 11;
}

const Step* step_for(MachineState state, bool has_saved_state, std::uint16_t requested) {
    switch (state) {
        case MachineState::off:
            if (has_saved_state) return step_for(MachineState::saved, true, requested);
            return requested == 2 ? &start_step : nullptr;
        case MachineState::saved:
            return requested == 2 ? &restore_step : requested == 3 ? &discard_step : nullptr;
        case MachineState::running:
            switch (requested) {
                case 3:
                    return &off_step;
                case 4:
                    return &shut_step;
                case 6:
                    return &save_step;
                case 9:
                    return &pause_step;
                case 10:
                    return &reboot_step;
                case 11:
                    return &reset_step;
                default:
                    return nullptr;
            }
        case MachineState::paused:
            switch (requested) {
                case 2:
                    return &resume_step;
                case 3:
                    return &off_step;
                case 6:
                    return &save_step;
                case 11:
                    return &reset_step;
                default:
                    return nullptr;
            }
        case MachineState::stopping:
            return requested == 3 ? &off_step : nullptr;
        case MachineState::crashed:
            return requested == 3 ? &off_step : requested == 11 ? &reset_step : nullptr;
        default:
            return nullptr;
    }
}

Result<void> perform(Hypervisor& h, const Call& call, const std::string& guid, Action a) {
    switch (a) {
        case Action::start:
        case Action::restore:
            return h.start(call, guid);
        case Action::resume:
            return h.resume(call, guid);
        case Action::power_off:
            return h.power_off(call, guid);
        case Action::discard:
            return h.discard_saved_state(call, guid);
        case Action::shut_down:
            return h.shut_down(call, guid);
        case Action::save:
            return h.save(call, guid);
        case Action::pause:
            return h.suspend(call, guid);
        case Action::reboot:
            return h.reboot(call, guid);
        case Action::reset:
            return h.reset(call, guid);
    }
    return {};
}

// Turning off does not wait for a guest that was asked to shut down: clients ask first and turn off when it
// does not listen. Its job is cancelled; any other change goes on.
Result<std::shared_ptr<JobManager::Guard>> lock_machine(const MethodCall& call, const std::string& guid,
                                                        std::uint16_t requested) {
    auto& jobs = call.services.jobs;
    auto held = jobs.lock(guid);
    if (held || requested != 3) return held;
    for (const auto& job : jobs.running_for(guid)) {
        if (job.job_type != job_type::shut_down) return held;
        (void)jobs.request_stop(job.instance_id, false);  // refused where it is ending by itself
        const auto until = std::min(call.request.deadline, Clock::now() + shutdown_end);
        jobs.wait(job.instance_id,
                  std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()));
    }
    return jobs.lock(guid);
}

bool lets_run(Action a) {
    return a == Action::start || a == Action::restore || a == Action::resume;
}

// What is not to run yet, or not here.
Result<void> check_begin(Services& services, const backend::Machine& m, Action a) {
    using namespace migration_service;
    const bool starts = a == Action::start || a == Action::restore;
    if (starts) {
        if (auto r = export_import::check_whole(m.spec); !r) return r;
        if (auto r = check_serial_ports(services, m); !r) return r;
    }
    if (!lets_run(a)) return {};
    return check_only_here(services, m.spec.uuid, starts ? Elsewhere::off : Elsewhere::not_running);
}

}  // namespace

Result<MethodResult> change_state(const MethodCall& call, const std::string& guid, std::uint16_t requested) {
    auto& hypervisor = call.services.hypervisor;
    auto held = lock_machine(call, guid, requested);
    if (!held) return MethodResult(32775);  // a change is under way: the machine is between two states
    const auto machine = hypervisor.machine(guid);
    if (!machine)
        return Error(Status::not_found, "wsvirt.machine.missing", "There is no virtual machine " + guid + ".",
                     guid);
    const auto* step = step_for(machine->state, machine->has_saved_state, requested);
    if (!step) return MethodResult(32775);

    Task task;
    task.type = step->job;
    task.caption = step->caption;
    if (auto r = check_begin(call.services, *machine, step->action); !r)
        return refused(call, task, r.error());
    task.busy_key = guid;
    task.always_a_job = true;
    task.cancellable = step->action == Action::shut_down;
    task.affected.push_back({system_path_text(call.services.host.name, "Msvm_ComputerSystem", guid), {0}});
    const auto action = step->action;
    const auto patience = call.services.host.shutdown_timeout;
    auto work = [&services = call.services, guid, action, patience](JobContext& job) -> Result<void> {
        Call c;
        c.stop = job.stop();
        if (action == Action::shut_down) c.deadline = std::chrono::steady_clock::now() + patience;
        c.progress = [&job](const backend::Progress& p) {
            if (p.total) job.progress(static_cast<unsigned>(p.done * 100 / p.total));
        };
        auto done = perform(services.hypervisor, c, guid, action);
        if (done && action == Action::resume) migration_service::resumed(services, guid);
        const bool stays_as_it_is = action == Action::reset || action == Action::reboot;
        if (done && !stays_as_it_is) (void)export_import::forget_held(services, guid);
        return done;
    };
    return run(call, std::move(task), std::move(work), {}, std::move(*held));
}

std::optional<std::uint16_t> state_change_refused(const MethodCall& call) {
    const auto name = call.target.key_string("Name");
    if (iequals(name, call.services.host.name)) return std::uint16_t{32770};
    std::uint64_t asked = 0;
    if (!call.in.get("RequestedState").to_uint64(asked)) return std::uint16_t{32773};
    const auto requested = canonical(asked);
    if (!is_request(requested)) return std::uint16_t{32773};
    const auto guid = clean_guid(name);
    const auto machine = guid ? call.services.hypervisor.machine(*guid) : nullptr;
    if (!machine || step_for(machine->state, machine->has_saved_state, requested)) return std::nullopt;
    return std::uint16_t{32775};
}

Result<MethodResult> request_state_change(const MethodCall& call) {
    if (const auto code = state_change_refused(call)) return MethodResult(*code);
    const auto name = call.target.key_string("Name");
    const auto guid = clean_guid(name);
    if (!guid)
        return Error(Status::not_found, "wsvirt.machine.missing", "There is no virtual machine " + name + ".",
                     name);
    return change_state(call, *guid, canonical(call.in.get("RequestedState").uint_or(0)));
}

}  // namespace wsvirt::cim::vs
