#include "wsman/client/machine.hpp"

#include "base/text.hpp"

namespace wsvirt::client {

namespace {

constexpr const char *machine_class = "Msvm_ComputerSystem", *planned_class = "Msvm_PlannedComputerSystem";

Result<MachineRef> find(Session& session, const char* cls, const char* hint, std::string_view name_or_guid) {
    const std::string property = is_guid(name_or_guid) ? "Name" : "ElementName";
    auto found = session.query(std::string("SELECT * FROM ") + cls + " WHERE " + property + " = " +
                               wql_string(name_or_guid));
    if (!found) return found.error();
    std::erase_if(*found, [](const Object& o) { return !is_guid(o.text("Name")); });
    if (found->empty())
        return Error(Status::not_found, "client.machine.none",
                     "There is no " + std::string(cls == planned_class ? "planned " : "") + "machine \"" +
                         std::string(name_or_guid) + "\"; see: wsvirt vm " + hint,
                     std::string(name_or_guid));
    if (found->size() > 1) {
        std::string guids;
        for (const auto& o : *found) guids += " " + o.text("Name");
        return Error(Status::failed, "client.machine.several",
                     "Several machines have the name \"" + std::string(name_or_guid) +
                         "\"; use one of their GUIDs:" + guids,
                     std::string(name_or_guid));
    }
    return machine_of(session.naming(), found->front());
}

}  // namespace

std::string wql_string(std::string_view text) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

std::string state_text(std::uint64_t enabled_state) {
    switch (enabled_state) {
        case 2:
            return "running";
        case 3:
            return "off";
        case 4:
            return "stopping";
        case 6:
        case 32769:
        case 32779:
            return "saved";
        case 9:
        case 32768:
            return "paused";
        case 10:
        case 32770:
            return "starting";
        case 32773:
        case 32780:
            return "saving";
        case 32774:
            return "stopping";
        case 32776:
            return "pausing";
        case 32777:
            return "resuming";
        default:
            return "state " + std::to_string(enabled_state);
    }
}

MachineRef machine_of(const Naming& naming, const Object& computer_system) {
    MachineRef m;
    m.guid = computer_system.text("Name");
    m.name = computer_system.text("ElementName");
    m.state = parse_uint(computer_system.text("EnabledState")).value_or(0);
    const char* cls = iequals(computer_system.class_name, planned_class) ? planned_class : machine_class;
    m.system = naming.of_class(cls);
    m.system.selectors.emplace_back("CreationClassName", cls);
    m.system.selectors.emplace_back("Name", m.guid);
    m.settings = "Microsoft:" + m.guid;
    return m;
}

Result<std::vector<Object>> list_machines(Session& session) {
    auto all = session.query("SELECT * FROM Msvm_ComputerSystem");
    if (!all) return all;
    std::erase_if(*all, [](const Object& o) { return !is_guid(o.text("Name")); });  // the host's is its name
    return all;
}

Result<MachineRef> find_machine(Session& session, std::string_view name_or_guid) {
    return find(session, machine_class, "list", name_or_guid);
}

Result<MachineRef> find_planned(Session& session, std::string_view name_or_guid) {
    return find(session, planned_class, "planned", name_or_guid);
}

Result<std::vector<Object>> devices_of(Session& session, const MachineRef& machine) {
    return session.query(
        "ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID=" + wql_string(machine.settings) +
        "} WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent");
}

Resource management_service(const Naming& naming) {
    Resource r = naming.of_class("Msvm_VirtualSystemManagementService");
    r.selectors.emplace_back("CreationClassName", "Msvm_VirtualSystemManagementService");
    return r;
}

Resource snapshot_service(const Naming& naming) {
    Resource r = naming.of_class("Msvm_VirtualSystemSnapshotService");
    r.selectors.emplace_back("CreationClassName", "Msvm_VirtualSystemSnapshotService");
    return r;
}

Resource settings_resource(const Naming& naming, const MachineRef& machine) {
    Resource r = naming.of_class("Msvm_VirtualSystemSettingData");
    r.selectors.emplace_back("InstanceID", machine.settings);
    return r;
}

}  // namespace wsvirt::client
