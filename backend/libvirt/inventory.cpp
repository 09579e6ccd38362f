#include "backend/libvirt/inventory.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "backend/libvirt/guarded.hpp"
#include "backend/libvirt/spec_xml.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

namespace {

struct Since {
    MachineState state;
    std::int64_t us;
    bool known;
};

struct Entry {
    std::shared_ptr<const Machine> machine;  // null: gone, kept so that an older look cannot bring it back
    MachineState real = MachineState::off;
    std::optional<MachineState> transition;
    std::optional<Since> before_transition;
    bool snapshots_aside = false, taking_snapshot = false, since_known = false;
    Inventory::Ticket ticket = 0;
};

constexpr std::size_t kept_tombstones = 10'000;

// The text leaves out what is not kept; most are the same all over, which costs less to see.
bool same_spec(const MachineSpec& a, const MachineSpec& b) {
    return a == b || spec_text({a, 0, 0}) == spec_text({b, 0, 0});
}

bool same(const UnknownDevices& a, const UnknownDevices& b) {
    return a.disks == b.disks && a.devices == b.devices && a.connections == b.connections;
}

bool same(const SnapshotInfo& a, const SnapshotInfo& b) {
    return a.id == b.id && a.parent == b.parent && a.current == b.current && a.has_memory == b.has_memory &&
           a.external == b.external && a.created_us == b.created_us && same(a.unknown, b.unknown) &&
           same_spec(a.spec, b.spec);
}

bool same_settings(const Machine& a, const Machine& b) {
    return a.persistent == b.persistent && a.agent_connected == b.agent_connected &&
           a.config_changed_us == b.config_changed_us && a.has_saved_state == b.has_saved_state &&
           a.nvram_file == b.nvram_file && same(a.unknown, b.unknown) &&
           std::equal(a.snapshots.begin(), a.snapshots.end(), b.snapshots.begin(), b.snapshots.end(),
                      [](const auto& x, const auto& y) { return same(x, y); }) &&
           same_spec(a.spec, b.spec);
}

bool active(MachineState s) {
    using enum MachineState;
    return s != off && s != saved && s != crashed;
}

}  // namespace

struct Inventory::State {
    mutable std::shared_mutex mutex;
    std::unordered_map<std::string, Entry, IHash, IEqual> entries;
    // creation time, then identifier: the order that readers see
    std::map<std::pair<std::int64_t, std::string>, std::shared_ptr<const Machine>> ordered;
    std::size_t tombstones = 0;
    bool connected = false;
    std::atomic<Ticket> next{1};

    std::mutex event_mutex;  // taken last
    std::condition_variable event_added;
    std::deque<Event> events;
    bool stopping = false;
    std::mutex subscriber_mutex;
    std::map<std::uint64_t, std::shared_ptr<std::function<void(const Event&)>>> subscribers;
    std::uint64_t next_subscriber = 0;
    std::optional<std::uint64_t> told;  // the one whose callback runs
    std::condition_variable callback_ended;
    std::thread thread;

    void send(Event e) {
        const std::lock_guard lock(event_mutex);
        events.push_back(std::move(e));
        event_added.notify_one();
    }
    void deliver();
    void tell(std::uint64_t subscriber, const Event& e);
    void unsubscribe(std::uint64_t subscriber);
    void put(Entry& entry, Machine machine, const std::optional<Since>& since = {});
    void drop(Entry& entry, const std::string& uuid);
};

void Inventory::State::deliver() {
    std::unique_lock lock(event_mutex);
    for (;;) {
        event_added.wait(lock, [this] { return stopping || !events.empty(); });
        if (stopping) return;
        const Event e = std::move(events.front());
        events.pop_front();
        lock.unlock();
        std::vector<std::uint64_t> all;
        {
            const std::lock_guard subscriber_lock(subscriber_mutex);
            for (const auto& [id, f] : subscribers) all.push_back(id);
        }
        for (const auto id : all) tell(id, e);
        lock.lock();
    }
}

