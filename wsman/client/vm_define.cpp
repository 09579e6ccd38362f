// `wsvirt vm define`: DefineSystem with processor and memory, then disks, CDs, network ports and the serial
// port one after the other, as Hyper-V's own tools do. What fails on the way removes the machine again.
#include <algorithm>
#include <ostream>

#include "base/text.hpp"
#include "wsman/client/commands.hpp"
#include "wsman/client/machine.hpp"
#include "wsman/client/output.hpp"

namespace wsvirt::client {
namespace {

constexpr unsigned ide_slots = 4;    // two controllers with two places each
constexpr unsigned scsi_slots = 64;  // of one controller
constexpr std::uint64_t gib = 1024ULL * 1024 * 1024;

enum class Medium { disk, cd };

struct MediumKind {
    const char *drive_type, *drive, *medium;
};
MediumKind names_of(Medium m) {
    if (m == Medium::cd)
        return {"16", "Microsoft:Hyper-V:Synthetic DVD Drive", "Microsoft:Hyper-V:Virtual CD/DVD Disk"};
    return {"17", "Microsoft:Hyper-V:Synthetic Disk Drive", "Microsoft:Hyper-V:Virtual Hard Disk"};
}

// FILE:GIB. The number is after the last colon, as a path may have some too.
Result<std::pair<std::string, std::uint64_t>> parse_new_disk(const std::string& text) {
    const auto colon = text.rfind(':');
    const auto size = colon == std::string::npos ? std::nullopt : parse_uint(text.substr(colon + 1));
    if (!size || *size == 0 || *size > 65536 || colon == 0)
        return Error(
            Status::invalid_parameter, "client.disk.size",
            "Write a new disk as FILE:GIB, for example /srv/disks/a.vhdx:20; \"" + text + "\" is none.");
    return std::pair(text.substr(0, colon), *size * gib);
}

// The numbers of Msvm_VirtualHardDiskSettingData.Format, by the file's name.
std::string format_of(std::string_view path) {
    return iends_with(path, ".vhd") ? "2" : "3";
}

class Definer {
  public:
    Definer(Context& c, const VmDefineCommand& command)
        : c_(c), command_(command), naming_(c.options.naming) {}

    Result<void> run() {
        if (auto ok = make_disks(); !ok) return ok;
        if (auto ok = define(); !ok) return ok;
        auto done = equip();
        if (done) return done;
        // Half a machine helps nobody.
        if (auto undone = destroy(); !undone)
            c_.err << "wsvirt: the unfinished machine " << machine_.guid
                   << " could not be removed: " << printable(undone.error().full_text()) << '\n';
        return done;
    }
    const MachineRef& machine() const { return machine_; }

  private:
    Result<Object> call(const char* what, const Resource& target, const char* method,
                        const std::vector<Argument>& arguments) {
        return call_with_progress(c_, std::string(what) + " " + command_.name, target, method, arguments);
    }
    Argument instance(const char* parameter, const char* class_name,
                      std::vector<std::pair<std::string, std::string>> properties) const {
        return Argument::of_instance(parameter, naming_.of_class(class_name), std::move(properties));
    }

    Result<void> make_disks() {
        Resource service = naming_.of_class("Msvm_ImageManagementService");
        service.selectors.emplace_back("CreationClassName", "Msvm_ImageManagementService");
        for (const auto& text : command_.new_disks) {
            auto disk = parse_new_disk(text);
            if (!disk) return disk.error();
            auto done = call("making a disk for", service, "CreateVirtualHardDisk",
                             {instance("VirtualDiskSettingData", "Msvm_VirtualHardDiskSettingData",
                                       {{"Path", disk->first},
                                        {"Type", "3"},  // dynamic
                                        {"Format", format_of(disk->first)},
                                        {"MaxInternalSize", std::to_string(disk->second)}})});
            if (!done) return done.error();
            disks_.push_back(disk->first);
        }
        disks_.insert(disks_.begin(), command_.disks.begin(), command_.disks.end());
        return {};
    }

