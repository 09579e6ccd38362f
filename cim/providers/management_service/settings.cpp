// ModifySystemSettings, AddResourceSettings, ModifyResourceSettings, RemoveResourceSettings: for machines,
// planned systems and (names and notes only) snapshots.
#include <set>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/management_service/methods.hpp"
#include "cim/providers/virtual_system/configuration_change.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::management_service {

using vs::Configuration;
using vs::Draft;

namespace {

Task task_of(std::uint16_t type, const char* caption) {
    Task t;
    t.type = type;
    t.caption = caption;
    return t;
}

Error no_settings(const char* parameter) {
    return Error(Status::invalid_parameter, "wsvirt.settings.missing",
                 std::string(parameter) + " must hold settings of a virtual machine that exists.", parameter);
}

// --- ModifySystemSettings ---

Result<MethodResult> modify_system(const MethodCall& call) {
    auto task = task_of(job_type::modify_system, "Modifying Virtual Machine");
    const auto* settings = call.instance("SystemSettings");
    if (!settings) return refused(call, task, no_settings("SystemSettings"));
    auto id = vs::parse_setting_id(settings->string("InstanceID"));
    if (!id && settings->string("InstanceID").empty())
        if (auto guid = vs::clean_guid(settings->string("VirtualSystemIdentifier")))
            id = vs::SettingId{*guid, {}};
    if (!id || !id->device.empty()) return refused(call, task, no_settings("SystemSettings"));
    if (auto r = vs::check_system_class(call.request.ns, *settings); !r)
        return refused(call, task, r.error());
    vs::ConfigurationChange change(call);
    if (auto r = change.take({id->guid}); !r) return refused(call, task, r.error());
    if (auto r = change.change_system(id->guid, *settings); !r) return refused(call, task, r.error());
    return change.carry_out(std::move(task), {});
}

// --- resources ---

Result<MethodResult> add_resources(const MethodCall& call) {
    auto task = task_of(job_type::add_resources, "Adding Virtual Machine Resources");
    const auto guid = vs::system_guid_of(call.reference("AffectedConfiguration"));
    if (guid.empty()) return refused(call, task, no_settings("AffectedConfiguration"));
    vs::ConfigurationChange change(call);
    if (auto r = change.take({guid}); !r) return refused(call, task, r.error());
    auto draft = change.draft(guid);
    if (!draft) return refused(call, task, draft.error());
    const auto resources = call.instances("ResourceSettings");
    if (resources.empty()) return refused(call, task, no_settings("ResourceSettings"));
    Value::Array added;
    for (std::size_t n = 0; n < resources.size(); ++n) {
        auto id = (*draft)->add(*resources[n]);
        if (!id)
            return refused(call, task, vs::in_element(id.error(), "ResourceSettings", n, resources.size()));
        added.emplace_back((*draft)->path_of(*id));
    }
    if (auto r = (*draft)->finish(); !r) return refused(call, task, r.error());
    Arguments results;
    results.set("ResultingResourceSettings", Value(std::move(added)));
    return change.carry_out(std::move(task), std::move(results));
}

Result<MethodResult> modify_resources(const MethodCall& call) {
    auto task = task_of(job_type::modify_resources, "Modifying Virtual Machine Resources");
    const auto resources = call.instances("ResourceSettings");
    if (resources.empty()) return refused(call, task, no_settings("ResourceSettings"));
    std::set<std::string> systems;
    for (const auto* r : resources) {
        const auto id = vs::parse_setting_id(r->string("InstanceID"));
        if (!id || id->device.empty())
            return refused(
                call, task,
                Error(Status::invalid_parameter, "wsvirt.resource.instance_id",
                      "Each entry of ResourceSettings needs the InstanceID of the resource to change.",
                      "InstanceID"));
        systems.insert(id->guid);
    }
    vs::ConfigurationChange change(call);
    if (auto r = change.take(systems); !r) return refused(call, task, r.error());
    Value::Array changed;
    for (std::size_t n = 0; n < resources.size(); ++n) {
        const auto text = resources[n]->string("InstanceID");
        auto draft = change.draft(vs::parse_setting_id(text)->guid);
        if (!draft) return refused(call, task, draft.error());
        if (auto r = (*draft)->modify(*resources[n]); !r)
            return refused(call, task, vs::in_element(r.error(), "ResourceSettings", n, resources.size()));
        changed.emplace_back((*draft)->path_of(text));
    }
    for (const auto& guid : systems)
        if (auto r = (*change.draft(guid))->finish(); !r) return refused(call, task, r.error());
    Arguments results;
    results.set("ResultingResourceSettings", Value(std::move(changed)));
    return change.carry_out(std::move(task), std::move(results));
}

// A device goes with what is in it or plugged into it, so those come first.
int removal_rank(vs::Kind k) {
    if (vs::is_medium(k) || k == vs::Kind::connection) return 0;
    return k == vs::Kind::scsi_controller ? 2 : 1;
}

Result<MethodResult> remove_resources(const MethodCall& call) {
    auto task = task_of(job_type::remove_resources, "Removing Virtual Machine Resources");
    struct Goal {
        vs::SettingId id;
        int rank = 0;
    };
    std::vector<Goal> goals;
    std::set<std::string> systems;
    for (const auto& path : call.references("ResourceSettings")) {
        auto id = vs::parse_setting_id(path.key_string("InstanceID"));
        if (!id || id->device.empty()) return refused(call, task, no_settings("ResourceSettings"));
        systems.insert(id->guid);
        goals.push_back({std::move(*id), 0});
    }
    if (goals.empty()) return refused(call, task, no_settings("ResourceSettings"));
    vs::ConfigurationChange change(call);
    if (auto r = change.take(systems); !r) return refused(call, task, r.error());
    for (auto& g : goals) {
        auto draft = change.draft(g.id.guid);
        if (!draft) return refused(call, task, draft.error());
        const auto e = vs::find_element((*draft)->spec(), g.id.device);
        if (!e)
            return refused(call, task,
                           Error(Status::invalid_parameter, "wsvirt.resource.missing",
                                 "There is no resource \"" + vs::setting_id(g.id.guid, g.id.device) + "\".",
                                 "ResourceSettings"));
        g.rank = removal_rank(e->kind);
    }
    std::stable_sort(goals.begin(), goals.end(),
                     [](const auto& a, const auto& b) { return a.rank < b.rank; });
    for (const auto& g : goals)
        if (auto r = (*change.draft(g.id.guid))->remove(g.id); !r) return refused(call, task, r.error());
    return change.carry_out(std::move(task), {});
}

constexpr MethodEntry table[] = {
    {"ModifySystemSettings", &modify_system},
    {"AddResourceSettings", &add_resources},
    {"ModifyResourceSettings", &modify_resources},
    {"RemoveResourceSettings", &remove_resources},
};

}  // namespace

MethodTable settings_methods() {
    return table;
}

}  // namespace wsvirt::cim::management_service