// Unless it has unsubscribed meanwhile.
void Inventory::State::tell(std::uint64_t subscriber, const Event& e) {
    std::shared_ptr<std::function<void(const Event&)>> callback;
    {
        const std::lock_guard lock(subscriber_mutex);
        const auto it = subscribers.find(subscriber);
        if (it == subscribers.end()) return;
        callback = it->second;
        told = subscriber;
    }
    (void)guarded("tell of an event", [&]() -> Result<void> {
        (*callback)(e);
        return {};
    });
    callback.reset();
    const std::lock_guard lock(subscriber_mutex);
    told.reset();
    callback_ended.notify_all();
}

// What the callback works with may be gone afterwards.
void Inventory::State::unsubscribe(std::uint64_t subscriber) {
    std::unique_lock lock(subscriber_mutex);
    subscribers.erase(subscriber);
    if (std::this_thread::get_id() == thread.get_id()) return;  // from inside of a callback
    callback_ended.wait(lock, [&] { return told != subscriber; });
}

// With the mutex held. Fills what only the history knows: since when, created when.
void Inventory::State::put(Entry& entry, Machine machine, const std::optional<Since>& since) {
    const auto before = entry.machine;
    entry.real = machine.state;
    if (entry.transition) machine.state = *entry.transition;
    if (entry.snapshots_aside && before && machine.snapshots.empty()) machine.snapshots = before->snapshots;
    if (machine.created_us == 0) machine.created_us = before ? before->created_us : now_us();
    if (before && before->state == machine.state) {
        machine.state_since_us = before->state_since_us;
    } else if (since) {
        machine.state_since_us = since->us;
        entry.since_known = since->known;
    } else {
        entry.since_known = connected || (!before && machine.state_since_us != 0);
        if (before || machine.state_since_us == 0) machine.state_since_us = now_us();
    }
    if (active(machine.state)) {
        if (before && active(before->state) && before->id == machine.id && before->started_us != 0)
            machine.started_us = before->started_us;
        else if (machine.started_us == 0)
            machine.started_us = now_us();
    }
    const bool was_there = bool(before);
    const bool state_changed = before && (before->state != machine.state || before->id != machine.id);
    const bool settings_changed = before && !same_settings(*before, machine);
    if (was_there && !state_changed && !settings_changed && before->state_reason == machine.state_reason)
        return;
    const auto after = std::make_shared<const Machine>(std::move(machine));
    if (before) ordered.erase({before->created_us, before->spec.uuid});
    entry.machine = after;
    ordered[{after->created_us, after->spec.uuid}] = after;
    if (!was_there) send({EventKind::machine_added, after->spec.uuid, nullptr, after});
    if (settings_changed) send({EventKind::machine_changed, after->spec.uuid, before, after});
    if (state_changed) send({EventKind::state_changed, after->spec.uuid, before, after});
}

void Inventory::State::drop(Entry& entry, const std::string& uuid) {
    if (!entry.machine) return;
    const auto before = std::exchange(entry.machine, nullptr);
    ordered.erase({before->created_us, before->spec.uuid});
    entry.transition.reset();
    entry.before_transition.reset();
    entry.snapshots_aside = entry.taking_snapshot = false;
    send({EventKind::machine_removed, uuid, before, nullptr});
    if (++tombstones > kept_tombstones) {
        std::erase_if(entries, [](const auto& e) { return !e.second.machine; });
        tombstones = 0;
    }
}

Inventory::Inventory() : state_(std::make_shared<State>()) {
    state_->thread = std::thread([state = state_.get()] { state->deliver(); });
}

Inventory::~Inventory() {
    {
        const std::lock_guard lock(state_->event_mutex);
        state_->stopping = true;
        state_->event_added.notify_all();
    }
    state_->thread.join();
}

Inventory::Ticket Inventory::draw() {
    return state_->next++;
}

void Inventory::seen(Ticket ticket, Machine machine) {
    const std::lock_guard lock(state_->mutex);
    Entry& e = state_->entries[machine.spec.uuid];
    if (ticket < e.ticket) return;
    e.ticket = ticket;
    state_->put(e, std::move(machine));
}

