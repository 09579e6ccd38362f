#include "wsman/client/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "version.hpp"
#include "wsman/client/exit_code.hpp"

namespace wsvirt::client {
namespace {

constexpr const char* footer =
    "RESOURCE is a class (Msvm_ComputerSystem), an object path (Class.Key=\"value\",Key2=\"value\") or a "
    "full\n"
    "resource URI. Environment: WSVIRT_URL, WSVIRT_USER, WSVIRT_PASSWORD, WSVIRT_CA.\n"
    "Exit codes: 0 done; 1 the server refused or the job failed; 2 wrong command line; 3 no connection;\n"
    "4 sign-in refused or not allowed; 5 not found; 6 timed out.";

// What CLI11 fills while it parses; the commands' own parts are copied into Options::command at the end.
struct Draft {
    Options options;
    bool dmtf = false;
    unsigned timeout = 60;
    unsigned job_limit = 3600;
    IdentifyCommand identify;
    GetCommand get;
    EnumCommand enumerate;
    QueryCommand query;
    InvokeCommand invoke;
    VmShowCommand show;
    VmStateCommand state;
    VmDefineCommand define;
    VmSnapshotCommand snapshot;
    VmSnapshotsCommand snapshots;
    VmApplyCommand apply;
    VmExportCommand exporting;
    VmImportCommand import;
    VmValidateCommand validate;
    VmRealizeCommand realize;
    VmMigrateCommand migrate;
};

void add_common(CLI::App& app, Draft& d) {
    auto& c = d.options.connection;
    app.add_option("--url", c.url, "the server")->envname("WSVIRT_URL")->capture_default_str();
    app.add_option("-u,--user", c.user, "user name")->envname("WSVIRT_USER");
    app.add_option("--password-file", d.options.password_file, "file with the password in its first line");
    app.add_option("--ca", c.ca_file, "PEM file with the CA (or the self-signed certificate) to trust")
        ->envname("WSVIRT_CA");
    app.add_flag("--insecure", c.insecure, "do not check the server's certificate");
    app.add_option("--timeout", d.timeout, "seconds for one request")
        ->check(CLI::Range(1U, 86400U))
        ->capture_default_str();
    app.add_option("--job-timeout", d.job_limit, "seconds to wait for a job")
        ->check(CLI::Range(1U, 604800U))
        ->capture_default_str();
    app.add_option("-n,--namespace", d.options.naming.name_space, "CIM namespace")->capture_default_str();
    app.add_flag("--dmtf", d.dmtf, "form resource URIs as the DMTF does, not as WMI");
    app.add_flag("--json", d.options.json, "answer in JSON");
    app.add_flag("--progress", d.options.progress,
                 "show the progress of jobs also where standard error is no terminal");
    app.add_flag("--nulls", d.options.nulls, "show properties without a value too");
}

void add_operations(CLI::App& app, Draft& d) {
    auto* identify = app.add_subcommand("identify", "what is listening there");
    identify->add_flag("--unauthenticated", d.identify.unauthenticated, "ask without signing in");

    auto* get = app.add_subcommand("get", "read one instance");
    get->add_option("RESOURCE", d.get.resource)->required();
    get->add_option("SELECTOR=VALUE", d.get.selectors, "keys, when the resource does not name them");

    auto* enumerate = app.add_subcommand("enum", "read every instance of a class");
    enumerate->add_option("RESOURCE", d.enumerate.resource)->required();
    enumerate->add_flag("--refs", d.enumerate.references, "only references");
    enumerate->add_option("--limit", d.enumerate.limit, "stop after so many");

    auto* query = app.add_subcommand("query", "ask with WQL");
    query->add_option("WQL", d.query.wql)->required();
    query->add_flag("--refs", d.query.references, "only references");
    query->add_option("--limit", d.query.limit, "stop after so many");

    auto* invoke = app.add_subcommand("invoke", "call a method and wait for its job");
    invoke->add_option("RESOURCE", d.invoke.resource)->required();
    invoke->add_option("METHOD", d.invoke.method)->required();
    invoke->add_option("NAME=VALUE", d.invoke.arguments, "parameters; NAME=@FILE sends the file's text");
    invoke->add_option("-s,--selector", d.invoke.selectors, "SELECTOR=VALUE of the target")
        ->allow_extra_args(false);
    invoke->add_option("-r,--ref", d.invoke.references, "NAME=PATH: a reference")->allow_extra_args(false);
    invoke
        ->add_option("-i,--instance", d.invoke.instances,
                     "NAME=CLASS:PROPERTY=VALUE:...: an embedded instance")
        ->allow_extra_args(false);
}

void add_state_command(CLI::App& vm, Draft& d, const char* name, const char* what, VmAction action) {
    auto* sub = vm.add_subcommand(name, what);
    sub->add_option("NAME", d.state.names, "name or GUID of a machine")->required();
    sub->callback([&d, action] {
        if (d.state.action != VmAction::off) d.state.action = action;
    });
    if (action == VmAction::stop)
        sub->add_flag_callback(
            "--off", [&d] { d.state.action = VmAction::off; }, "cut the power instead of asking the guest");
    if (action == VmAction::remove) sub->add_flag("-f,--force", d.state.force, "turn it off first");
}

void add_snapshots(CLI::App& vm, Draft& d) {
    auto* snapshot = vm.add_subcommand("snapshot", "take a snapshot of a machine");
    snapshot->add_option("NAME", d.snapshot.name, "name or GUID of the machine")->required();
    snapshot->add_option("--title", d.snapshot.title, "name of the snapshot");
    snapshot->add_flag("--disks-only", d.snapshot.disks_only, "of a running machine: without its memory");
    vm.add_subcommand("snapshots", "the snapshots of a machine")
        ->add_option("NAME", d.snapshots.name, "name or GUID")
        ->required();
    auto* apply = vm.add_subcommand("apply", "give a machine the state of a snapshot back");
    apply->add_option("NAME", d.apply.name, "name or GUID of the machine; it is off or saved")->required();
    apply->add_option("SNAPSHOT", d.apply.snapshot, "name or GUID of the snapshot")->required();
}

void add_exports(CLI::App& vm, Draft& d) {
    auto* to = vm.add_subcommand("export", "write a machine to a folder of the server");
    auto& e = d.exporting;
    to->add_option("NAME", e.name, "name or GUID")->required();
    to->add_option("FOLDER", e.folder, "does not exist yet")->required();
    to->add_option("--live", e.live, "a running machine: saved (with its memory) or crash (consistent)")
        ->check(CLI::IsMember({"saved", "crash"}))
        ->capture_default_str();
    to->add_flag("--no-snapshots", e.no_snapshots);
    to->add_flag("--no-disks", e.no_disks);
    to->add_flag("--no-memory", e.no_memory);
    auto* from = vm.add_subcommand("import", "make a planned machine from an exported one");
    from->add_option("FILE", d.import.file, "the .xml file in \"Virtual Machines\" of the exported folder")
        ->required();
    from->add_flag("--new-id", d.import.new_id, "as another machine, beside the exported one");
    vm.add_subcommand("planned", "machines that are described but not made");
    vm.add_subcommand("validate", "what keeps a planned machine from being made")
        ->add_option("NAME", d.validate.name, "name or GUID")
        ->required();
    vm.add_subcommand("realize", "make a planned machine")
        ->add_option("NAME", d.realize.name, "name or GUID")
        ->required();
}

void add_migration(CLI::App& vm, Draft& d) {
    auto* to = vm.add_subcommand("migrate", "move a machine to another host, running or off");
    auto& m = d.migrate;
    to->add_option("NAME", m.name, "name or GUID")->required();
    to->add_option("HOST", m.host, "as the server's configuration calls it, or its address")->required();
    auto* disks = to->add_flag("--with-disks", m.with_disks, "copy its disks, too");
    to->add_option("--folder", m.folder, "where the copied disks go at the destination")->needs(disks);
    to->add_flag("--tls", m.tls, "send its memory through TLS");
    to->add_option("--bandwidth", m.bandwidth_mib_s, "MiB a second at most")->check(CLI::PositiveNumber);
}

void add_machines(CLI::App& app, Draft& d) {
    auto* vm = app.add_subcommand("vm", "virtual machines");
    vm->require_subcommand(1);
    vm->fallthrough();
    vm->add_subcommand("list", "every machine and its state");
    vm->add_subcommand("show", "one machine with its settings and devices")
        ->add_option("NAME", d.show.name, "name or GUID")
        ->required();

    auto* define = vm->add_subcommand("define", "make a machine");
    auto& m = d.define;
    define->add_option("NAME", m.name)->required();
    define->add_option("-g,--generation", m.generation, "1: BIOS; 2: UEFI")
        ->check(CLI::Range(1U, 2U))
        ->capture_default_str();
    define->add_option("-c,--processors", m.processors)->check(CLI::Range(1U, 1024U))->capture_default_str();
    define->add_option("-m,--memory", m.memory_mib, "MiB")->check(CLI::PositiveNumber)->capture_default_str();
    define->add_option("--disk", m.disks, "a disk image on the server")->allow_extra_args(false);
    define->add_option("--new-disk", m.new_disks, "FILE:GIB on the server, made first")
        ->allow_extra_args(false);
    define->add_option("--iso", m.isos, "a CD image on the server")->allow_extra_args(false);
    define->add_option("--switch", m.switches, "a network port on this switch")->allow_extra_args(false);
    define->add_option("--serial", m.serial, "pipe that COM 1 is connected to");
    define->add_option("--notes", m.notes);
    define->add_flag("--start", m.start, "start it at once");

    add_state_command(*vm, d, "start", "start, or go on from a saved state", VmAction::start);
    add_state_command(*vm, d, "stop", "ask the guest to shut down, wait until it is off", VmAction::stop);
    add_state_command(*vm, d, "save", "save the memory and stop", VmAction::save);
    add_state_command(*vm, d, "pause", "stop the processors", VmAction::pause);
    add_state_command(*vm, d, "resume", "go on after a pause", VmAction::resume);
    add_state_command(*vm, d, "reset", "press the reset button", VmAction::reset);
    add_state_command(*vm, d, "reboot", "ask the guest to restart", VmAction::reboot);
    add_state_command(*vm, d, "rm", "remove the machine (a planned one too); its disks stay",
                      VmAction::remove);
    add_snapshots(*vm, d);
    add_exports(*vm, d);
    add_migration(*vm, d);
}

Command command_of(const CLI::App& app, const Draft& d) {
    const std::string name = app.get_subcommands().front()->get_name();
    if (name == "identify") return d.identify;
    if (name == "get") return d.get;
    if (name == "enum") return d.enumerate;
    if (name == "query") return d.query;
    if (name == "invoke") return d.invoke;
    const std::string vm = app.get_subcommands().front()->get_subcommands().front()->get_name();
    if (vm == "list") return VmListCommand{};
    if (vm == "show") return d.show;
    if (vm == "define") return d.define;
    if (vm == "snapshot") return d.snapshot;
    if (vm == "snapshots") return d.snapshots;
    if (vm == "apply") return d.apply;
    if (vm == "export") return d.exporting;
    if (vm == "import") return d.import;
    if (vm == "planned") return VmPlannedCommand{};
    if (vm == "validate") return d.validate;
    if (vm == "realize") return d.realize;
    if (vm == "migrate") return d.migrate;
    return d.state;
}

}  // namespace

Parsed parse_command_line(int argc, const char* const* argv) {
    Draft d;
    CLI::App app("wsvirt: manage virtual machines and any CIM resource over WS-Management", "wsvirt");
    app.set_version_flag("--version", std::string("wsvirt ") + version);
    app.require_subcommand(1);
    app.fallthrough();
    app.footer(footer);
    add_common(app, d);
    add_operations(app, d);
    add_machines(app, d);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        std::ostringstream out, err;
        const bool wrong = app.exit(e, out, err) != 0;
        return Parsed{std::nullopt, out.str() + err.str(), wrong ? exit_usage : exit_done};
    }
    d.options.naming.family = d.dmtf ? UriFamily::dmtf : UriFamily::wmi;
    d.options.connection.timeout = std::chrono::seconds(d.timeout);
    d.options.job_limit = std::chrono::seconds(d.job_limit);
    d.options.command = command_of(app, d);
    return Parsed{std::move(d.options), {}, exit_done};
}

}  // namespace wsvirt::client
