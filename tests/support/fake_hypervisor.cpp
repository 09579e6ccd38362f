#include "support/fake_hypervisor.hpp"

#include "backend/libvirt/spec_xml.hpp"
#include "support/fake_hypervisor_state.hpp"

namespace wsvirt::testing {

using namespace wsvirt::backend;
using std::string;
using std::string_view;

namespace {

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

string random_mac() {
    const string guid = make_guid();
    return to_lower("52:54:00:" + guid.substr(0, 2) + ":" + guid.substr(2, 2) + ":" + guid.substr(4, 2));
}

void complete(MachineSpec& spec) {
    spec.uuid = to_upper(spec.uuid);
    for (Nic& n : spec.nics)
        if (n.mac.empty()) n.mac = random_mac();
    for (Disk& d : spec.disks)
        if (!d.path.empty() && d.format.empty()) d.format = iends_with(d.path, ".qcow2") ? "qcow2" : "raw";
}

const char* name_of_state(MachineState s) {
    switch (s) {
        case MachineState::off:
            return "off";
        case MachineState::running:
            return "running";
        case MachineState::paused:
            return "paused";
        case MachineState::saved:
            return "saved";
        case MachineState::crashed:
            return "crashed";
        default:
            return "in transition";
    }
}

}  // namespace

FakeHypervisor::FakeHypervisor(string host_name) : state_(std::make_shared<State>()) {
    HostInfo& h = state_->host;
    h.name = std::move(host_name);
    h.uuid = "11111111-2222-4333-8444-555555555501";
    h.hypervisor_version = "7.2.22";
    h.libvirt_version = "9.0.0";
    h.accelerator = "tcg";
    h.cpu_model = "Test CPU";
    h.cpu_vendor = "AMD";
    h.arch = "x86_64";
    h.cpus = 4;
    h.cores_per_socket = 4;
    h.mhz = 2000;
    h.memory_mib = 16384;
    h.free_memory_mib = 8192;
    h.uefi_available = h.secure_boot_available = true;
    h.max_processors = 255;
    state_->switches.push_back(
        {"C08CB7B8-9B3C-408E-8E30-5E16A3AEB444", "Default Switch", NicLink::user, "", true});
}

FakeHypervisor::~FakeHypervisor() = default;

// --- reads ---------------------------------------------------------------------------------------------

std::vector<std::shared_ptr<const Machine>> FakeHypervisor::machines() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::shared_ptr<const Machine>> r;
    for (const auto& e : state_->entries) r.push_back(e->machine);
    return r;
}

std::shared_ptr<const Machine> FakeHypervisor::machine(string_view uuid) const {
    const std::lock_guard lock(state_->mutex);
    for (const auto& e : state_->entries)
        if (iequals(e->machine->spec.uuid, uuid)) return e->machine;
    return nullptr;
}

HostInfo FakeHypervisor::host() const {
    const std::lock_guard lock(state_->mutex);
    return state_->host;
}

std::vector<SwitchInfo> FakeHypervisor::switches() const {
    const std::lock_guard lock(state_->mutex);
    return state_->switches;
}

bool FakeHypervisor::connected() const {
    const std::lock_guard lock(state_->mutex);
    return state_->connected;
}

bool FakeHypervisor::knows_since_when(string_view) const {
    const std::lock_guard lock(state_->mutex);
    return !state_->no_past;
}

std::shared_ptr<void> FakeHypervisor::subscribe(std::function<void(const Event&)> on_event) {
    const std::lock_guard lock(state_->subscribers_mutex);
    const int id = state_->next_subscriber++;
    state_->subscribers[id] = std::move(on_event);
    const std::weak_ptr<State> weak = state_;
    return std::shared_ptr<void>(nullptr, [weak, id](void*) {
        const auto state = weak.lock();
        if (!state) return;
        const std::lock_guard leave(state->subscribers_mutex);
        state->subscribers.erase(id);
    });
}

