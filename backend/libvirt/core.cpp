#include "backend/libvirt/core.hpp"

#include <libvirt/virterror.h>

#include <algorithm>

#include "backend/libvirt/guarded.hpp"

namespace wsvirt::backend::libvirt {

namespace {
constexpr auto longest_wait = std::chrono::hours(24 * 365);
}

Result<Gates::Pass> Gates::enter(const Call& call, std::string_view uuid, const std::stop_source& gives_way) {
    const std::string key = to_upper(uuid);
    std::unique_lock lock(state_->mutex);
    const auto deadline = std::min(call.deadline, std::chrono::steady_clock::now() + longest_wait);
    const bool free = state_->changed.wait_until(lock, call.stop, deadline, [&] {
        const auto holder = state_->inside.find(key);
        if (holder == state_->inside.end()) return true;
        holder->second.request_stop();
        return false;
    });
    if (!free) {
        if (call.stop.stop_requested()) return cancelled("wait for the machine");
        return Error{Status::busy, "wsvirt.machine.busy",
                     "Another operation on the machine has not finished; try again later.", key};
    }
    state_->inside.emplace(key, gives_way);
    return Pass(nullptr, [state = state_, key](void*) {
        const std::lock_guard leave(state->mutex);
        state->inside.erase(key);
        state->changed.notify_all();
    });
}

const char* word_for(MachineState state) {
    switch (state) {
        case MachineState::off:
            return "off";
        case MachineState::starting:
            return "starting";
        case MachineState::running:
            return "running";
        case MachineState::pausing:
            return "pausing";
        case MachineState::paused:
            return "paused";
        case MachineState::stopping:
            return "shutting down";
        case MachineState::saving:
            return "being saved";
        case MachineState::saved:
            return "saved";
        case MachineState::crashed:
            return "crashed";
    }
    return "in an unknown state";
}

bool is_active(MachineState state) {
    using enum MachineState;
    return state != off && state != saved && state != crashed;
}

Error wrong_state(MachineState state, const std::string& doing, std::string_view uuid) {
    return {Status::invalid_state, "wsvirt.machine.state",
            "Cannot " + doing + " while it is " + word_for(state) + ".", std::string(uuid)};
}

Result<MachineState> state_now(const Connector& connector, virDomainPtr domain) {
    int state = 0;
    if (virDomainGetState(domain, &state, nullptr, 0) < 0) return last_error("look at the machine");
    switch (state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
            return MachineState::running;
        case VIR_DOMAIN_PAUSED:
        case VIR_DOMAIN_PMSUSPENDED:
            return MachineState::paused;
        case VIR_DOMAIN_SHUTDOWN:
            return MachineState::stopping;
        case VIR_DOMAIN_CRASHED:
            return virDomainIsActive(domain) == 1 ? MachineState::paused : MachineState::crashed;
        default:
            return has_saved_file(connector, domain) ? MachineState::saved : MachineState::off;
    }
}

namespace {
// For certain: what a host was asked for may be done after it has fallen silent.
bool has_failed(const Result<void>& r) {
    return !r && r.error().status != Status::unavailable && r.error().status != Status::timed_out &&
           r.error().status != Status::cancelled;
}
}  // namespace

Result<void> change_machine(const CorePtr& core, const Call& call, std::string_view uuid,
                            const Change& change, Work work, std::function<void(Session&)> undo) {
    if (!core->inventory->machine(uuid)) {
        // Perhaps made by others a moment ago; libvirt knows better.
        if (!is_guid(uuid)) return no_machine(uuid);
    }
    Gates::Pass pass;
    if (change.gated) {
        auto entered = core->gates.enter(call, uuid, change.gives_way);
        if (!entered) return entered.error();
        pass = std::move(*entered);
    }
    const std::vector<MachineState> from(change.from);
    return core->workers->run<void>(
        call, change.ask,
        [core, pass, from, passing = change.passing, doing = change.ask.doing, id = to_upper(uuid),
         work = std::move(work)](Session& s) -> Result<void> {
            const auto domain = find_domain(s.connection, id);
            if (!domain) return last_error_code() == VIR_ERR_NO_DOMAIN ? no_machine(id) : last_error(doing);
            if (!from.empty()) {
                auto state = state_now(*core->connector, domain.get());
                if (!state) return state.error();
                if (std::find(from.begin(), from.end(), *state) == from.end()) {
                    refresh(s.connection, id, *core->connector, *core->inventory);
                    return wrong_state(*state, doing, id);
                }
            }
            Result<void> result;
            {
                std::optional<Transition> transition;
                if (passing) transition.emplace(core->inventory, id, *passing);
                result = guarded("work on the machine", [&] { return work(s, domain.get()); });
                if (has_failed(result) && transition) transition->came_to_nothing();
                auto seen = refresh(s.connection, id, *core->connector, *core->inventory,
                                    result ? s.snapshot_added : "");
                // What has been done is done, also when the host is lost just after.
                if (result && !seen && seen.error().status != Status::unavailable) result = seen;
            }
            return result;
        },
        std::move(undo));
}

Result<void> set_autostart(virDomainPtr domain, bool on) {
    int now = 0;
    if (virDomainGetAutostart(domain, &now) == 0 && (now != 0) == on) return {};
    return checked(virDomainSetAutostart(domain, on ? 1 : 0), "set the automatic start");
}

std::function<void()> abort_job(const CorePtr& core, std::string_view uuid) {
    return [core, id = std::string(uuid)] {
        Call call;
        call.deadline = std::chrono::steady_clock::now() + core->settings().cancel_grace;
        core->workers->run<void>(call, {"cancel", core->settings().cancel_grace, false, {}, {}},
                                 [id](Session& s) -> Result<void> {
                                     const auto domain = find_domain(s.connection, id);
                                     if (!domain) return last_error("cancel");
                                     return checked(virDomainAbortJob(domain.get()), "cancel");
                                 });
    };
}

}  // namespace wsvirt::backend::libvirt
