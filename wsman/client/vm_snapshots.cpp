// `wsvirt vm snapshot`, `snapshots` and `apply`.
#include <algorithm>
#include <ostream>

#include "base/text.hpp"
#include "wsman/client/commands.hpp"
#include "wsman/client/machine.hpp"
#include "wsman/client/output.hpp"

namespace wsvirt::client {
namespace {

Result<std::vector<Object>> snapshots_of(Session& session, const MachineRef& machine) {
    auto all = session.query("SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemIdentifier = " +
                             wql_string(machine.guid));
    if (!all) return all;
    std::erase_if(*all, [](const Object& o) {
        return !istarts_with(o.text("VirtualSystemType"), "Microsoft:Hyper-V:Snapshot:");
    });
    std::sort(all->begin(), all->end(), [](const Object& a, const Object& b) {
        return std::pair(a.text("CreationTime"), a.text("InstanceID")) <
               std::pair(b.text("CreationTime"), b.text("InstanceID"));
    });
    return all;
}

std::string guid_of(const Object& snapshot) {
    const auto id = snapshot.text("InstanceID");
    const auto colon = id.find(':');
    return colon == std::string::npos ? id : id.substr(colon + 1);
}

Result<Object> find_snapshot(Session& session, const MachineRef& machine, const std::string& wanted) {
    auto all = snapshots_of(session, machine);
    if (!all) return all.error();
    std::erase_if(*all, [&](const Object& o) {
        return !iequals(guid_of(o), wanted) && o.text("ElementName") != wanted;
    });
    if (all->size() == 1) return all->front();
    if (all->empty())
        return Error(Status::not_found, "client.snapshot.none",
                     "\"" + machine.name + "\" has no snapshot \"" + wanted +
                         "\"; see: wsvirt vm snapshots " + machine.guid,
                     wanted);
    std::string guids;
    for (const auto& o : *all) guids += " " + guid_of(o);
    return Error(Status::failed, "client.snapshot.several",
                 "Several snapshots have the name \"" + wanted + "\"; use one of their GUIDs:" + guids,
                 wanted);
}

Resource snapshot_resource(const Naming& naming, const std::string& instance_id) {
    Resource r = naming.of_class("Msvm_VirtualSystemSettingData");
    r.selectors.emplace_back("InstanceID", instance_id);
    return r;
}

// Which snapshot a call has made: what the answer says, or what was not there before.
Result<Object> made_snapshot(Session& session, const MachineRef& machine, const Object& output,
                             const std::vector<Object>& before) {
    if (const Resource* r = output.reference("ResultingSnapshot")) return session.get(*r);
    auto now = snapshots_of(session, machine);
    if (!now) return now.error();
    for (const auto& s : *now)
        if (std::none_of(before.begin(), before.end(),
                         [&](const Object& o) { return o.text("InstanceID") == s.text("InstanceID"); }))
            return s;
    return Error(Status::failed, "client.snapshot.result",
                 "The server took a snapshot but does not show it; see: wsvirt vm snapshots " + machine.guid);
}

Result<void> give_title(Context& c, const Object& snapshot, const std::string& title) {
    auto done = call_with_progress(
        c, "naming the snapshot", management_service(c.options.naming), "ModifySystemSettings",
        {Argument::of_instance("SystemSettings", c.options.naming.of_class("Msvm_VirtualSystemSettingData"),
                               {{"InstanceID", snapshot.text("InstanceID")}, {"ElementName", title}})});
    return done ? Result<void>() : Result<void>(done.error());
}

}  // namespace

Result<void> run(Context& c, const VmSnapshotCommand& command) {
    auto machine = find_machine(c.session, command.name);
    if (!machine) return machine.error();
    auto before = snapshots_of(c.session, *machine);
    if (!before) return before.error();
    auto done = call_with_progress(c, "taking a snapshot of " + machine->name,
                                   snapshot_service(c.options.naming), "CreateSnapshot",
                                   {Argument::of_reference("AffectedSystem", machine->system),
                                    Argument::of_text("SnapshotType", command.disks_only ? "3" : "2")});
    if (!done) return done.error();
    auto made = made_snapshot(c.session, *machine, *done, *before);
    if (!made) return made.error();
    if (!command.title.empty())
        if (auto named = give_title(c, *made, command.title); !named) return named;
    const auto title = command.title.empty() ? made->text("ElementName") : command.title;
    const bool memory = iequals(made->text("IsSaved"), "true");
    if (c.options.json)
        c.out << "{\"Name\": " << json_string(machine->name) << ", \"Id\": " << json_string(machine->guid)
              << ", \"Snapshot\": " << json_string(title)
              << ", \"SnapshotId\": " << json_string(guid_of(*made))
              << ", \"Memory\": " << (memory ? "true" : "false") << "}\n";
    else
        c.out << printable(machine->name) << ": snapshot \"" << printable(title) << "\", " << guid_of(*made)
              << (memory ? ", with memory" : ", without memory") << '\n';
    return {};
}

Result<void> run(Context& c, const VmSnapshotsCommand& command) {
    auto machine = find_machine(c.session, command.name);
    if (!machine) return machine.error();
    auto all = snapshots_of(c.session, *machine);
    if (!all) return all.error();
    if (c.options.json) {
        std::vector<std::string> rows;
        for (const auto& s : *all) rows.push_back(to_json(s));
        c.out << json_array(rows) << '\n';
        return {};
    }
    Table table({"SNAPSHOT", "TAKEN", "ID"});
    for (const auto& s : *all) table.add({s.text("ElementName"), s.text("CreationTime"), guid_of(s)});
    table.write(c.out);
    return {};
}

Result<void> run(Context& c, const VmApplyCommand& command) {
    auto machine = find_machine(c.session, command.name);
    if (!machine) return machine.error();
    auto snapshot = find_snapshot(c.session, *machine, command.snapshot);
    if (!snapshot) return snapshot.error();
    auto done = call_with_progress(
        c, "applying a snapshot to " + machine->name, snapshot_service(c.options.naming), "ApplySnapshot",
        {Argument::of_reference("Snapshot",
                                snapshot_resource(c.options.naming, snapshot->text("InstanceID")))});
    if (!done) return done.error();
    auto now = c.session.get(machine->system);
    if (!now) return now.error();
    const auto state = state_text(parse_uint(now->text("EnabledState")).value_or(0));
    if (c.options.json)
        c.out << "{\"Name\": " << json_string(machine->name) << ", \"Id\": " << json_string(machine->guid)
              << ", \"State\": " << json_string(state) << "}\n";
    else
        c.out << printable(machine->name) << ": as in \"" << printable(snapshot->text("ElementName"))
              << "\", " << state << '\n';
    return {};
}

}  // namespace wsvirt::client
