#include "backend/libvirt/disk_servers.hpp"

#include <libvirt/virterror.h>

#include <chrono>
#include <thread>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/core.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/qemu/process.hpp"
#include "backend/qemu/qcow2_header.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

// The server of a machine that has just ended may still write; the file is free when it is through.
constexpr auto lock_patience = std::chrono::seconds(5);
constexpr auto lock_poll = std::chrono::milliseconds(100);
constexpr std::size_t sizeof_guid = 36;  // the sockets' names begin with the machine's

}  // namespace

DiskServers::DiskServers(Core& core, const Session& session, std::string uuid)
    : options_(core.domain_options()),
      program_(core.settings().qemu_nbd),
      uuid_(std::move(uuid)),
      call_{session.deadline, session.stop, {}} {}

Result<void> DiskServers::start(const std::string& xml) const {
    const auto files = served_files(xml);
    for (const auto& file : files)
        if (auto ok = start_one(file); !ok) {
            stop(xml);
            return ok;
        }
    return {};
}

Result<void> DiskServers::start_one(const ServedFile& file) const {
    qemu::end_orphans(program_, "--socket=" + file.socket, true);
    std::vector<std::string> command{program_,
                                     "--fork",
                                     "--socket=" + file.socket,
                                     "--format=" + file.format,
                                     "--export-name=" + file.path,
                                     "--discard=unmap"};
    if (file.read_only) command.push_back("--read-only");
    command.insert(command.end(), {"--", file.path});
    const auto until = std::chrono::steady_clock::now() + lock_patience;
    for (;;) {
        const auto ended = qemu::run_program(call_, command);
        if (!ended) return ended.error();
        if (ended->exit_code == 0) return {};
        Error e = error_from(VIR_ERR_OPERATION_FAILED, std::string(trim(ended->err)), "open the disk");
        e.subject = file.path;
        if (e.status != Status::busy || std::chrono::steady_clock::now() > until) return e;
        std::this_thread::sleep_for(lock_poll);
    }
}

void DiskServers::stop(const std::string& xml) const {
    for (const auto& file : served_files(xml)) qemu::end_orphans(program_, "--socket=" + file.socket, true);
}

void end_left_servers(Core& core) {
    const std::string dir = core.domain_options().disk_server_dir, program = core.settings().qemu_nbd;
    if (dir.empty()) return;
    constexpr std::string_view option = "--socket=";
    const auto left = qemu::running_arguments(program, std::string(option) + dir + "/");
    if (left.empty()) return;
    (void)core.workers->run<void>(
        {}, {"end what serves disks", {}, false, {}, {}}, [=](Session& s) -> Result<void> {
            for (const auto& argument : left) {
                const auto machine = argument.substr(option.size() + dir.size() + 1, sizeof_guid);
                const auto d = find_domain(s.connection, machine);
                const bool none = !d && last_error_code() == VIR_ERR_NO_DOMAIN;
                if (none || (d && virDomainIsActive(d.get()) == 0))
                    qemu::end_orphans(program, argument, true);
            }
            return {};
        });
}

namespace {
const Disk* disk_on(const MachineSpec& spec, const char* format) {
    for (const Disk& d : spec.disks)
        if (!d.path.empty() && qemu::chain_below(d.path, d.format).bottom == format) return &d;
    return nullptr;
}
}  // namespace

Result<void> without_vhdx(const MachineSpec& spec, const std::string& doing) {
    if (const auto* d = disk_on(spec, "vhdx"))
        return Error{Status::not_supported, "wsvirt.disk.vhdx",
                     "Cannot " + doing + " with VHDX disks; convert the disk to VHD or qcow2 first.",
                     d->path};
    return {};
}

Result<void> without_vhd(const MachineSpec& spec, const std::string& doing) {
    if (const auto* d = disk_on(spec, "vpc"))
        return Error{Status::not_supported, "wsvirt.disk.vhd",
                     "Cannot " + doing +
                         " with VHD disks while it runs; turn the machine off first, or convert the disk to "
                         "qcow2.",
                     d->path};
    return {};
}

