// ImportSystemDefinition, ImportSnapshotDefinitions, GetDefinitionFileSummaryInformation.
#include <algorithm>
#include <map>
#include <set>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/identifiers.hpp"
#include "cim/providers/export_import/import_folder.hpp"
#include "cim/providers/export_import/methods.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/service_settings.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace {

constexpr const char* planned_class = "Msvm_PlannedComputerSystem";

Result<void> check_free(Services& services, const std::string& guid) {
    if (!identifier_taken(services, guid)) return {};
    return Error(Status::invalid_parameter, "wsvirt.import.exists",
                 "A virtual machine, snapshot or planned system with the identifier " + guid +
                     " exists already; set GenerateNewSystemIdentifier to true.",
                 "GenerateNewSystemIdentifier");
}

// The snapshots of an export are in its own folders; another place would not fit its disks. Clients name one
// also where there are none.
Result<void> check_snapshot_folder(const MethodCall& call, const std::filesystem::path& root,
                                   bool has_snapshots) {
    const auto text = call.in.get("SnapshotFolder").string_or({});
    if (text.empty()) return {};
    auto folder = vs::check_folder(call.services.host.export_folders, text, "SnapshotFolder");
    if (!folder) return folder.error();
    const auto inside = std::filesystem::path(*folder).lexically_relative(root);
    if (!has_snapshots || (!inside.empty() && *inside.begin() != "..")) return {};
    return Error(Status::invalid_parameter, "wsvirt.import.snapshot_folder",
                 "SnapshotFolder must be the folder of the export, \"" + root.string() +
                     "\", or one in it; leave it out and the snapshots come along.",
                 "SnapshotFolder");
}

std::set<std::string, ILess> addresses_taken(Services& services) {
    std::set<std::string, ILess> taken;
    for (const auto& host : migration_service::hosts_of(services))
        for (const auto& m : host.hypervisor->machines()) vs::add_macs(m->spec, taken);
    for (const auto& p : vs::PlannedSystems(services).all()) vs::add_macs(p->spec, taken);
    return taken;
}

bool is_dynamic(const backend::Nic& n) {
    const auto kept = n.attributes.find("StaticMacAddress");
    return !n.mac.empty() && (kept == n.attributes.end() || !iequals(kept->second, "true"));
}

// Those that the service had chosen and that somebody has by now. Memory that is kept knows its addresses.
Result<void> renew_addresses(Services& services, vs::PlannedSystem& p) {
    if (p.spec.attributes.contains(std::string(vs::planned_saved))) return {};
    const auto others = addresses_taken(services);
    auto taken = others;
    vs::add_macs(p.spec, taken);
    std::map<std::string, std::string, ILess> renewed;
    for (auto& n : p.spec.nics) {
        if (!is_dynamic(n) || !others.contains(n.mac)) continue;
        auto fresh = vs::new_mac(services, taken);
        if (!fresh) return fresh.error();
        taken.insert(*fresh);
        renewed[n.mac] = *fresh;
        n.mac = std::move(*fresh);
    }
    for (auto& s : p.snapshots)
        for (auto& n : s.spec.nics)
            if (const auto to = renewed.find(n.mac); !s.has_memory && is_dynamic(n) && to != renewed.end())
                n.mac = to->second;
    return {};
}

Result<MethodResult> import_system(const MethodCall& call) {
    Task task;
    task.type = job_type::import_system;
    task.caption = "Importing Virtual Machine";
    auto& services = call.services;
    auto folder = open_import(services, call.in.get("SystemDefinitionFile").string_or({}));
    if (!folder) return refused(call, task, folder.error());
    if (auto r = check_snapshot_folder(call, folder->root, !folder->definition.snapshots.empty()); !r)
        return refused(call, task, r.error());
    const bool renew = call.in.get("GenerateNewSystemIdentifier").bool_or(false);
    auto planned = planned_of(services, *folder, renew ? make_guid() : std::string());
    if (!planned) return refused(call, task, planned.error());
    if (renew)
        if (auto r = renew_addresses(services, *planned); !r) return refused(call, task, r.error());
    const auto guid = planned->spec.uuid;
    auto held = services.jobs.lock(guid);
    if (!held) return refused(call, task, held.error());
    if (auto r = check_free(services, guid); !r) return refused(call, task, r.error());
    if (auto r = check_identifiers(services, *planned); !r) return refused(call, task, r.error());
    task.busy_key = guid;
    task.affected = {{vs::system_path_text(services.host.name, planned_class, guid), {5}}};
    Arguments results;
    results.set("ImportedSystem", Value(vs::system_path(planned_class, guid)));
    auto work = [&services, planned = std::move(*planned)](JobContext&) {
        return vs::PlannedSystems(services).add(planned);
    };
    return run(call, std::move(task), std::move(work), std::move(results), std::move(*held));
}