    Result<void> define() {
        std::vector<std::pair<std::string, std::string>> settings{
            {"ElementName", command_.name},
            {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:" + std::to_string(command_.generation)}};
        if (!command_.notes.empty()) settings.emplace_back("Notes", command_.notes);
        const std::string memory = std::to_string(command_.memory_mib);
        auto done = call("defining", management_service(naming_), "DefineSystem",
                         {instance("SystemSettings", "Msvm_VirtualSystemSettingData", std::move(settings)),
                          instance("ResourceSettings", "Msvm_MemorySettingData",
                                   {{"ResourceType", "4"},
                                    {"ResourceSubType", "Microsoft:Hyper-V:Memory"},
                                    {"DynamicMemoryEnabled", "false"},
                                    {"VirtualQuantity", memory},
                                    {"Reservation", memory},
                                    {"Limit", memory}}),
                          instance("ResourceSettings", "Msvm_ProcessorSettingData",
                                   {{"ResourceType", "3"},
                                    {"ResourceSubType", "Microsoft:Hyper-V:Processor"},
                                    {"VirtualQuantity", std::to_string(command_.processors)}})});
        if (!done) return done.error();
        if (const Resource* system = done->reference("ResultingSystem")) {
            auto made = c_.session.get(*system);
            if (!made) return made.error();
            machine_ = machine_of(naming_, *made);
            return {};
        }
        auto found = find_machine(c_.session, command_.name);  // not every server fills it in a job's answer
        if (!found) return found.error();
        machine_ = *found;
        return {};
    }

    Result<void> destroy() {
        auto done = call("removing", management_service(naming_), "DestroySystem",
                         {Argument::of_reference("AffectedSystem", machine_.system)});
        return done ? Result<void>() : Result<void>(done.error());
    }

    Result<void> equip() {
        auto devices = devices_of(c_.session, machine_);
        if (!devices) return devices.error();
        if (auto ok = find_controllers(*devices); !ok) return ok;
        for (const auto& path : disks_)
            if (auto ok = add_medium(Medium::disk, path); !ok) return ok;
        for (const auto& path : command_.isos)
            if (auto ok = add_medium(Medium::cd, path); !ok) return ok;
        for (const auto& name : command_.switches)
            if (auto ok = add_port(name); !ok) return ok;
        return command_.serial.empty() ? Result<void>() : connect_serial(*devices);
    }

    std::string path_of(const Object& setting) const {
        Resource r = naming_.of_class(setting.class_name);
        r.selectors.emplace_back("InstanceID", setting.text("InstanceID"));
        return path_text(r);
    }

    Result<void> find_controllers(const std::vector<Object>& devices) {
        if (disks_.empty() && command_.isos.empty()) return {};
        const std::string type = command_.generation == 1 ? "5" : "6";
        std::vector<std::pair<std::string, std::string>> found;  // address, path
        for (const auto& d : devices)
            if (d.text("ResourceType") == type) found.emplace_back(d.text("Address"), path_of(d));
        std::sort(found.begin(), found.end());
        for (const auto& [address, path] : found) controllers_.push_back(path);
        if (!controllers_.empty()) return {};
        auto added =
            add("Msvm_ResourceAllocationSettingData",
                {{"ResourceType", "6"}, {"ResourceSubType", "Microsoft:Hyper-V:Synthetic SCSI Controller"}});
        if (!added) return added.error();
        controllers_.push_back(*added);
        return {};
    }

    // Adds one device and gives its path.
    Result<std::string> add(const char* class_name,
                            std::vector<std::pair<std::string, std::string>> properties) {
        auto done =
            call("equipping", management_service(naming_), "AddResourceSettings",
                 {Argument::of_reference("AffectedConfiguration", settings_resource(naming_, machine_)),
                  instance("ResourceSettings", class_name, std::move(properties))});
        if (!done) return done.error();
        const Resource* made = done->reference("ResultingResourceSettings");
        if (made == nullptr)
            return Error(Status::failed, "client.define.result",
                         "The server added a device but did not say which; the machine cannot be completed.");
        return path_text(*made);
    }

    Result<void> add_medium(Medium medium, const std::string& file) {
        const unsigned per_controller = command_.generation == 1 ? 2 : scsi_slots;
        const unsigned slots = command_.generation == 1 ? ide_slots : scsi_slots;
        if (next_slot_ >= slots || next_slot_ / per_controller >= controllers_.size())
            return Error(Status::invalid_parameter, "client.define.slots",
                         "A generation " + std::to_string(command_.generation) + " machine has room for " +
                             std::to_string(slots) + " disks and CDs; take generation 2 for more.");
        const unsigned slot = next_slot_++;
        const auto kind = names_of(medium);
        auto drive = add("Msvm_ResourceAllocationSettingData",
                         {{"ResourceType", kind.drive_type},
                          {"ResourceSubType", kind.drive},
                          {"Parent", controllers_[slot / per_controller]},
                          {"AddressOnParent", std::to_string(slot % per_controller)}});
        if (!drive) return drive.error();
        auto disk = add("Msvm_StorageAllocationSettingData", {{"ResourceType", "31"},
                                                              {"ResourceSubType", kind.medium},
                                                              {"Parent", *drive},
                                                              {"HostResource", file}});
        return disk ? Result<void>() : Result<void>(disk.error());
    }

    Result<void> add_port(const std::string& switch_name) {
        auto found = c_.session.query("SELECT * FROM Msvm_VirtualEthernetSwitch WHERE ElementName = " +
                                      wql_string(switch_name));
        if (!found) return found.error();
        if (found->empty())
            return Error(
                Status::not_found, "client.switch.none",
                "There is no switch \"" + switch_name + "\"; see: wsvirt enum Msvm_VirtualEthernetSwitch",
                switch_name);
        Resource of_switch = naming_.of_class("Msvm_VirtualEthernetSwitch");
        of_switch.selectors.emplace_back("CreationClassName", "Msvm_VirtualEthernetSwitch");
        of_switch.selectors.emplace_back("Name", found->front().text("Name"));
        auto port = add("Msvm_SyntheticEthernetPortSettingData",
                        {{"ResourceType", "10"},
                         {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Ethernet Port"},
                         {"ElementName", "Network Adapter"}});
        if (!port) return port.error();
        auto connection = add("Msvm_EthernetPortAllocationSettingData",
                              {{"ResourceType", "33"},
                               {"ResourceSubType", "Microsoft:Hyper-V:Ethernet Connection"},
                               {"EnabledState", "2"},
                               {"Parent", *port},
                               {"HostResource", path_text(of_switch)}});
        return connection ? Result<void>() : Result<void>(connection.error());
    }

    Result<void> connect_serial(const std::vector<Object>& devices) {
        for (const auto& d : devices) {
            if (!iequals(d.class_name, "Msvm_SerialPortSettingData")) continue;
            auto done = call("equipping", management_service(naming_), "ModifyResourceSettings",
                             {instance("ResourceSettings", "Msvm_SerialPortSettingData",
                                       {{"InstanceID", d.text("InstanceID")},
                                        {"ResourceType", "21"},
                                        {"ResourceSubType", "Microsoft:Hyper-V:Serial Port"},
                                        {"Connection", command_.serial}})});
            return done ? Result<void>() : Result<void>(done.error());
        }
        return Error(Status::not_found, "client.serial.none", "The machine has no serial port to connect.");
    }

    Context& c_;
    const VmDefineCommand& command_;
    const Naming& naming_;
    MachineRef machine_;
    std::vector<std::string> disks_;
    std::vector<std::string> controllers_;  // paths, in the order of their numbers
    unsigned next_slot_ = 0;
};

}  // namespace

Result<void> run(Context& c, const VmDefineCommand& command) {
    Definer definer(c, command);
    if (auto done = definer.run(); !done) return done;
    const MachineRef& machine = definer.machine();
    std::string state = "off";
    if (command.start) {
        auto started = call_with_progress(c, "starting " + machine.name, machine.system, "RequestStateChange",
                                          {Argument::of_text("RequestedState", "2")});
        if (!started) return started.error();
        state = "running";
    }
    if (c.options.json)
        c.out << "{\"Name\": " << json_string(machine.name) << ", \"Id\": " << json_string(machine.guid)
              << ", \"State\": " << json_string(state) << "}\n";
    else
        c.out << printable(machine.name) << ": defined, " << state << ", " << machine.guid << '\n';
    return {};
}

}  // namespace wsvirt::client
