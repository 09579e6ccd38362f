// A host that runs machines. Implementations: libvirt/ (real) and tests/support (in memory, for unit tests).
// Thread safe. Every call that changes something blocks until done, honours the deadline and the stop token
// of its Call, and reports progress where it has any. Reads of inventory() never block.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "backend/machine.hpp"
#include "base/result.hpp"

namespace wsvirt::backend {

struct Progress {
    std::uint64_t done = 0, total = 0;  // bytes, or libvirt's job figures; total 0 = unknown
};

struct Call {
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    std::stop_token stop;
    std::function<void(const Progress&)> progress;  // may be empty
};

struct HostInfo {
    std::string name, uuid;
    std::string hypervisor_version, libvirt_version, accelerator;  // "kvm" or "tcg"
    std::string cpu_model, cpu_vendor, arch;
    unsigned cpus = 1, cores_per_socket = 1, sockets = 1, threads_per_core = 1, mhz = 0;
    std::uint64_t memory_mib = 0, free_memory_mib = 0;
    bool uefi_available = false, secure_boot_available = false, can_migrate = false;
    unsigned max_processors = 1;
};

struct SwitchInfo {    // what a NIC can be plugged into
    std::string id;    // GUID, stable
    std::string name;  // "Default Switch", bridge or network name
    NicLink link = NicLink::user;
    std::string source;
    bool active = true;
};

struct MachineStats {
    std::uint64_t cpu_time_ns = 0;
    std::uint64_t memory_actual_mib = 0;             // balloon
    std::optional<std::uint64_t> memory_unused_mib;  // seen by the guest
    std::uint64_t disk_read_bytes = 0, disk_written_bytes = 0, net_rx_bytes = 0, net_tx_bytes = 0;
};

struct ImageInfo {
    std::string path, format, backing_file;
    std::uint64_t virtual_size = 0, actual_size = 0;
    std::string subformat;       // "fixed" or "dynamic" for vpc and vhdx
    std::string backing_format;  // as the image names it; "" = it does not
};

struct ImageSpec {
    std::string path, format;  // qcow2, raw, vpc, vhdx
    enum class Kind : std::uint8_t { fixed, dynamic, differencing } kind = Kind::dynamic;
    std::uint64_t size = 0;        // bytes
    std::string parent;            // differencing; convert_image: or relative
    std::uint32_t block_size = 0;  // 0 = default
    // For convert_image only: the source's internal snapshot whose content is wanted.
    std::string from_snapshot = {};
    // Whether a paused machine has the source open; of a new image: any machine its parent.
    bool source_in_use = false;
    // And whether the source does not stand on the parent yet: only what differs from it is written. The
    // source must not be in use.
    bool changes_only = false;
    // What the parent, and for convert_image the source, is, whatever its content looks like; "" = look.
    std::string parent_format = {}, source_format = {};
};

struct SnapshotRequest {
    std::string machine, id;  // GUIDs
    bool memory = true;       // of a running machine
    bool quiesce = false;     // freeze the guest's file systems through its agent
    std::string name;         // display name: kept in the snapshot's attributes
    Attributes attributes;    // merged into the snapshot's spec.attributes
};

// How a machine is left that has gone back to a snapshot, also where a host that fell silent, or the end of
// the service, has put that off.
struct AfterRevert {
    enum class Memory : std::uint8_t { runs, saved, dropped } memory = Memory::runs;  // that of the snapshot
    // An attribute that this snapshot has from then on, and no other one of the machine; "" = none.
    std::string mark, value;
};

struct MigrationRequest {
    std::string machine;
    std::string destination;  // configured host name
    enum class Kind : std::uint8_t { machine, storage, machine_and_storage } kind = Kind::machine;
    std::string destination_uri, migrate_uri;  // libvirt URI of the destination; data address or ""
    bool live = true, tls = false, compress = false;
    std::uint64_t bandwidth_mib_s = 0;                // 0 = unlimited
    std::map<std::string, std::string> disk_targets;  // source path → destination path
    // What is in drives that are not copied: drive's id → path at the destination. Several may hold one file.
    std::map<std::string, std::string> drive_targets = {};
    // How it is defined at the destination, its files as they are called there; of a running machine what its
    // ports are plugged into counts at once, the rest from the next start.
    std::optional<MachineSpec> new_spec;
    std::optional<std::chrono::milliseconds> max_downtime;
    // Is told of each file that is made for a copy, with the mark that is_made() knows it by, before it has
    // its name or anything is written to it: one that has a name from its beginning, before it is made too,
    // with a mark that it has only while it is empty, and with "" when it was not made after all. After an
    // error the file goes again, and nothing moves. May be empty; called from another thread, and perhaps
    // when migrate() has given up.
    std::function<Result<void>(const std::string& file, const std::string& mark)> made = {};
    // Is told when all of a machine that is off is at the destination, before the source forgets it. May be
    // empty; the rest as for made.
    std::function<Result<void>()> arrived = {};
};

// Message id of a migration that failed while the destination still had what it had begun.
inline constexpr std::string_view half_there = "wsvirt.migration.half_there";

enum class EventKind : std::uint8_t {
    machine_added,
    machine_removed,
    machine_changed,
    state_changed,
    host_lost,
    host_back
};
struct Event {
    EventKind kind;
    std::string machine;                           // GUID
    std::shared_ptr<const Machine> before, after;  // as far as known
};

class Hypervisor {
  public:
    virtual ~Hypervisor() = default;

