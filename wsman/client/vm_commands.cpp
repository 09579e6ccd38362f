#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>

#include "base/text.hpp"
#include "wsman/client/commands.hpp"
#include "wsman/client/machine.hpp"
#include "wsman/client/output.hpp"

namespace wsvirt::client {
namespace {

enum : std::uint64_t { state_off = 3, state_saved = 6 };

std::string number_or_zero(const std::string& text) {
    return parse_uint(text) ? text : "0";
}

std::string machine_json(const Object& o) {
    return "{\"Name\": " + json_string(o.text("ElementName")) + ", \"Id\": " + json_string(o.text("Name")) +
           ", \"State\": " + json_string(state_text(parse_uint(o.text("EnabledState")).value_or(0))) +
           ", \"EnabledState\": " + number_or_zero(o.text("EnabledState")) +
           ", \"OnTimeInMilliseconds\": " + number_or_zero(o.text("OnTimeInMilliseconds")) + "}";
}

std::string device_line(const Object& d) {
    std::string line = d.text("ElementName");
    const auto quantity = d.text("VirtualQuantity");
    if (!quantity.empty() && quantity != "0" && istarts_with(d.class_name, "Msvm_Memory"))
        line += ", " + quantity + " MiB";
    if (!quantity.empty() && istarts_with(d.class_name, "Msvm_Processor")) line += ", " + quantity;
    for (const auto& text : d.texts("HostResource"))
        if (!text.empty()) line += ", " + text;
    for (const auto& text : d.texts("Connection"))
        if (!text.empty()) line += ", " + text;
    const auto address = d.text("Address");
    if (address.size() == 12) line += ", MAC " + address;
    return line;
}

void show_machine(Context& c, const Object& system, const Object& settings,
                  const std::vector<Object>& devices) {
    if (c.options.json) {
        std::vector<std::string> all;
        for (const auto& d : devices) all.push_back(to_json(d));
        c.out << "{\"System\": " << to_json(system) << ", \"Settings\": " << to_json(settings)
              << ", \"Devices\": " << json_array(all) << "}\n";
        return;
    }
    const auto state = parse_uint(system.text("EnabledState")).value_or(0);
    const auto line = [&](const char* name, const std::string& text) {
        if (!text.empty()) c.out << name << printable(text) << '\n';
    };
    line("name        ", system.text("ElementName"));
    line("id          ", system.text("Name"));
    line("state       ", state_text(state));
    if (state == 2)
        line("up          ", duration_text(parse_uint(system.text("OnTimeInMilliseconds")).value_or(0)));
    line("generation  ", iends_with(settings.text("VirtualSystemSubType"), ":2") ? "2 (UEFI)" : "1 (BIOS)");
    for (const auto& note : settings.texts("Notes")) line("notes       ", note);
    for (const auto& d : devices) line("device      ", device_line(d));
}

std::string requested_state(VmAction action) {
    switch (action) {
        case VmAction::start:
        case VmAction::resume:
            return "2";
        case VmAction::off:
            return "3";
        case VmAction::stop:
            return "4";
        case VmAction::save:
            return "6";
        case VmAction::pause:
            return "9";
        case VmAction::reboot:
            return "10";
        default:
            return "11";
    }
}

std::string doing(VmAction action, const std::string& name) {
    switch (action) {
        case VmAction::start:
            return "starting " + name;
        case VmAction::stop:
            return "shutting down " + name;
        case VmAction::off:
            return "turning off " + name;
        case VmAction::save:
            return "saving " + name;
        case VmAction::pause:
            return "pausing " + name;
        case VmAction::resume:
            return "resuming " + name;
        case VmAction::reset:
            return "resetting " + name;
        case VmAction::reboot:
            return "restarting " + name;
        default:
            return "removing " + name;
    }
}

Result<void> request_state(Context& c, const MachineRef& machine, VmAction action) {
    auto done = call_with_progress(c, doing(action, machine.name), machine.system, "RequestStateChange",
                                   {Argument::of_text("RequestedState", requested_state(action))});
    return done ? Result<void>() : Result<void>(done.error());
}

Error still_running(Context& c, const MachineRef& machine) {
    return Error(Status::timed_out, "client.machine.running",
                 "The guest of \"" + machine.name + "\" has not shut down within " +
                     std::to_string(c.options.connection.timeout.count()) +
                     " seconds. Wait longer with --timeout, or cut the power with: wsvirt vm stop --off " +
                     machine.guid);
}

// Some servers' jobs end when the guest was asked, others' when it is off.
Result<void> wait_until_off(Context& c, const MachineRef& machine) {
    const auto limit = std::chrono::steady_clock::now() + c.options.connection.timeout;
    for (;;) {
        auto now = c.session.get(machine.system);
        if (!now) return now.error();
        if (parse_uint(now->text("EnabledState")).value_or(0) == state_off) return {};
        if (std::chrono::steady_clock::now() > limit) return still_running(c, machine);
        std::this_thread::sleep_for(std::chrono::milliseconds(250));
    }
}

// Asks the guest, and gives up after --timeout: the job is then ended, so that the power can be cut.
Result<void> shut_down(Context& c, const MachineRef& machine) {
    auto output = c.session.invoke(machine.system, "RequestStateChange",
                                   {Argument::of_text("RequestedState", requested_state(VmAction::stop))});
    if (!output) return output.error();
    const Resource* job = output->reference("Job");
    if (output->text("ReturnValue") != "4096" || job == nullptr) {
        auto done = check_return("RequestStateChange", *output);
        return done ? wait_until_off(c, machine) : done;
    }
    auto ended =
        wait_with_progress(c, doing(VmAction::stop, machine.name), *job, c.options.connection.timeout);
    if (ended) return wait_until_off(c, machine);
    if (ended.error().message_id != "client.job.timeout") return ended;
    auto cancelled = c.session.invoke(*job, "RequestStateChange", {Argument::of_text("RequestedState", "4")});
    return cancelled ? still_running(c, machine) : cancelled.error();
}

Result<void> remove_machine(Context& c, const MachineRef& machine, bool force) {
    if (machine.state != state_off && machine.state != state_saved && force)
        if (auto off = request_state(c, machine, VmAction::off); !off) return off;
    auto done =
        call_with_progress(c, doing(VmAction::remove, machine.name), management_service(c.options.naming),
                           "DestroySystem", {Argument::of_reference("AffectedSystem", machine.system)});
    return done ? Result<void>() : Result<void>(done.error());
}

Result<void> change(Context& c, const MachineRef& machine, const VmStateCommand& command) {
    if (command.action == VmAction::remove) return remove_machine(c, machine, command.force);
    if (command.action == VmAction::resume && state_text(machine.state) != "paused")
        return Error(Status::invalid_state, "client.machine.state",
                     "\"" + machine.name + "\" is " + state_text(machine.state) + ", not paused.");
    return command.action == VmAction::stop ? shut_down(c, machine)
                                            : request_state(c, machine, command.action);
}

}  // namespace

Result<void> run(Context& c, const VmListCommand&) {
    auto machines = list_machines(c.session);
    if (!machines) return machines.error();
    std::sort(machines->begin(), machines->end(), [](const Object& a, const Object& b) {
        return std::pair(a.text("ElementName"), a.text("Name")) <
               std::pair(b.text("ElementName"), b.text("Name"));
    });
    if (c.options.json) {
        std::vector<std::string> all;
        for (const auto& m : *machines) all.push_back(machine_json(m));
        c.out << json_array(all) << '\n';
        return {};
    }
    Table table({"NAME", "STATE", "UP", "ID"});
    for (const auto& m : *machines) {
        const auto up = parse_uint(m.text("OnTimeInMilliseconds")).value_or(0);
        table.add({m.text("ElementName"), state_text(parse_uint(m.text("EnabledState")).value_or(0)),
                   up == 0 ? "-" : duration_text(up), m.text("Name")});
    }
    table.write(c.out);
    return {};
}

Result<void> run(Context& c, const VmShowCommand& command) {
    auto machine = find_machine(c.session, command.name);
    if (!machine) return machine.error();
    auto system = c.session.get(machine->system);
    if (!system) return system.error();
    auto settings = c.session.get(settings_resource(c.options.naming, *machine));
    if (!settings) return settings.error();
    auto devices = devices_of(c.session, *machine);
    if (!devices) return devices.error();
    show_machine(c, *system, *settings, *devices);
    return {};
}

Result<void> run(Context& c, const VmStateCommand& command) {
    for (const auto& name : command.names) {
        auto machine = find_machine(c.session, name);
        if (!machine && command.action == VmAction::remove && machine.error().status == Status::not_found)
            if (auto planned = find_planned(c.session, name)) machine = std::move(planned);
        if (!machine) return machine.error();
        if (auto done = change(c, *machine, command); !done) return done;
        auto now =
            command.action == VmAction::remove ? Result<Object>(Object{}) : c.session.get(machine->system);
        if (!now) return now.error();
        const std::string state = command.action == VmAction::remove
                                      ? "removed"
                                      : state_text(parse_uint(now->text("EnabledState")).value_or(0));
        if (c.options.json)
            c.out << "{\"Name\": " << json_string(machine->name) << ", \"Id\": " << json_string(machine->guid)
                  << ", \"State\": " << json_string(state) << "}\n";
        else
            c.out << printable(machine->name) << ": " << state << '\n';
    }
    return {};
}

}  // namespace wsvirt::client
