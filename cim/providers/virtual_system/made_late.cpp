#include "cim/providers/virtual_system/made_late.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <sstream>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/virtual_system/taking_back.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::string_view kind = "made_late";
// What a host was asked so long ago, and has not while it answers, it does not make any more.
constexpr std::int64_t kept_us = 24 * 3600 * std::int64_t{1'000'000};

struct Noted {
    Attempt attempt;
    std::int64_t ended_us = 0;
};

std::optional<Noted> parse(const std::string& guid, const std::string& text) {
    Noted n;
    n.attempt.guid = guid;
    std::istringstream in(text);
    if (!(in >> n.attempt.begun_us >> n.ended_us >> n.attempt.snapshots >> n.attempt.saved)) return {};
    return n;
}

std::optional<Noted> noted(Services& services, const std::string& guid) {
    const auto text = services.store.get(kind, to_upper(guid));
    return text && *text ? parse(guid, **text) : std::nullopt;
}

std::vector<Noted> all_noted(Services& services) {
    std::vector<Noted> out;
    if (const auto rows = services.store.list(kind))
        for (const auto& row : *rows)
            if (auto n = parse(row.key, row.text)) out.push_back(std::move(*n));
    return out;
}

bool may_be_done_yet(const Error& why) {
    return why.status == Status::unavailable || why.status == Status::timed_out ||
           why.status == Status::cancelled || why.status == Status::failed;
}

// Half made ones are taken back as such.
bool is_of(const Noted& n, const backend::Machine& m) {
    using backend::MachineState;
    const bool at_rest = m.state == MachineState::off || (n.attempt.saved && m.state == MachineState::saved);
    return at_rest && m.created_us >= n.attempt.begun_us && m.created_us <= n.ended_us &&
           m.config_changed_us <= n.ended_us && m.snapshots.size() <= n.attempt.snapshots &&
           (n.attempt.saved || !m.has_saved_state) && !export_import::is_half_made(m.spec);
}

// What has been made is taken back first.
void drop_old(Services& services) {
    const auto hosts = migration_service::hosts_of(services);
    if (!std::all_of(hosts.begin(), hosts.end(), [](const auto& h) { return h.hypervisor->connected(); }))
        return;
    for (const auto& n : all_noted(services)) {
        const bool is_there = std::any_of(hosts.begin(), hosts.end(), [&](const auto& h) {
            const auto m = h.hypervisor->machine(n.attempt.guid);
            return m && is_of(n, *m);
        });
        if (!is_there && now_us() - n.ended_us > kept_us)
            (void)services.store.erase(kind, to_upper(n.attempt.guid));
    }
}

void note(Services& services, const Attempt& attempt) {
    drop_old(services);
    auto begun = attempt.begun_us;
    if (const auto before = noted(services, attempt.guid)) begun = std::min(begun, before->attempt.begun_us);
    std::ostringstream text;
    text << begun << ' ' << now_us() << ' ' << attempt.snapshots << ' ' << attempt.saved;
    (void)services.store.put(kind, to_upper(attempt.guid), text.str());
}

Result<void> take_back(Services& services, const std::string& guid) {
    const auto n = noted(services, guid);
    if (!n) return {};
    for (const auto& host : migration_service::hosts_of(services)) {
        const auto m = host.hypervisor->machine(guid);
        if (!m || !host.hypervisor->connected() || !is_of(*n, *m)) continue;
        auto gone = host.hypervisor->forget({}, guid);
        // What the call left to its host may have removed it just now.
        if (!gone && gone.error().status != Status::not_found) return gone;
    }
    return {};
}

void take_back_soon(Services& services, const std::string& guid) {
    take_back_later(services, "made late", guid, [&services, guid] { return take_back(services, guid); });
}

void take_back_all(Services& services, const backend::Hypervisor& host) {
    for (const auto& n : all_noted(services))
        if (const auto m = host.machine(n.attempt.guid); m && is_of(n, *m))
            take_back_soon(services, n.attempt.guid);
    drop_old(services);
}

}  // namespace

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

void attempted(Services& services, const Attempt& attempt, const Result<void>& result) {
    if (result) {
        if (noted(services, attempt.guid)) (void)services.store.erase(kind, to_upper(attempt.guid));
        return;
    }
    if (!may_be_done_yet(result.error())) return;
    note(services, attempt);
    (void)take_back(services, attempt.guid);  // where it showed before it was noted
}

void recover_made_late(Services& services) {
    for (const auto& n : all_noted(services)) (void)take_back(services, n.attempt.guid);
    drop_old(services);
}

std::vector<std::shared_ptr<void>> watch_made_late(Services& services) {
    std::vector<std::shared_ptr<void>> all;
    const auto hosts = migration_service::hosts_of(services);
    for (const auto& host : hosts)
        all.push_back(host.hypervisor->subscribe([&services, h = host.hypervisor](const backend::Event& e) {
            using backend::EventKind;
            if (e.kind == EventKind::host_back) take_back_all(services, *h);
            // A change may be the last step of making it.
            const bool shows = e.kind == EventKind::machine_added || e.kind == EventKind::machine_changed;
            if (!shows || !e.after) return;
            if (const auto n = noted(services, e.after->spec.uuid); n && is_of(*n, *e.after))
                take_back_soon(services, e.after->spec.uuid);
        }));
    for (const auto& host : hosts) take_back_all(services, *host.hypervisor);
    return all;
}

}  // namespace wsvirt::cim::vs
