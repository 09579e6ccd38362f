#include "cim/providers/migration_service/last_places.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "backend/cluster.hpp"
#include "backend/place_sight.hpp"
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/settle.hpp"

namespace wsvirt::cim::migration_service {

namespace {

constexpr std::string_view kind = "last_place";

void tell(const HostEntry& host, std::string_view guid, bool here) {
    if (auto* sight = dynamic_cast<backend::PlaceSight*>(host.hypervisor)) sight->set_last_here(guid, here);
}

// Each host is asked once: what it has may be gone a moment later.
struct Seen {
    HostEntry host;
    backend::Sighting now;
};

// Where it is without a doubt: not off there, or off with a change that is later than the others' can be.
// Null: nobody knows.
const HostEntry* certain_place(const std::vector<Seen>& having, std::string_view guid) {
    const auto rather = [](const Seen& a, const Seen& b) { return backend::is_rather(b.now, a.now); };
    const auto best = std::max_element(having.begin(), having.end(), rather);
    if (best == having.end()) return nullptr;
    if (best->now.connected && !backend::is_off(*best->now.machine)) return &best->host;
    const bool all_off = std::all_of(having.begin(), having.end(), [](const Seen& s) {
        return s.now.connected && backend::is_off(*s.now.machine);
    });
    const auto earlier = [](const Seen& a, const Seen& b) {
        return a.now.machine->state_since_us < b.now.machine->state_since_us;
    };
    const auto last = std::max_element(having.begin(), having.end(), earlier);
    return all_off && backend::knows_since_when(*last->now.host, guid) ? &last->host : nullptr;
}

// What stands still may be the half of a migration, whose other half runs on a host that is silent.
bool is_here(const backend::Machine& m) {
    return !backend::is_off(m) && m.state != backend::MachineState::paused;
}

// Of the machine's state.
struct Change {
    const backend::Hypervisor* host = nullptr;
    std::int64_t since_us = 0;  // of the state before
};

class Places {
  public:
    explicit Places(Services& services) : services_(services), hosts_(hosts_of(services)) {}

    void look(const std::string& guid, const Change& change = {}) {
        const std::lock_guard lock(mutex_);
        std::vector<Seen> having;
        bool all_answer = true, gone_from_there = false;
        for (const auto& h : hosts_) {
            backend::Sighting now{h.hypervisor->connected(), h.hypervisor->machine(guid), h.hypervisor};
            all_answer &= now.connected;
            gone_from_there |= !now.machine && now.connected && backend::was_last_on(*h.hypervisor, guid);
            if (now.machine) having.push_back({h, std::move(now)});
        }
        // The one that has it may be one of several: the others do not answer.
        const bool may_be_several = having.size() > 1 || (!all_answer && is_noted(guid));
        const auto* place = may_be_several ? certain_place(having, guid) : nullptr;
        take_back_start(having, guid);
        if (place && (having.size() > 1 || is_here(*having.front().now.machine)))
            note(having, guid, *place, change);
        else if (gone_from_there || (all_answer && having.size() < 2))
            forget(guid);
    }

    // Those of several hosts, and those that were.
    void look_at_all() {
        std::set<std::string, ILess> seen, several;
        for (const auto& h : hosts_)
            for (const auto& m : h.hypervisor->machines())
                if (!seen.insert(m->spec.uuid).second) several.insert(m->spec.uuid);
        if (const auto rows = services_.store.list(kind))
            for (const auto& row : *rows) several.insert(row.key);
        for (const auto& guid : several) look(guid);
    }