namespace {

std::vector<pugi::xml_node> disks_in(const pugi::xml_document& doc) {
    std::vector<pugi::xml_node> r;
    if (doc.child("disk")) r.push_back(doc.child("disk"));
    for (const auto disk : doc.child("domain").child("devices").children("disk")) r.push_back(disk);
    return r;
}

// What an earlier version or another program has written.
bool could_be_served(pugi::xml_node disk) {
    return std::string_view(disk.attribute("type").as_string("file")) == "file" &&
           std::string_view(disk.attribute("device").as_string("disk")) == "disk" &&
           disk.child("source").attribute("file") && format_of(disk) == "vpc" && !disk.child("transient");
}

// files: from what the disk itself is, down to the one that is served. libvirt looks for nothing below one
// that is raw.
void write_chain(pugi::xml_node disk, const std::vector<std::string>& files, const std::string& socket) {
    disk.remove_child("backingStore");
    auto upper = disk.insert_child_after("backingStore", disk.child("source"));
    for (std::size_t i = 1; i < files.size(); ++i) {
        const bool last = i + 1 == files.size();
        if (i > 1) upper = upper.append_child("backingStore");
        set_attribute(upper, "type", last ? "network" : "file");
        set_attribute(upper.append_child("format"), "type", last ? "raw" : "qcow2");
        auto source = upper.append_child("source");
        if (last)
            name_server(source, files[i], socket);
        else
            set_attribute(source, "file", files[i]);
    }
}

}  // namespace

std::string with_served_chains(const std::string& xml, const DomainOptions& options, std::string_view uuid) {
    if (options.disk_server_dir.empty()) return xml;
    pugi::xml_document doc;
    if (!doc.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8)) return xml;
    bool changed = false;
    for (auto disk : disks_in(doc)) {
        const std::string target = disk.child("target").attribute("dev").value();
        const std::string path = disk.child("source").attribute("file").value();
        if (path.empty()) continue;
        if (could_be_served(disk)) {
            set_source(disk, path, disk_socket(options, uuid, target, "vpc"));
            set_attribute(child(disk, "driver"), "type", "raw");
            changed = true;
            continue;
        }
        const auto chain = qemu::chain_below(path, format_of(disk));
        const auto socket = disk_socket(options, uuid, target, chain.bottom);
        if (chain.files.size() < 2 || socket.empty()) {  // its parent may have been changed
            if (stands_on_served(disk)) changed |= disk.remove_child("backingStore");
            continue;
        }
        write_chain(disk, chain.files, socket);
        changed = true;
    }
    return changed ? to_text(doc) : xml;
}

std::vector<std::string> told_chains(const std::string& xml) {
    std::vector<std::string> r;
    pugi::xml_document doc;
    if (!doc.load_buffer(xml.data(), xml.size())) return r;
    for (auto disk : disks_in(doc))
        for (auto below = disk.child("backingStore"); below; below = below.child("backingStore")) {
            const auto source = below.child("source");
            for (const char* what : {"file", "name"})
                if (source.attribute(what)) r.emplace_back(source.attribute(what).value());
            r.emplace_back(source.child("host").attribute("socket").value());
        }
    return r;
}

// What somebody else's overlays stand on may have other users; nothing is written there.
std::vector<ServedFile> served_files(const std::string& xml) {
    std::vector<ServedFile> r;
    pugi::xml_document doc;
    if (!doc.load_buffer(xml.data(), xml.size())) return r;
    for (auto disk : disks_in(doc)) {
        std::string above;
        for (auto node = disk; node; node = node.child("backingStore")) {
            const auto source = node.child("source");
            if (is_served(node))
                r.push_back({source.child("host").attribute("socket").value(),
                             source.attribute("name").value(), format_of(node),
                             bool(disk.child("readonly")) || (!above.empty() && !is_overlay(above))});
            above = source.attribute("file").value();
        }
    }
    return r;
}

}  // namespace wsvirt::backend::libvirt