void FakeHypervisor::send(const Event& event) {
    std::vector<std::function<void(const Event&)>> all;
    {
        const std::lock_guard lock(state_->subscribers_mutex);
        for (const auto& [id, f] : state_->subscribers) all.push_back(f);
    }
    for (const auto& f : all) f(event);
}

// --- helpers -------------------------------------------------------------------------------------------

Error FakeHypervisor::no_machine(string_view uuid) {
    return {Status::not_found, "wsvirt.machine.unknown", "There is no machine with this identifier.",
            string(uuid)};
}

Error FakeHypervisor::wrong_state(const Machine& m, string_view operation) {
    return {Status::invalid_state, "wsvirt.machine.state",
            "The machine is " + string(name_of_state(m.state)) + "; " + string(operation) +
                " is not possible in this state.",
            m.spec.uuid};
}

FakeHypervisor::Entry* FakeHypervisor::find(string_view uuid) {
    for (const auto& e : state_->entries)
        if (iequals(e->machine->spec.uuid, uuid)) return e.get();
    return nullptr;
}

Result<void> FakeHypervisor::enter(const Call& call, const string& operation) {
    std::unique_lock lock(state_->mutex);
    ++state_->calls[operation];
    const bool free = state_->changed.wait_until(
        lock, call.stop, std::min(call.deadline, std::chrono::steady_clock::now() + std::chrono::hours(1)),
        [&] { return !state_->held.contains(operation); });
    if (call.stop.stop_requested())
        return Error{Status::cancelled, "wsvirt.call.cancelled", "The call was cancelled."};
    if (!free || call.deadline <= std::chrono::steady_clock::now())
        return Error{Status::timed_out, "wsvirt.call.deadline",
                     "The host did not finish in time; try again."};
    if (!state_->connected)
        return Error{Status::unavailable, "wsvirt.host.lost",
                     "The host does not answer at the moment; try again later."};
    if (const auto once = state_->fail_once.find(operation); once != state_->fail_once.end()) {
        Error e = std::move(once->second);
        state_->fail_once.erase(once);
        return e;
    }
    if (const auto always = state_->fail_always.find(operation); always != state_->fail_always.end())
        return always->second;
    return {};
}

// Called with the mutex held; the event goes out in the caller's thread, after the state is visible.
void FakeHypervisor::publish(Entry& entry, Machine changed, EventKind kind) {
    const auto before = entry.machine;
    if (kind == EventKind::state_changed) {
        changed.state_since_us = now_us();
        const bool was = before && active(before->state), is = active(changed.state);
        if (!was && is) {
            changed.id = state_->next_id++;
            changed.started_us = now_us();
        }
        if (!is) changed.id = -1;
        changed.has_saved_state = changed.state == MachineState::saved;
    }
    entry.machine = std::make_shared<const Machine>(std::move(changed));
    const Event event{kind, entry.machine->spec.uuid, before, entry.machine};
    state_->mutex.unlock();
    send(event);
    state_->mutex.lock();
}

Result<void> FakeHypervisor::change_state(const Call& call, const char* operation, string_view uuid,
                                          std::initializer_list<MachineState> from, MachineState to) {
    if (auto ok = enter(call, operation); !ok) return ok;
    const std::lock_guard lock(state_->mutex);
    Entry* e = find(uuid);
    if (!e) return no_machine(uuid);
    if (!state_->given_up_work.empty())
        return Error{Status::busy, "wsvirt.machine.busy", "Another operation has not finished."};
    if (std::find(from.begin(), from.end(), e->machine->state) == from.end())
        return wrong_state(*e->machine, operation);
    const auto show = [this, operation = string(operation)](Entry& entry, MachineState state) {
        Machine m = *entry.machine;
        m.state = state;
        m.state_reason = operation;
        publish(entry, std::move(m), EventKind::state_changed);
    };
    const auto given_up = state_->given_up.extract(operation);
    if (!given_up) {
        show(*e, to);
        return {};
    }
    state_->given_up_work.push_back([this, show, to, id = string(uuid)] { show(*find(id), to); });
    if (given_up.mapped()) show(*e, to == MachineState::saved ? MachineState::saving : MachineState::pausing);
    return Error{Status::timed_out, "wsvirt.call.deadline", "The host did not finish in time."};
}

