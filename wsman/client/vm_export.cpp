// `wsvirt vm export`, `import`, `planned`, `validate` and `realize`.
#include <ostream>
#include <pugixml.hpp>

#include "base/text.hpp"
#include "wsman/client/commands.hpp"
#include "wsman/client/machine.hpp"
#include "wsman/client/output.hpp"

namespace wsvirt::client {
namespace {

constexpr const char *yes = "true", *no = "false";

std::string state_of(const Object& system) {
    return state_text(parse_uint(system.text("EnabledState")).value_or(0));
}

// "name: what, state, GUID", or the same in JSON.
void tell(Context& c, const Object& system, const char* what) {
    if (c.options.json)
        c.out << "{\"Name\": " << json_string(system.text("ElementName"))
              << ", \"Id\": " << json_string(system.text("Name"))
              << ", \"State\": " << json_string(state_of(system)) << "}\n";
    else
        c.out << printable(system.text("ElementName")) << ": " << what << ", " << state_of(system) << ", "
              << system.text("Name") << '\n';
}

// An error of a job as CIM-XML text (DSP0201) or as elements.
std::string message_of(const Value& v) {
    if (v.object) return v.object->text("Message");
    pugi::xml_document doc;
    if (!doc.load_buffer(v.text.data(), v.text.size(), pugi::parse_default & ~pugi::parse_doctype))
        return v.text;
    for (const auto& found : doc.select_nodes("//PROPERTY[@NAME='Message']/VALUE"))
        return found.node().text().get();
    return v.text;
}

Result<std::vector<std::string>> problems_in(Session& session, const Object& output) {
    std::vector<std::string> all;
    const Resource* job = output.reference("Job");
    if (job == nullptr) return all;
    auto errors = session.invoke(*job, "GetErrorEx", {});
    if (!errors) return errors.error();
    if (const Field* f = errors->field("Errors"))
        for (const auto& v : f->values)
            if (auto text = message_of(v); !text.empty()) all.push_back(std::move(text));
    return all;
}

Result<Object> call_for(Context& c, const char* what, const MachineRef& machine, const char* method) {
    return call_with_progress(c, std::string(what) + " " + machine.name, management_service(c.options.naming),
                              method, {Argument::of_reference("PlannedSystem", machine.system)});
}

}  // namespace

Result<void> run(Context& c, const VmExportCommand& command) {
    auto machine = find_machine(c.session, command.name);
    if (!machine) return machine.error();
    const auto& naming = c.options.naming;
    auto settings =
        Argument::of_instance("ExportSettingData", naming.of_class("Msvm_VirtualSystemExportSettingData"),
                              {{"CopySnapshotConfiguration", command.no_snapshots ? "1" : "0"},
                               {"CopyVmRuntimeInformation", command.no_memory ? no : yes},
                               {"CopyVmStorage", command.no_disks ? no : yes},
                               {"CreateVmExportSubdirectory", no},
                               {"CaptureLiveState", command.live == "crash" ? "0" : "1"}});
    auto done = call_with_progress(
        c, "exporting " + machine->name, management_service(naming), "ExportSystemDefinition",
        {Argument::of_reference("ComputerSystem", machine->system),
         Argument::of_text("ExportDirectory", command.folder), std::move(settings)});
    if (!done) return done.error();
    const auto file = command.folder + "/Virtual Machines/" + machine->guid + ".xml";
    if (c.options.json)
        c.out << "{\"Name\": " << json_string(machine->name) << ", \"Id\": " << json_string(machine->guid)
              << ", \"Definition\": " << json_string(file) << "}\n";
    else
        c.out << printable(machine->name) << ": exported, " << printable(file) << '\n';
    return {};
}

Result<void> run(Context& c, const VmImportCommand& command) {
    auto done =
        call_with_progress(c, "importing", management_service(c.options.naming), "ImportSystemDefinition",
                           {Argument::of_text("SystemDefinitionFile", command.file),
                            Argument::of_text("GenerateNewSystemIdentifier", command.new_id ? yes : no)});
    if (!done) return done.error();
    const Resource* made = done->reference("ImportedSystem");
    if (made == nullptr)
        return Error(Status::failed, "client.import.result",
                     "The server imported the machine but did not say which; see: wsvirt vm planned");
    auto system = c.session.get(*made);
    if (!system) return system.error();
    tell(c, *system, "planned");
    return {};
}

Result<void> run(Context& c, const VmPlannedCommand&) {
    auto all = c.session.query("SELECT * FROM Msvm_PlannedComputerSystem");
    if (!all) return all.error();
    if (c.options.json) {
        std::vector<std::string> rows;
        for (const auto& s : *all) rows.push_back(to_json(s));
        c.out << json_array(rows) << '\n';
        return {};
    }
    Table table({"NAME", "STATE", "ID"});
    for (const auto& s : *all) table.add({s.text("ElementName"), state_of(s), s.text("Name")});
    table.write(c.out);
    return {};
}

Result<void> run(Context& c, const VmValidateCommand& command) {
    auto machine = find_planned(c.session, command.name);
    if (!machine) return machine.error();
    auto done = call_for(c, "validating", *machine, "ValidatePlannedSystem");
    if (!done) return done.error();
    auto problems = problems_in(c.session, *done);
    if (!problems) return problems.error();
    if (c.options.json) {
        std::vector<std::string> rows;
        for (const auto& p : *problems) rows.push_back(json_string(p));
        c.out << "{\"Name\": " << json_string(machine->name) << ", \"Id\": " << json_string(machine->guid)
              << ", \"Problems\": " << json_array(rows) << "}\n";
    } else {
        for (const auto& p : *problems) c.out << printable(machine->name) << ": " << printable(p) << '\n';
        if (problems->empty()) c.out << printable(machine->name) << ": can be realized\n";
    }
    if (problems->empty()) return {};
    return Error(Status::failed, "client.validate.problems",
                 "\"" + machine->name + "\" cannot be realized as it is.");
}

Result<void> run(Context& c, const VmRealizeCommand& command) {
    auto machine = find_planned(c.session, command.name);
    if (!machine) return machine.error();
    auto done = call_for(c, "realizing", *machine, "RealizePlannedSystem");
    if (!done) return done.error();
    auto found = find_machine(c.session, machine->guid);
    if (!found) return found.error();
    auto system = c.session.get(found->system);
    if (!system) return system.error();
    tell(c, *system, "realized");
    return {};
}

}  // namespace wsvirt::client
