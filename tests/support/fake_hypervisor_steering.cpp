// FakeHypervisor: what tests make it do.
#include "support/fake_hypervisor_state.hpp"

namespace wsvirt::testing {

using namespace wsvirt::backend;
using std::string;
using std::string_view;

void FakeHypervisor::fail_next(const string& operation, Error error) {
    const std::lock_guard lock(state_->mutex);
    state_->fail_once[operation] = std::move(error);
}

void FakeHypervisor::fail_always(const string& operation, Error error) {
    const std::lock_guard lock(state_->mutex);
    state_->fail_always[operation] = std::move(error);
}

void FakeHypervisor::clear_failures() {
    const std::lock_guard lock(state_->mutex);
    state_->fail_once.clear();
    state_->fail_always.clear();
}

void FakeHypervisor::hold(const string& operation) {
    const std::lock_guard lock(state_->mutex);
    state_->held.insert(operation);
}

void FakeHypervisor::release(const string& operation) {
    const std::lock_guard lock(state_->mutex);
    state_->held.erase(operation);
    state_->changed.notify_all();
}

unsigned FakeHypervisor::calls(const string& operation) const {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->calls.find(operation);
    return it == state_->calls.end() ? 0 : it->second;
}

void FakeHypervisor::set_host(HostInfo info) {
    const std::lock_guard lock(state_->mutex);
    state_->host = std::move(info);
}

void FakeHypervisor::add_switch(SwitchInfo info) {
    const std::lock_guard lock(state_->mutex);
    state_->switches.push_back(std::move(info));
}

void FakeHypervisor::set_connected(bool yes) {
    {
        const std::lock_guard lock(state_->mutex);
        if (std::exchange(state_->connected, yes) == yes) return;
    }
    send({yes ? EventKind::host_back : EventKind::host_lost, "", nullptr, nullptr});
    if (!yes) return;
    const std::lock_guard lock(state_->mutex);
    for (const auto& work : std::exchange(state_->late_work, {})) work();
}

void FakeHypervisor::do_late(const string& operation) {
    const std::lock_guard lock(state_->mutex);
    state_->late.insert(operation);
}

void FakeHypervisor::give_up(const string& operation, bool shows) {
    const std::lock_guard lock(state_->mutex);
    state_->given_up[operation] = shows;
}

void FakeHypervisor::finish_given_up() {
    const std::lock_guard lock(state_->mutex);
    for (const auto& work : std::exchange(state_->given_up_work, {})) work();
}

void FakeHypervisor::knows_no_past(bool yes) {
    const std::lock_guard lock(state_->mutex);
    state_->no_past = yes;
}

void FakeHypervisor::show(const Machine& machine) {
    const std::lock_guard lock(state_->mutex);
    publish(*state_->entries.emplace_back(std::make_unique<Entry>()), machine, EventKind::machine_added);
}

void FakeHypervisor::change_behind_back(const Machine& machine) {
    Event event{EventKind::state_changed, machine.spec.uuid, nullptr, std::make_shared<Machine>(machine)};
    {
        const std::lock_guard lock(state_->mutex);
        Entry* e = find(machine.spec.uuid);
        if (!e) return;
        event.before = std::exchange(e->machine, event.after);
    }
    send(event);
}

void FakeHypervisor::fail_to_start(string_view uuid) {
    std::unique_lock lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return;
    const auto before = e->machine;
    Machine m = *before;
    m.state = MachineState::starting;
    publish(*e, std::move(m), EventKind::state_changed);
    const auto tried = std::exchange(e->machine, before);
    const Event event{EventKind::state_changed, before->spec.uuid, tried, before};
    lock.unlock();
    send(event);
}

void FakeHypervisor::kill_machine(string_view uuid) {
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e || !active(e->machine->state)) return;
    Machine m = *e->machine;
    m.state = MachineState::off;
    m.state_reason = "crashed";
    publish(*e, std::move(m), EventKind::state_changed);
}

void FakeHypervisor::remove_behind_back(string_view uuid) {
    std::shared_ptr<const Machine> before;
    {
        const std::lock_guard lock(state_->mutex);
        Entry* e = find(uuid);
        if (!e) return;
        before = e->machine;
        std::erase_if(state_->entries, [&](const auto& x) { return x.get() == e; });
    }
    send({EventKind::machine_removed, before->spec.uuid, before, nullptr});
}

void FakeHypervisor::ignore_shut_down(bool yes) {
    const std::lock_guard lock(state_->mutex);
    state_->ignore_shut_down = yes;
}

void FakeHypervisor::set_agent(string_view uuid, bool connected) {
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return;
    Machine m = *e->machine;
    m.agent_connected = connected;
    publish(*e, std::move(m), EventKind::machine_changed);
}

}  // namespace wsvirt::testing