// --- life ----------------------------------------------------------------------------------------------

Result<void> FakeHypervisor::define(const Call& call, const MachineSpec& spec) {
    if (auto ok = enter(call, "define"); !ok) return ok;
    if (!is_guid(spec.uuid))
        return Error{Status::invalid_parameter, "wsvirt.machine.uuid",
                     "A machine needs a GUID as identifier.", "uuid"};
    const std::lock_guard lock(state_->mutex);
    if (find(spec.uuid))
        return Error{Status::already_exists, "wsvirt.machine.exists",
                     "A machine with this identifier exists already; choose another identifier.", spec.uuid};
    Machine m;
    m.spec = spec;
    complete(m.spec);
    m.created_us = m.state_since_us = m.config_changed_us = now_us();
    return do_now_or_late("define", [this, m] {
        publish(*state_->entries.emplace_back(std::make_unique<Entry>()), m, EventKind::machine_added);
    });
}

// The mutex is held.
Result<void> FakeHypervisor::do_now_or_late(const string& operation, std::function<void()> work) {
    if (state_->late.erase(operation) == 0) {
        work();
        return {};
    }
    state_->late_work.push_back(std::move(work));
    state_->connected = false;
    return Error{Status::unavailable, "wsvirt.host.lost", "The host does not answer at the moment."};
}

Result<void> FakeHypervisor::redefine(const Call& call, const MachineSpec& spec) {
    if (auto ok = enter(call, "redefine"); !ok) return ok;
    const std::lock_guard lock(state_->mutex);
    const Entry* e = find(spec.uuid);
    if (!e) return no_machine(spec.uuid);
    Machine m = *e->machine;
    m.spec = spec;
    m.config_changed_us = now_us();
    complete(m.spec);
    return do_now_or_late("redefine", [this, m] {
        Entry* known = find(m.spec.uuid);
        auto& changed = known ? *known : *state_->entries.emplace_back(std::make_unique<Entry>());
        publish(changed, m, known ? EventKind::machine_changed : EventKind::machine_added);
    });
}

Result<void> FakeHypervisor::forget(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "forget"); !ok) return ok;
    return undefine({}, uuid);
}

Result<void> FakeHypervisor::undefine(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "undefine"); !ok) return ok;
    std::shared_ptr<const Machine> before;
    {
        const std::lock_guard lock(state_->mutex);
        Entry* e = find(uuid);
        if (!e) return no_machine(uuid);
        before = e->machine;
        if (before->state != MachineState::off && before->state != MachineState::saved)
            return wrong_state(*before, "undefine");
        std::erase_if(state_->entries, [&](const auto& x) { return x.get() == e; });
    }
    send({EventKind::machine_removed, before->spec.uuid, before, nullptr});
    return {};
}

Result<void> FakeHypervisor::start(const Call& call, string_view uuid) {
    using enum MachineState;
    return change_state(call, "start", uuid, {off, saved, crashed}, running);
}

Result<void> FakeHypervisor::power_off(const Call& call, string_view uuid) {
    using enum MachineState;
    return change_state(call, "power_off", uuid, {running, paused, stopping, crashed}, off);
}

Result<void> FakeHypervisor::shut_down(const Call& call, string_view uuid) {
    bool ignored = false;
    {
        const std::lock_guard lock(state_->mutex);
        ignored = state_->ignore_shut_down;
    }
    if (!ignored) return change_state(call, "shut_down", uuid, {MachineState::running}, MachineState::off);
    auto begun = change_state(call, "shut_down", uuid, {MachineState::running}, MachineState::stopping);
    if (!begun) return begun;
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_until(
        lock, call.stop, std::min(call.deadline, std::chrono::steady_clock::now() + std::chrono::hours(1)),
        [] { return false; });
    if (Entry* e = find(uuid); e && e->machine->state == MachineState::stopping) {
        Machine m = *e->machine;
        m.state = MachineState::running;
        publish(*e, std::move(m), EventKind::state_changed);
    }
    if (call.stop.stop_requested())
        return Error{Status::cancelled, "wsvirt.call.cancelled", "The call was cancelled."};
    return Error{Status::timed_out, "wsvirt.machine.guest_silent",
                 "The guest did not shut down in time; turn the machine off instead."};
}

