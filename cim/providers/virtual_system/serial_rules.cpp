#include "cim/providers/virtual_system/serial_rules.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "backend/file_sight.hpp"
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::vs {

namespace fs = std::filesystem;

using backend::Machine;
using backend::MachineSpec;
using backend::MachineState;
using backend::SerialPort;

namespace {

constexpr std::size_t looked_at = 65536;
constexpr auto look_limit = std::chrono::seconds(15);
constexpr const char* connection = "Connection";

bool writes(const SerialPort& p) {
    return p.kind == SerialPort::Kind::file || p.kind == SerialPort::Kind::pipe_server;
}

// Others' definitions name files by any of their names.
bool same_file(const std::string& a, const std::string& b) {
    std::error_code ec;
    return !a.empty() && (a == b || fs::path(a).lexically_normal() == fs::path(b).lexically_normal() ||
                          fs::equivalent(a, b, ec));
}

bool has_disk(const MachineSpec& s, const std::string& file) {
    return std::any_of(s.disks.begin(), s.disks.end(),
                       [&](const backend::Disk& d) { return same_file(d.path, file); });
}

bool has_file(const MachineSpec& s, const std::vector<backend::SnapshotInfo>& snapshots,
              const std::string& file) {
    return has_disk(s, file) || std::any_of(snapshots.begin(), snapshots.end(), [&](const auto& of) {
               return has_disk(of.spec, file) || same_file(of.memory_file, file) ||
                      same_file(of.nvram_file, file);
           });
}

// The machine or planned system that has the file in a drive, whichever drive and whether others may have it
// too, or beside its disks.
std::string holder_of(Services& services, const std::string& file) {
    for (const auto& m : services.hypervisor.machines())
        if (has_file(m->spec, m->snapshots, file) || same_file(m->nvram_file, file)) return m->spec.name;
    for (const auto& p : PlannedSystems(services).all())
        if (has_file(p->spec, p->snapshots, file)) return p->spec.name;
    return user_of(services, file, {});  // on another host
}

Error in_use(const std::string& path, const std::string& holder) {
    return Error(Status::busy, "wsvirt.serial.in_use",
                 "\"" + path + "\" is a file of the virtual machine \"" + holder +
                     "\", which a serial port would destroy; choose another Connection.",
                 connection);
}

Result<void> check_nobodys(Services& services, const std::string& path) {
    const auto holder = holder_of(services, path);
    return holder.empty() ? Result<void>() : Result<void>(in_use(path, holder));
}

Result<void> check_socket(const std::string& path) {
    std::error_code ec;
    const auto there = fs::symlink_status(path, ec).type();
    if (there == fs::file_type::not_found || there == fs::file_type::socket) return {};
    return Error(
        Status::invalid_parameter, "wsvirt.serial.no_socket",
        "\"" + path +
            "\" exists and is no socket; remove it, or choose another Connection for the serial port.",
        connection);
}

// What serial ports write has no NUL as disks and the like have them near their beginning.
bool may_be_log(const std::string& path) {
    std::error_code ec;
    if (!fs::is_regular_file(path, ec)) return false;
    std::array<char, looked_at> buffer{};
    std::ifstream in(path, std::ios::binary);
    in.read(buffer.data(), buffer.size());
    const auto end = buffer.begin() + in.gcount();
    return in.is_open() && std::find(buffer.begin(), end, '\0') == end;
}

bool runs(const Machine& m) {
    return m.state != MachineState::off && m.state != MachineState::saved;
}

// Pipes may be named by several, and the last to start has it: a copy runs beside its original.
Result<void> check_not_written(Services& services, const Machine& machine, const std::string& path) {
    for (const auto& m : services.hypervisor.machines()) {
        if (iequals(m->spec.uuid, machine.spec.uuid) || m->host != machine.host || !runs(*m)) continue;
        for (const auto& p : m->spec.serial_ports)
            if (p.kind == SerialPort::Kind::file && p.path == path)
                return Error(Status::busy, "wsvirt.serial.taken",
                             "A serial port of \"" + m->spec.name + "\", which is running, writes \"" + path +
                                 "\"; choose another Connection, or turn that one off.",
                             connection);
    }
    return {};
}

}  // namespace

Result<void> check_serial_target(Services& services, SerialPort::Kind kind, const std::string& path) {
    if (auto r = check_nobodys(services, path); !r) return r;
    if (kind == SerialPort::Kind::pipe_server) return check_socket(path);
    std::error_code ec;
    const auto there = fs::symlink_status(path, ec).type();
    if (there == fs::file_type::not_found || (there == fs::file_type::regular && may_be_log(path))) return {};
    return Error(Status::invalid_parameter, "wsvirt.serial.no_log",
                 "\"" + path +
                     "\" exists and is nothing that a serial port has written; remove it, or choose another "
                     "file for Connection.",
                 connection);
}

Result<void> check_serial_ports(Services& services, const Machine& machine) {
    for (const auto& p : machine.spec.serial_ports) {
        std::error_code ec;
        if (!writes(p) || fs::is_character_file(p.path, ec)) continue;  // others' may write to /dev/null
        if (auto r = check_nobodys(services, p.path); !r) return r;
        auto r = p.kind == SerialPort::Kind::file ? check_not_written(services, machine, p.path)
                                                  : check_socket(p.path);
        if (!r) return r;
    }
    return {};
}

Result<void> check_serial_ports_there(Services& there, const Machine& machine) {
    const auto& guid = machine.spec.uuid;
    for (const auto& p : machine.spec.serial_ports) {
        std::error_code ec;
        if (!writes(p) || fs::is_character_file(p.path, ec)) continue;
        std::string holder = user_of(there, p.path, guid);
        for (const auto& m : there.hypervisor.machines()) {
            if (iequals(m->spec.uuid, guid)) continue;
            if (has_file(m->spec, m->snapshots, p.path) || same_file(m->nvram_file, p.path))
                holder = m->spec.name;
        }
        if (!holder.empty())
            return Error(Status::busy, "wsvirt.serial.in_use",
                         "On the host \"" + there.host.name + "\" \"" + p.path +
                             "\" is a file of the virtual machine \"" + holder +
                             "\", which a serial port of \"" + machine.spec.name +
                             "\" would destroy; change its Connection first.",
                         connection);
        if (p.kind == SerialPort::Kind::file)
            if (auto r = check_not_written(there, machine, p.path); !r) return r;
    }
    return {};
}

Result<void> check_serial_target_there(Services& there, const MachineSpec& spec, const SerialPort& port) {
    Machine machine;
    machine.spec.uuid = spec.uuid;
    machine.spec.name = spec.name;
    machine.spec.serial_ports = {port};
    if (auto r = check_serial_ports_there(there, machine); !r) return r;
    const auto& own = spec.serial_ports;
    const auto same = [&](const SerialPort& p) {
        return p.kind == port.kind && std::filesystem::path(p.path).lexically_normal() ==
                                          std::filesystem::path(port.path).lexically_normal();
    };
    if (std::any_of(own.begin(), own.end(), same)) return {};
    for (const auto& p : PlannedSystems(there).all())
        if (has_file(p->spec, p->snapshots, port.path)) return in_use(port.path, p->spec.name);
    backend::Call call;
    call.deadline = std::chrono::steady_clock::now() + look_limit;
    const auto exists = there.hypervisor.has_file(call, port.path);
    if (!exists && exists.error().message_id == backend::folder_busy)
        return Error(Status::busy, "wsvirt.serial.unseen",
                     "Files are being copied into the folder of \"" + port.path + "\" on the host \"" +
                         there.host.name +
                         "\". Until that has ended the host does not tell whether it has that file already, "
                         "which a serial port would destroy; try again later, or choose a Connection in "
                         "another folder.",
                     connection, exists.error().full_text());
    if (!exists && exists.error().status != Status::not_supported) return exists.error();
    if (!exists || !*exists) return {};
    return Error(Status::invalid_parameter,
                 port.kind == SerialPort::Kind::file ? "wsvirt.serial.no_log" : "wsvirt.serial.no_socket",
                 "The host \"" + there.host.name + "\" has a file \"" + port.path +
                     "\" already, which a serial port would destroy; remove it, or choose another "
                     "Connection.",
                 connection);
}

Result<void> check_own_serial_ports(const MachineSpec& spec) {
    for (const auto& p : spec.serial_ports)
        if (writes(p) && has_disk(spec, p.path))
            return Error(
                Status::invalid_parameter, "wsvirt.serial.own_disk",
                "\"" + p.path + "\" is in a drive of the same virtual machine; choose another Connection.",
                connection);
    return {};
}

Result<void> check_no_log(Services& services, const std::string& canonical, const std::string& path,
                          std::string_view machine) {
    for (const auto& m : services.hypervisor.machines()) {
        if (iequals(m->spec.uuid, machine)) continue;
        for (const auto& p : m->spec.serial_ports)
            if (p.kind == SerialPort::Kind::file && same_file(p.path, canonical))
                return Error(Status::busy, "wsvirt.disk.log",
                             "A serial port of the virtual machine \"" + m->spec.name + "\" writes \"" +
                                 path + "\"; choose another file.",
                             "HostResource");
    }
    return {};
}

}  // namespace wsvirt::cim::vs
