#include "cim/providers/snapshot_service/target.hpp"

#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::snapshot_service {

using migration_service::check_at_hand;

namespace {

constexpr const char* settings_class = "Msvm_VirtualSystemSettingData";

Error no_target(std::string_view parameter, const char* what) {
    return Error(Status::invalid_parameter, "wsvirt.snapshot.reference",
                 std::string(parameter) + " must refer to " + what + " that exists.", std::string(parameter));
}

}  // namespace

Result<Target> machine_of(const MethodCall& call, std::string_view parameter) {
    const auto guid = vs::system_guid_of(call.reference(parameter));
    if (guid.empty()) return no_target(parameter, "a virtual machine");
    auto held = call.services.jobs.lock(guid);
    if (!held) return held.error();
    Target t;
    t.held = std::move(*held);
    t.machine = call.services.hypervisor.machine(guid);
    if (!t.machine) return no_target(parameter, "a virtual machine");
    if (auto r = check_at_hand(call.services, *t.machine); !r) return r.error();
    return t;
}

Result<Target> snapshot_of(const MethodCall& call, std::string_view parameter) {
    const auto guid = vs::system_guid_of(call.reference(parameter));
    auto found = guid.empty() ? std::nullopt : vs::find_configuration(call.services, guid);
    if (!found || found->kind != vs::Configuration::Kind::snapshot)
        return no_target(parameter, "the settings of a snapshot");
    auto held = call.services.jobs.lock(found->system());
    if (!held) return held.error();
    // Again, now that nothing else can change it.
    found = vs::find_configuration(call.services, guid);
    if (!found || found->kind != vs::Configuration::Kind::snapshot)
        return no_target(parameter, "the settings of a snapshot");
    if (auto r = check_at_hand(call.services, *found->machine); !r) return r.error();
    return Target{found->machine, *found->snapshot, std::move(*held)};
}

ObjectPath snapshot_path(const std::string& id) {
    return vs::setting_path(settings_class, vs::setting_id(id));
}

JobRecord::Affected affected_machine(const MethodCall& call, const std::string& guid) {
    return {vs::system_path_text(call.services.host.name, "Msvm_ComputerSystem", guid), {0}};
}

JobRecord::Affected affected_snapshot(const MethodCall& call, const std::string& id, std::uint16_t effect) {
    return {vs::setting_path_text(call.services.host.name, settings_class, vs::setting_id(id)), {effect}};
}

backend::Call call_of(JobContext& job) {
    backend::Call c;
    c.stop = job.stop();
    c.progress = [&job](const backend::Progress& p) {
        if (p.total > 0) job.progress(static_cast<unsigned>(p.done * 100 / p.total));
    };
    return c;
}

}  // namespace wsvirt::cim::snapshot_service