Result<void> FakeHypervisor::suspend(const Call& call, string_view uuid) {
    return change_state(call, "suspend", uuid, {MachineState::running}, MachineState::paused);
}

Result<void> FakeHypervisor::resume(const Call& call, string_view uuid) {
    return change_state(call, "resume", uuid, {MachineState::paused}, MachineState::running);
}

Result<void> FakeHypervisor::save(const Call& call, string_view uuid) {
    using enum MachineState;
    return change_state(call, "save", uuid, {running, paused}, saved);
}

Result<void> FakeHypervisor::discard_saved_state(const Call& call, string_view uuid) {
    return change_state(call, "discard_saved_state", uuid, {MachineState::saved}, MachineState::off);
}

Result<void> FakeHypervisor::reset(const Call& call, string_view uuid) {
    using enum MachineState;
    const auto m = machine(uuid);
    return change_state(call, "reset", uuid, {running, paused}, m ? m->state : running);
}

Result<void> FakeHypervisor::reboot(const Call& call, string_view uuid) {
    return change_state(call, "reboot", uuid, {MachineState::running}, MachineState::running);
}

Result<void> FakeHypervisor::inject_nmi(const Call& call, string_view uuid) {
    return change_state(call, "inject_nmi", uuid, {MachineState::running}, MachineState::running);
}

Result<void> FakeHypervisor::send_keys(const Call& call, string_view uuid,
                                       const std::vector<unsigned>& keys) {
    if (keys.empty())
        return Error{Status::invalid_parameter, "wsvirt.keys.none", "No keys were given.", "keycodes"};
    return change_state(call, "send_keys", uuid, {MachineState::running}, MachineState::running);
}

Result<void> FakeHypervisor::freeze(const Call& call, string_view uuid) {
    const auto m = machine(uuid);
    if (m && !m->agent_connected)
        return Error{Status::not_supported, "wsvirt.machine.no_agent", "The guest has no agent.",
                     string(uuid)};
    return change_state(call, "freeze", uuid, {MachineState::running}, MachineState::running);
}

Result<void> FakeHypervisor::thaw(const Call& call, string_view uuid) {
    return change_state(call, "thaw", uuid, {MachineState::running}, MachineState::running);
}

Result<MachineStats> FakeHypervisor::stats(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "stats"); !ok) return ok.error();
    const auto m = machine(uuid);
    if (!m) return no_machine(uuid);
    MachineStats s;
    if (active(m->state)) {
        s.cpu_time_ns = static_cast<std::uint64_t>(now_us() - m->started_us) * 100;
        s.memory_actual_mib = m->spec.memory_mib;
    }
    return s;
}

Result<string> FakeHypervisor::screenshot(const Call& call, string_view uuid) {
    if (auto ok = enter(call, "screenshot"); !ok) return ok.error();
    const auto m = machine(uuid);
    if (!m) return no_machine(uuid);
    if (!active(m->state)) return wrong_state(*m, "screenshot");
    return string("P6\n2 1\n255\n") + string("\xff\x00\x00\x00\x00\xff", 6);
}

Result<string> FakeHypervisor::spec_to_text(const MachineSpec& spec) const {
    const std::lock_guard lock(state_->mutex);
    if (auto failure = state_->fail_once.extract("spec_to_text"); !failure.empty()) return failure.mapped();
    return libvirt::spec_text({spec, 0, 0});
}

Result<MachineSpec> FakeHypervisor::spec_from_text(string_view text) const {
    auto kept = libvirt::spec_from_text(text);
    if (!kept) return kept.error();
    return std::move(kept->spec);
}

}  // namespace wsvirt::testing