    // --- reads, from memory ---
    virtual std::vector<std::shared_ptr<const Machine>> machines() const = 0;  // in order of creation
    virtual std::shared_ptr<const Machine> machine(
        std::string_view uuid) const = 0;  // case-insensitive; null
    virtual HostInfo host() const = 0;
    virtual std::vector<SwitchInfo> switches() const = 0;
    virtual bool connected() const = 0;
    // The callback runs on the event thread, in order; it must not call back into the Hypervisor's changes.
    // Dropping the returned handle unsubscribes.
    virtual std::shared_ptr<void> subscribe(std::function<void(const Event&)> on_event) = 0;
    // --- reads that ask the host ---
    virtual Result<MachineStats> stats(const Call&, std::string_view uuid) = 0;
    // Raw screenshot as PPM text+binary, from QEMU. Errors: invalid_state.
    virtual Result<std::string> screenshot(const Call&, std::string_view uuid) = 0;

    // --- life of a machine. All-or-nothing; a change is visible in machine() when the call returns. ---
    virtual Result<void> define(const Call&, const MachineSpec& spec) = 0;  // already_exists
    virtual Result<void> redefine(const Call&,
                                  const MachineSpec& spec) = 0;  // whole new settings, same uuid; applies
                                                                 // what can be applied to a running machine
    virtual Result<void> undefine(
        const Call&,
        std::string_view uuid) = 0;  // off or saved; keeps disks; drops snapshots' metadata and saved state
    // Takes back define() and what came after it on the way to a whole machine: like undefine, but the files
    // of its disks and of snapshots beside them stay as they are.
    virtual Result<void> forget(const Call&, std::string_view uuid) = 0;
    virtual Result<void> start(const Call&, std::string_view uuid) = 0;  // from off, or from saved state
    virtual Result<void> power_off(const Call&, std::string_view uuid) = 0;
    virtual Result<void> shut_down(
        const Call&, std::string_view uuid) = 0;  // asks the guest; returns when off or deadline
    virtual Result<void> suspend(const Call&, std::string_view uuid) = 0;
    virtual Result<void> resume(const Call&, std::string_view uuid) = 0;
    virtual Result<void> save(const Call&, std::string_view uuid) = 0;
    virtual Result<void> discard_saved_state(const Call&, std::string_view uuid) = 0;
    virtual Result<void> reset(const Call&, std::string_view uuid) = 0;
    virtual Result<void> reboot(const Call&, std::string_view uuid) = 0;
    virtual Result<void> inject_nmi(const Call&, std::string_view uuid) = 0;
    virtual Result<void> send_keys(const Call&, std::string_view uuid,
                                   const std::vector<unsigned>& keycodes) = 0;
    // Writes what the guest has in mind to its disks and lets it write nothing more until they are thawed;
    // through its agent. Errors: not_supported (no agent answers).
    virtual Result<void> freeze(const Call&, std::string_view uuid) = 0;
    virtual Result<void> thaw(const Call&, std::string_view uuid) = 0;

    // --- snapshots ---
    virtual Result<SnapshotInfo> snapshot(const Call&, const SnapshotRequest&) = 0;
    // Of a machine in any state. Where the memory cannot be saved the machine is off, and that is an error.
    virtual Result<void> revert(const Call&, std::string_view uuid, std::string_view snapshot,
                                const AfterRevert&) = 0;
    virtual Result<void> delete_snapshot(const Call&, std::string_view uuid, std::string_view snapshot,
                                         bool with_children) = 0;
    virtual Result<void> modify_snapshot(const Call&, std::string_view uuid,
                                         const SnapshotInfo& changed) = 0;  // attributes only

