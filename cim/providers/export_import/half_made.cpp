#include "cim/providers/export_import/half_made.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "cim/providers/virtual_system/taking_back.hpp"

namespace wsvirt::cim::export_import {

namespace {

void take_back_later(Services& services, const std::string& guid) {
    vs::take_back_later(services, "half made", guid,
                        [&services, guid] { return forget_half_made(services, guid); });
}

bool is_ours(Services& services, const backend::MachineSpec& spec) {
    const auto mark = spec.attributes.find(half_made_mark);
    if (mark == spec.attributes.end()) return false;
    const auto own = own_mark(services);
    return own && mark->second == *own;
}

void take_back_all(Services& services, const backend::Hypervisor& host) {
    for (const auto& m : host.machines())
        if (is_ours(services, m->spec)) take_back_later(services, m->spec.uuid);
}

}  // namespace

Result<std::string> own_mark(Services& services) {
    constexpr std::string_view kind = "service", key = "identifier";
    auto known = services.store.get(kind, key);
    if (!known) return known.error();
    if (*known) return **known;
    auto mine = make_guid();
    auto r = services.store.insert(kind, key, mine);
    if (!r && r.error().status == Status::already_exists) return own_mark(services);
    return r ? Result<std::string>(std::move(mine)) : Result<std::string>(r.error());
}

bool is_half_made(const backend::MachineSpec& spec) {
    return spec.attributes.contains(half_made_mark);
}

Result<void> check_whole(const backend::MachineSpec& spec) {
    if (!is_half_made(spec)) return {};
    return Error(
        Status::invalid_state, "wsvirt.realize.half_made",
        "\"" + spec.name +
            "\" is only half made: its planned system is being realized, or that was cut off. Realize "
            "the planned system again, with the service that has it, or destroy the machine.",
        spec.uuid);
}

Result<void> forget_half_made(Services& services, const std::string& guid, Whose whose) {
    for (const auto& host : migration_service::hosts_of(services)) {
        const auto m = host.hypervisor->machine(guid);
        if (!m || !(whose == Whose::ours ? is_ours(services, m->spec) : is_half_made(m->spec))) continue;
        if (auto r = host.hypervisor->forget({}, guid); !r) return r;
    }
    return {};
}

void recover_half_made(Services& services) {
    const auto hosts = migration_service::hosts_of(services);
    for (const auto& host : hosts)
        for (const auto& m : host.hypervisor->machines())
            if (host.hypervisor->connected() && is_ours(services, m->spec))
                (void)host.hypervisor->forget({}, m->spec.uuid);
    // Where only the last word was missing. A machine that came from elsewhere is none of the planned system.
    vs::PlannedSystems planned(services);
    for (const auto& job : services.jobs.interrupted()) {
        if (job.job_type != job_type::realize_planned) continue;
        const auto guid = system_of(job);
        if (!planned.find(guid)) continue;
        for (const auto& host : hosts) {
            const auto m = host.hypervisor->machine(guid);
            if (m && !is_half_made(m->spec)) (void)planned.remove(guid);
        }
    }
}

std::vector<std::shared_ptr<void>> watch_half_made(Services& services) {
    std::vector<std::shared_ptr<void>> all;
    const auto hosts = migration_service::hosts_of(services);
    for (const auto& host : hosts)
        all.push_back(host.hypervisor->subscribe([&services, h = host.hypervisor](const backend::Event& e) {
            if (e.kind == backend::EventKind::host_back) take_back_all(services, *h);
            // One that the host had not told of when the work that made it ended.
            const bool late = e.kind == backend::EventKind::machine_added && e.after &&
                              is_ours(services, e.after->spec) && services.jobs.lock(e.after->spec.uuid);
            if (late) take_back_later(services, e.after->spec.uuid);
        }));
    for (const auto& host : hosts) take_back_all(services, *host.hypervisor);
    return all;
}

}  // namespace wsvirt::cim::export_import
