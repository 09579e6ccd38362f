#include "cim/providers/virtual_system/configuration_change.hpp"

#include "base/text.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/virtual_system/kept.hpp"
#include "cim/providers/virtual_system/machine_folders.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/system_writer.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::vs {

Error in_element(const Error& e, const std::string& parameter, std::size_t n, std::size_t of) {
    if (of < 2) return e;
    auto out = e;
    out.text = parameter + '[' + std::to_string(n) + "]: " + e.text;
    return out;
}

Result<void> replace_settings(Services& services, const backend::Call& call, const Configuration& before,
                              const backend::MachineSpec& now) {
    if (!before.is_planned()) {
        if (auto r = make_folders(services, now); !r) return r;
        return services.hypervisor.redefine(call, now);
    }
    PlannedSystem p = *before.planned;
    p.spec = now;
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
    p.spec.attributes[std::string(planned_changed)] = std::to_string(us);
    return PlannedSystems(services).replace(p);
}

namespace {

// Name and notes of a snapshot, of a machine or of a planned system.
Result<void> replace_snapshot(Services& services, const backend::Call& call, const Configuration& of,
                              const backend::SnapshotInfo& now) {
    if (!of.is_planned()) return services.hypervisor.modify_snapshot(call, of.system(), now);
    PlannedSystems all(services);
    const auto planned = all.find(of.system());
    if (!planned)
        return Error(Status::not_found, "wsvirt.planned.missing",
                     "The planned system of the snapshot has just been realized or destroyed.");
    auto p = *planned;
    for (auto& s : p.snapshots)
        if (iequals(s.id, now.id)) s = now;
    return all.replace(p);
}

}  // namespace

Result<void> ConfigurationChange::take(const std::set<std::string>& guids) {
    // One machine has one key, whatever part of it is meant; in sorted order, so that two calls cannot wait
    // for each other.
    std::set<std::string> systems;
    for (const auto& guid : guids) {
        const auto c = find_configuration(call_.services, guid);
        if (!c)
            return Error(
                Status::invalid_parameter, "wsvirt.settings.unknown",
                "There are no settings \"" + setting_id(guid) + "\"; the machine may have been deleted.",
                "InstanceID");
        systems.insert(c->system());
    }
    for (const auto& system : systems) {
        auto held = call_.services.jobs.lock(system);
        if (!held) return held.error();
        held_.push_back(std::move(*held));
    }
    for (const auto& guid : guids) {  // as they are now that nobody else can change them
        auto c = find_configuration(call_.services, guid);
        if (!c)
            return Error(Status::invalid_parameter, "wsvirt.settings.unknown",
                         "The settings \"" + setting_id(guid) + "\" have just been deleted.", "InstanceID");
        if (c->machine)
            if (auto r = export_import::check_whole(c->machine->spec); !r) return r;
        parts_[guid].before = std::move(*c);
    }
    return {};
}

Result<Draft*> ConfigurationChange::draft(const std::string& guid) {
    auto& part = parts_.at(guid);
    if (!part.draft) {
        auto d = Draft::of(call_.services, call_.request.ns, part.before);
        if (!d) return d.error();
        part.draft.emplace(std::move(*d));
    }
    return &*part.draft;
}

Result<void> ConfigurationChange::change_system(const std::string& guid, const Instance& wanted) {
    auto& part = parts_.at(guid);
    if (part.before.snapshot) return change_snapshot(part, wanted);
    auto d = draft(guid);
    if (!d) return d.error();
    if (auto r = (*d)->change_system(wanted); !r) return r;
    return (*d)->finish();
}

Result<void> ConfigurationChange::change_snapshot(Part& part, const Instance& wanted) {
    const auto current = SystemWriter(call_.services, call_.request.ns.find("Msvm_VirtualSystemSettingData"))
                             .write(part.before);
    auto changed = *part.before.snapshot;
    const auto& given = wanted.cls().properties();
    for (std::size_t slot = 0; slot < wanted.size(); ++slot) {
        const auto& v = wanted.at(slot);
        if (!wanted.given(slot) || v.is_null()) continue;
        const auto& p = *given[slot];
        if (same_value(current.get(p.name), v)) continue;
        if (iequals(p.name, "ElementName")) {
            if (trim(v.string_or({})).empty() || v.string_or({}).size() > 400)
                return refuse("wsvirt.snapshot.name", p.name, "ElementName must have 1 to 100 characters.");
            changed.spec.attributes[std::string(backend::snapshot_name)] = v.string_or({});
        } else if (iequals(p.name, "Notes")) {
            changed.spec.attributes[std::string(system_prefix) + "Notes"] = keep_text(p, v);
        } else {
            return refuse("wsvirt.snapshot.fixed", p.name,
                          "Only ElementName and Notes of a snapshot can be changed, not " + p.name + ".");
        }
    }
    part.snapshot = std::move(changed);
    return {};
}

Result<void> ConfigurationChange::claim_new_disks() {
    for (const auto& [guid, part] : parts_) {
        if (!part.draft || part.before.is_planned()) continue;
        auto files = disk_files(part.draft->spec());
        const auto had = disk_files(part.before.spec());
        std::erase_if(files, [&](const auto& f) {
            const auto before = had.find(f.first);
            return before != had.end() && before->second == f.second;
        });
        auto claims = claim_disks(call_.services, files, part.before.system());
        if (!claims) return claims.error();
        claims_.push_back(std::move(*claims));
    }
    return {};
}

Result<MethodResult> ConfigurationChange::carry_out(Task task, Arguments results) {
    if (auto r = claim_new_disks(); !r) return refused(call_, std::move(task), r.error());
    struct Step {
        Configuration before;
        std::optional<backend::MachineSpec> spec;
        std::optional<backend::SnapshotInfo> snapshot;
    };
    std::vector<Step> steps;
    const auto& host = call_.services.host.name;
    for (auto& [guid, part] : parts_) {
        task.affected.push_back(
            {system_path_text(host, part.before.system_class(), part.before.system()), {0}});
        Step s{part.before, std::nullopt, std::move(part.snapshot)};
        if (part.draft) s.spec = std::move(part.draft->spec());
        steps.push_back(std::move(s));
    }
    auto first = held_.empty() ? nullptr : std::move(held_.front());
    if (first) held_.erase(held_.begin());
    task.busy_key = parts_.begin()->second.before.system();
    auto others = std::make_shared<std::vector<std::shared_ptr<JobManager::Guard>>>(std::move(held_));
    auto& services = call_.services;
    auto work = [&services, steps = std::move(steps), others,
                 claims = std::move(claims_)](JobContext& job) -> Result<void> {
        backend::Call c;
        c.stop = job.stop();
        for (std::size_t n = 0; n < steps.size(); ++n) {
            const auto& s = steps[n];
            Result<void> done;
            if (s.snapshot)
                done = replace_snapshot(services, c, s.before, *s.snapshot);
            else if (s.spec)
                done = replace_settings(services, c, s.before, *s.spec);
            if (done) continue;
            while (n-- > 0) {
                if (steps[n].snapshot)
                    (void)replace_snapshot(services, {}, steps[n].before, *steps[n].before.snapshot);
                else
                    (void)replace_settings(services, {}, steps[n].before, steps[n].before.spec());
            }
            others->clear();
            return done;
        }
        others->clear();
        return {};
    };
    return run(call_, std::move(task), std::move(work), std::move(results), std::move(first));
}

}  // namespace wsvirt::cim::vs
