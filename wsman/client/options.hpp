// The command line of wsvirt, read into plain values. Everything that every command has in common may stand
// before or after it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wsman/client/resource.hpp"
#include "wsman/client/transport.hpp"

namespace wsvirt::client {

struct IdentifyCommand {
    bool unauthenticated = false;
};
struct GetCommand {
    std::string resource;
    std::vector<std::string> selectors;  // NAME=VALUE
};
struct EnumCommand {
    std::string resource;
    bool references = false;
    std::uint64_t limit = 0;  // 0 = all
};
struct QueryCommand {
    std::string wql;
    bool references = false;
    std::uint64_t limit = 0;
};
struct InvokeCommand {
    std::string resource, method;
    std::vector<std::string> selectors;   // NAME=VALUE
    std::vector<std::string> arguments;   // NAME=VALUE; NAME=@FILE sends the file's text
    std::vector<std::string> references;  // NAME=PATH
    std::vector<std::string> instances;   // NAME=CLASS:PROPERTY=VALUE:PROPERTY=VALUE...
};
struct VmListCommand {};
struct VmShowCommand {
    std::string name;
};
enum class VmAction { start, stop, off, save, pause, resume, reset, reboot, remove };
struct VmStateCommand {
    VmAction action = VmAction::start;
    std::vector<std::string> names;
    bool force = false;  // remove: turn it off first
};
struct VmDefineCommand {
    std::string name;
    unsigned generation = 1;
    unsigned processors = 1;
    std::uint64_t memory_mib = 1024;
    std::vector<std::string> disks;      // existing image files
    std::vector<std::string> new_disks;  // FILE:GIB, made first
    std::vector<std::string> isos;
    std::vector<std::string> switches;  // a network port on each
    std::string serial;                 // what COM 1 is connected to
    std::string notes;
    bool start = false;
};

struct VmSnapshotCommand {
    std::string name;   // of the machine
    std::string title;  // of the snapshot; "" = the server's
    bool disks_only = false;
};
struct VmSnapshotsCommand {
    std::string name;
};
struct VmApplyCommand {
    std::string name, snapshot;  // the snapshot by name or GUID
};
struct VmExportCommand {
    std::string name, folder;
    std::string live = "saved";  // of a running machine: "saved" or "crash" (consistent)
    bool no_snapshots = false, no_disks = false, no_memory = false;
};
struct VmImportCommand {
    std::string file;
    bool new_id = false;
};
struct VmPlannedCommand {};
struct VmValidateCommand {
    std::string name;
};
struct VmRealizeCommand {
    std::string name;
};
struct VmMigrateCommand {
    std::string name, host;
    bool with_disks = false;
    std::string folder;  // of the copied disks, at the destination; "" = the same as here
    bool tls = false;
    std::uint64_t bandwidth_mib_s = 0;  // 0 = unlimited
};

using Command = std::variant<IdentifyCommand, GetCommand, EnumCommand, QueryCommand, InvokeCommand,
                             VmListCommand, VmShowCommand, VmStateCommand, VmDefineCommand, VmSnapshotCommand,
                             VmSnapshotsCommand, VmApplyCommand, VmExportCommand, VmImportCommand,
                             VmPlannedCommand, VmValidateCommand, VmRealizeCommand, VmMigrateCommand>;

struct Options {
    Connection connection;
    Naming naming;
    std::string password_file;
    std::chrono::seconds job_limit{3600};
    bool json = false;
    bool progress = false;  // also where standard error is no terminal: a line for each step
    bool nulls = false;
    Command command;
};

// Either options, or what to print and the exit code (help, version, a wrong command line).
struct Parsed {
    std::optional<Options> options;
    std::string text;
    int exit_code = 0;
};
Parsed parse_command_line(int argc, const char* const* argv);

// The password: from the file (its first line), from WSVIRT_PASSWORD, else asked for on the terminal.
// Errors: invalid_parameter (no file, none given and no terminal).
Result<std::string> find_password(const Options& o);

}  // namespace wsvirt::client