void Inventory::gone(Ticket ticket, std::string_view uuid) {
    const std::lock_guard lock(state_->mutex);
    const std::string id = to_upper(uuid);
    Entry& e = state_->entries[id];
    if (ticket < e.ticket) return;
    e.ticket = ticket;
    state_->drop(e, id);
}

void Inventory::only(Ticket ticket, const std::vector<std::string>& uuids) {
    const std::set<std::string, ILess> there(uuids.begin(), uuids.end());
    std::vector<std::string> missing;
    {
        const std::shared_lock lock(state_->mutex);
        for (const auto& [uuid, e] : state_->entries)
            if (e.machine && !there.contains(uuid)) missing.push_back(uuid);
    }
    for (const auto& uuid : missing) gone(ticket, uuid);
}

void Inventory::set_transition(std::string_view uuid, MachineState state) {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    if (it == state_->entries.end() || !it->second.machine) return;
    Entry& e = it->second;
    Machine m = *e.machine;
    if (!e.transition) e.before_transition = Since{m.state, m.state_since_us, e.since_known};
    e.transition = state;
    m.state = e.real;
    state_->put(e, std::move(m));
}

void Inventory::end_transition(std::string_view uuid, bool nothing_came_of_it) {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    if (it == state_->entries.end() || !it->second.machine) return;
    Entry& e = it->second;
    Machine m = *e.machine;
    m.state = e.real;
    e.transition.reset();
    auto before = std::exchange(e.before_transition, {});
    if (!nothing_came_of_it || (before && before->state != e.real)) before.reset();
    state_->put(e, std::move(m), before);
}

void Inventory::set_snapshots_aside(std::string_view uuid, bool aside) {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    if (it != state_->entries.end() && it->second.machine) it->second.snapshots_aside = aside;
}

void Inventory::set_taking_snapshot(std::string_view uuid, bool taking) {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    if (it != state_->entries.end() && it->second.machine) it->second.taking_snapshot = taking;
}

bool Inventory::takes_snapshot(std::string_view uuid) const {
    const std::shared_lock lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    return it != state_->entries.end() && it->second.taking_snapshot;
}

void Inventory::set_connected(bool connected) {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->connected, connected) == connected) return;
    state_->send({connected ? EventKind::host_back : EventKind::host_lost, "", nullptr, nullptr});
}

std::vector<std::shared_ptr<const Machine>> Inventory::machines() const {
    const std::shared_lock lock(state_->mutex);
    std::vector<std::shared_ptr<const Machine>> r;
    r.reserve(state_->ordered.size());
    for (const auto& [key, m] : state_->ordered) r.push_back(m);
    return r;
}

std::shared_ptr<const Machine> Inventory::machine(std::string_view uuid) const {
    const std::shared_lock lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    return it == state_->entries.end() ? nullptr : it->second.machine;
}

std::shared_ptr<const Machine> Inventory::seen_since(Ticket ticket, std::string_view uuid) const {
    const std::shared_lock lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    return it == state_->entries.end() || it->second.ticket < ticket ? nullptr : it->second.machine;
}

bool Inventory::connected() const {
    const std::shared_lock lock(state_->mutex);
    return state_->connected;
}

bool Inventory::knows_since_when(std::string_view uuid) const {
    const std::shared_lock lock(state_->mutex);
    const auto it = state_->entries.find(uuid);
    return it != state_->entries.end() && it->second.machine && it->second.since_known;
}

std::shared_ptr<void> Inventory::subscribe(std::function<void(const Event&)> on_event) {
    const std::lock_guard lock(state_->subscriber_mutex);
    const auto id = state_->next_subscriber++;
    state_->subscribers[id] = std::make_shared<std::function<void(const Event&)>>(std::move(on_event));
    return std::shared_ptr<void>(nullptr, [weak = std::weak_ptr<State>(state_), id](void*) {
        if (const auto state = weak.lock()) state->unsubscribe(id);
    });
}

}  // namespace wsvirt::backend::libvirt