// The snapshots of an export come with its system; this tells which they are.
Result<MethodResult> import_snapshots(const MethodCall& call) {
    Task task;
    task.type = job_type::import_system;
    task.caption = "Importing Virtual Machine Snapshots";
    auto& services = call.services;
    const auto guid = vs::system_guid_of(call.reference("PlannedSystem"));
    const auto planned = guid.empty() ? nullptr : vs::PlannedSystems(services).find(guid);
    if (!planned)
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.import.planned",
                             "PlannedSystem must refer to a planned system that exists.", "PlannedSystem"));
    auto held = services.jobs.lock(planned->spec.uuid);
    if (!held) return refused(call, task, held.error());
    const auto root = planned->spec.attributes.find(std::string(vs::planned_folder));
    const auto place = root == planned->spec.attributes.end() ? std::string() : root->second;
    if (auto r = check_snapshot_folder(call, place, !planned->snapshots.empty()); !r)
        return refused(call, task, r.error());
    task.busy_key = planned->spec.uuid;
    Arguments results;
    Value::Array imported;
    for (const auto& s : planned->snapshots)
        imported.emplace_back(vs::setting_path("Msvm_VirtualSystemSettingData", vs::setting_id(s.id)));
    results.set("ImportedSnapshots", Value(std::move(imported)));
    return run(
        call, std::move(task), [](JobContext&) -> Result<void> { return {}; }, std::move(results),
        std::move(*held));
}

Instance summary_of(const MethodCall& call, const ClassPtr& cls, const ImportFolder& folder) {
    Instance i(cls);
    const auto& d = folder.definition;
    set_if(i, "InstanceID", Value(vs::setting_id(d.id)));
    set_if(i, "Name", Value(d.id));
    set_if(i, "ElementName", Value(d.name));
    set_if(i, "CreationTime", Value(DateTime::timestamp(d.created_us)));
    set_if(i, "EnabledState", d.saved_state.empty() ? 3 : 6);
    set_if(i, "HostComputerSystemName", Value(d.host));
    if (auto spec = call.services.hypervisor.spec_from_text(d.settings)) {
        set_if(i, "Notes", Value(spec->description));
        set_if(i, "NumberOfProcessors", Value(spec->processors));
        set_if(i, "VirtualSystemSubType",
               spec->firmware == backend::Firmware::uefi ? "Microsoft:Hyper-V:SubType:2"
                                                         : "Microsoft:Hyper-V:SubType:1");
    }
    return i;
}

Result<MethodResult> definition_summaries(const MethodCall& call) {
    const auto cls = call.request.ns.find("Msvm_SummaryInformationBase");
    const auto* files = call.in.get("DefinitionFiles").as_array();
    if (!cls || !files) return MethodResult(32773);
    Value::Array out;
    for (const auto& file : *files) {
        auto folder = open_import(call.services, file.string_or({}));
        if (!folder) return refused_quietly(folder.error());
        out.emplace_back(summary_of(call, cls, *folder));
    }
    MethodResult result(0);
    result.out.set("SummaryInformation", Value(std::move(out)));
    return result;
}

constexpr MethodEntry table[] = {{"ImportSystemDefinition", &import_system},
                                 {"ImportSnapshotDefinitions", &import_snapshots},
                                 {"GetDefinitionFileSummaryInformation", &definition_summaries}};

}  // namespace

MethodTable import_methods() {
    return table;
}

}  // namespace wsvirt::cim::export_import