    // Makes snapshots known that are there already (of an imported machine), in any order: inside the disks,
    // or (external) in files that their specs name. names_in_disks: what each is called inside the disks,
    // parallel; renamed there to its id where that is another GUID (a name that others gave stays). hardware:
    // parallel, what snapshot_hardware() said of each; "" = it is made anew from the spec. Their memory_file
    // and nvram_file are copied. After an error some may be known already: forget() the machine. Errors:
    // not_supported, invalid_parameter (a disk does not hold one of them; hardware that wants more of the
    // host than the spec).
    virtual Result<void> adopt_snapshots(const Call&, std::string_view uuid,
                                         const std::vector<SnapshotInfo>& snapshots,
                                         const std::vector<std::string>& names_in_disks,
                                         const std::vector<std::string>& hardware) = 0;
    // The devices that the memory inside the disks belongs to, each at its place, in the host's words; "" of
    // a snapshot without such memory.
    virtual Result<std::string> snapshot_hardware(const Call&, std::string_view uuid,
                                                  std::string_view snapshot) = 0;

    // --- saved memory, for export and import ---
    virtual Result<void> export_saved_state(const Call&, std::string_view uuid,
                                            const std::string& to_file) = 0;
    virtual Result<void> import_saved_state(const Call&, std::string_view uuid,
                                            const std::string& from_file) = 0;
    // The variables of the machine's UEFI firmware become those of the file; of a machine that is off.
    virtual Result<void> import_nvram(const Call&, std::string_view uuid, const std::string& from_file) = 0;
    // In bytes, of a machine that is saved. Errors: not_supported (a host whose files are out of reach).
    virtual Result<std::uint64_t> saved_state_size(const Call&, std::string_view uuid) = 0;

    // --- migration ---
    // Snapshots go along where every file of theirs is seen by both hosts under the same name.
    virtual Result<void> migrate(const Call&, const MigrationRequest&, Hypervisor& destination) = 0;
    // Whether a disk of a machine that is off can be copied from here to another host. Errors: not_supported
    // (it stands on a file that only the host sees).
    virtual Result<void> check_copied(const Call&, const std::string& path) = 0;
    // Before the machine is changed, moved or copied as it was seen: going back to a snapshot that was cut
    // off is finished first. Errors: invalid_state, busy: that cannot be done yet; busy also: it has been
    // done only now, and what was seen is old.
    virtual Result<void> check_whole(const Call&, std::string_view uuid) = 0;
    // Makes snapshots known again that a migration had put aside when it was cut off; on the host where the
    // machine is. None that were is no error.
    virtual Result<void> bring_back_snapshots(const Call&, std::string_view uuid) = 0;
    // What a migration that was cut off has left here of a machine that is on the other host: a definition
    // that is off, and the variables of its firmware where this host has a file of its own for them. Nothing
    // is no error.
    virtual Result<void> forget_rest(const Call&, std::string_view uuid) = 0;
    // Ends migrations and disk copies that were begun by a process that is gone; nothing to end is no error.
    virtual Result<void> abandon(const Call&, std::string_view uuid) = 0;
    // Whether the host itself sees a file of this name. Errors: not_supported (a host that cannot say).
    virtual Result<bool> has_file(const Call&, const std::string& path) = 0;
    // Whether the file of this name is the one that a migration has made here and told of with this mark, not
    // one that somebody has put there. Where nothing but its size is known, one of the same size counts.
    virtual Result<bool> is_made(const Call&, const std::string& path, const std::string& mark) = 0;
    virtual Result<void> remove_file(const Call&,
                                     const std::string& path) = 0;  // one that is gone is no error

    // --- disk images (qemu-img). Paths were checked by the caller. ---
    // format: what the image is, where its content may be a guest's, which can look like anything; "" = look.
    virtual Result<ImageInfo> image_info(const Call&, const std::string& path,
                                         const std::string& format = {}) = 0;
    virtual Result<void> create_image(const Call&,
                                      const ImageSpec&) = 0;  // already_exists; leaves nothing on failure
    virtual Result<void> convert_image(const Call&, const std::string& from,
                                       const ImageSpec& to) = 0;  // with progress
    virtual Result<void> resize_image(const Call&, const std::string& path, std::uint64_t new_size) = 0;
    // Names another file as the one that the image stands on, which must have the same content; a relative
    // name is one in the image's folder.
    virtual Result<void> rebase_image(const Call&, const std::string& path, const std::string& backing,
                                      const std::string& backing_format) = 0;

    // --- text form of settings, for planned systems and exports: the domain XML ---
    virtual Result<std::string> spec_to_text(const MachineSpec&) const = 0;
    virtual Result<MachineSpec> spec_from_text(std::string_view text) const = 0;
};

}  // namespace wsvirt::backend