  private:
    bool is_noted(const std::string& guid) const {
        return std::any_of(hosts_.begin(), hosts_.end(),
                           [&](const auto& h) { return backend::was_last_on(*h.hypervisor, guid); });
    }
    static const Seen* seen_on(const std::vector<Seen>& having, const backend::Hypervisor* host) {
        const auto it = std::find_if(having.begin(), having.end(),
                                     [&](const Seen& s) { return s.host.hypervisor == host; });
        return it == having.end() ? nullptr : &*it;
    }
    // A start may go through although its host has fallen silent, so it counts from its beginning.
    void note(const std::vector<Seen>& having, const std::string& guid, const HostEntry& place,
              const Change& change) {
        const auto* seen = seen_on(having, place.hypervisor);
        const bool starts = seen && seen->now.machine->state == backend::MachineState::starting;
        if (starts && change.host != place.hypervisor) return;  // that host's own event comes
        if (starts && !begun_.contains(guid) && !backend::was_last_on(*place.hypervisor, guid)) {
            Begun b{place, {}, change.since_us};
            for (const auto& h : hosts_)
                if (backend::was_last_on(*h.hypervisor, guid)) b.former = h;
            begun_.emplace(guid, std::move(b));
        }
        write(guid, place);
    }
    // Of one that has failed for certain: the machine is off there since before.
    void take_back_start(const std::vector<Seen>& having, const std::string& guid) {
        const auto it = begun_.find(guid);
        if (it == begun_.end()) return;
        const auto* seen = seen_on(having, it->second.place.hypervisor);
        if (seen && (!seen->now.connected || seen->now.machine->state == backend::MachineState::starting))
            return;
        const Begun b = std::move(it->second);
        begun_.erase(it);
        if (!seen || !backend::is_off(*seen->now.machine)) return;
        if (seen->now.machine->state_since_us != b.off_since) return;  // it ran meanwhile
        if (b.former)
            write(guid, *b.former);
        else
            forget(guid);
    }
    void write(const std::string& guid, const HostEntry& place) {
        if (backend::was_last_on(*place.hypervisor, guid)) return;
        for (const auto& h : hosts_) tell(h, guid, h.hypervisor == place.hypervisor);
        (void)services_.store.put(kind, to_upper(guid), place.name);
    }
    void forget(const std::string& guid) {
        if (!is_noted(guid)) return;
        for (const auto& h : hosts_) tell(h, guid, false);
        (void)services_.store.erase(kind, to_upper(guid));
    }

    Services& services_;
    const std::vector<HostEntry> hosts_;
    std::mutex mutex_;
    struct Begun {
        HostEntry place;
        std::optional<HostEntry> former;
        std::int64_t off_since = 0;
    };
    std::map<std::string, Begun, ILess> begun_;  // starts that made a host the one that it was on last
};

Error not_known(const std::string& name, const std::string& guid, const HostEntry& here,
                const HostEntry& other, const std::string& why) {
    return Error(
        Status::invalid_state, "wsvirt.machine.two_places",
        "The hosts \"" + here.name + "\" and \"" + other.name + "\" both have \"" + name + "\", " + why,
        guid);
}

}  // namespace

void recall_places(Services& services) {
    const auto rows = services.store.list(kind);
    if (!rows) return;
    const auto hosts = hosts_of(services);
    for (const auto& row : *rows) {
        const auto it =
            std::find_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h.name == row.text; });
        if (it != hosts.end())
            tell(*it, row.key, true);
        else
            (void)services.store.erase(kind, row.key);  // a host that is gone for good
    }
}

std::vector<std::shared_ptr<void>> watch_places(Services& services) {
    const auto places = std::make_shared<Places>(services);
    std::vector<std::shared_ptr<void>> all;
    for (const auto& host : hosts_of(services))
        all.push_back(host.hypervisor->subscribe([places, at = host.hypervisor](const backend::Event& e) {
            using backend::EventKind;
            if (e.kind == EventKind::host_back) places->look_at_all();
            if (e.kind == EventKind::machine_added || e.kind == EventKind::machine_removed ||
                e.kind == EventKind::state_changed)
                places->look(e.machine, {at, e.before ? e.before->state_since_us : 0});
        }));
    places->look_at_all();
    return all;
}

Result<void> check_was_last_there(const Services& services, const HostEntry& place,
                                  std::string_view machine) {
    const auto m = place.hypervisor->machine(machine);
    if (!m || !backend::is_off(*m)) return {};
    for (const auto& h : hosts_of(services)) {
        if (h.hypervisor == place.hypervisor || is_left_over(services, m->spec.uuid, h)) continue;
        const auto there = h.hypervisor->machine(machine);
        const bool was_there = backend::was_last_on(*h.hypervisor, machine);
        if (!h.hypervisor->connected() && was_there && (!there || is_cluster(services)))
            return not_known(m->spec.name, m->spec.uuid, place, h,
                             "and it was last on \"" + h.name +
                                 "\", which does not answer. Wait until it answers, or take it out of this "
                                 "service's configuration when it is gone for good.");
        if (!there || !is_cluster(services) || backend::was_last_on(*place.hypervisor, machine) ||
            backend::knows_since_when(*place.hypervisor, machine))
            continue;
        return not_known(m->spec.name, m->spec.uuid, place, h,
                         "off, and which of them it was on last is not known. Remove its definition where it "
                         "is not wanted (virsh undefine), or start it on the host that you mean, by "
                         "root/virtualization/v2 of this host or by virsh.");
    }
    return {};
}

}  // namespace wsvirt::cim::migration_service
