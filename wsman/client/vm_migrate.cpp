// `wsvirt vm migrate`.
#include <ostream>

#include "base/text.hpp"
#include "wsman/client/commands.hpp"
#include "wsman/client/machine.hpp"
#include "wsman/client/output.hpp"

namespace wsvirt::client {
namespace {

constexpr const char *machine_alone = "32768", *machine_and_disks = "32771";
constexpr const char *over_tcp = "5", *over_tls = "3";
constexpr const char* disk_class = "Msvm_StorageAllocationSettingData";

// The machine's disks, each with its place in a folder of the destination.
Result<std::vector<Argument>> disks_in(Context& c, const MachineRef& machine, const std::string& folder) {
    auto devices = devices_of(c.session, machine);
    if (!devices) return devices.error();
    std::vector<Argument> all;
    for (const auto& d : *devices) {
        const auto path = d.text("HostResource");
        const auto slash = path.rfind('/');
        if (!iequals(d.class_name, disk_class) || slash == std::string::npos ||
            !iends_with(d.text("ResourceSubType"), "Virtual Hard Disk"))
            continue;
        all.push_back(Argument::of_instance(
            "NewResourceSettingData", c.options.naming.of_class(disk_class),
            {{"InstanceID", d.text("InstanceID")}, {"HostResource", folder + path.substr(slash)}}));
    }
    return all;
}

Argument settings_of(const Naming& naming, const VmMigrateCommand& command) {
    std::vector<std::pair<std::string, std::string>> properties = {
        {"MigrationType", command.with_disks ? machine_and_disks : machine_alone},
        {"TransportType", command.tls ? over_tls : over_tcp}};
    if (command.bandwidth_mib_s != 0)
        properties.insert(properties.end(), {{"Bandwidth", std::to_string(command.bandwidth_mib_s)},
                                             {"BandwidthUnit", "byte per second * 2^20"}});
    return Argument::of_instance("MigrationSettingData",
                                 naming.of_class("Msvm_VirtualSystemMigrationSettingData"),
                                 std::move(properties));
}

}  // namespace

Result<void> run(Context& c, const VmMigrateCommand& command) {
    auto machine = find_machine(c.session, command.name);
    if (!machine) return machine.error();
    std::vector<Argument> arguments = {Argument::of_reference("ComputerSystem", machine->system),
                                       Argument::of_text("DestinationHost", command.host),
                                       settings_of(c.options.naming, command)};
    if (!command.folder.empty()) {
        auto disks = disks_in(c, *machine, command.folder);
        if (!disks) return disks.error();
        arguments.insert(arguments.end(), disks->begin(), disks->end());
    }
    auto service = c.options.naming.of_class("Msvm_VirtualSystemMigrationService");
    service.selectors.emplace_back("CreationClassName", "Msvm_VirtualSystemMigrationService");
    auto done =
        call_with_progress(c, "moving " + machine->name, service, "MigrateVirtualSystemToHost", arguments);
    if (!done) return done.error();
    if (c.options.json)
        c.out << "{\"Name\": " << json_string(machine->name) << ", \"Id\": " << json_string(machine->guid)
              << ", \"Host\": " << json_string(command.host) << "}\n";
    else
        c.out << printable(machine->name) << ": moved to " << printable(command.host) << '\n';
    return {};
}

}  // namespace wsvirt::client
