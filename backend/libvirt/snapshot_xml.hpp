// libvirt's snapshot XML and what we keep in it. Our snapshots are named by their GUID; the settings of the
// moment are in the domain inside the snapshot, and the attributes of the layer above are an element inside
// our own metadata there. Snapshots made by others get ids derived from their names. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/machine.hpp"
#include "base/result.hpp"

namespace wsvirt::backend::libvirt {

// Without `current`, which the XML does not say.
// What such names begin with is nobody's snapshot, but what a machine was before it goes back to one.
inline constexpr std::string_view former_prefix = "wsvirt.before.";

Result<SnapshotInfo> read_snapshot(std::string_view xml, std::string_view machine);

// What we write on a snapshot.
struct SnapshotNote {
    Attributes attributes;  // of the settings, with those that the request brought
    std::int64_t created_us = 0;
    bool disks_only =
        false;               // memory is in the file, because QEMU cannot leave it out, but is not part of it
    std::string saved_file;  // copy of the saved memory of a machine that was saved then
    std::string nvram_file = {};  // copy of the variables of its UEFI firmware
    // Whether libvirt started the machine by itself then, which it keeps beside the settings; only written:
    // the settings in the snapshot say it from then on.
    std::optional<bool> autostart = {};
    bool from_elsewhere = false;    // an import brought it
    std::string memory_unfit = {};  // why its memory inside the disks cannot be used here; "" = it can
};
Result<std::string> with_note(std::string_view xml, const SnapshotNote& note);
// The settings that we keep in the domain, with the note of a snapshot that is about to be taken; as
// virDomainSetMetadata wants them. "": there are none.
std::string noted_machine(std::string_view domain_xml, const std::string& name, const SnapshotNote& note);

// What one snapshot made of one disk.
struct SnapshotDisk {
    std::string name;  // target
    enum class Kind : std::uint8_t { none, internal, external } kind = Kind::none;
    std::string overlay;  // external: the file that was written from then on
};
struct SnapshotLayout {
    std::string state;  // libvirt's word: "running", "paused", "shutoff", "disk-snapshot"
    std::string memory_file;
    bool memory_internal = false;
    std::vector<SnapshotDisk> disks;
    std::string domain_xml;  // inactive where both are there
    SnapshotNote note;
};
Result<SnapshotLayout> read_layout(std::string_view xml);

// For creating. disks: target → overlay file; "" = internal; targets not named are left out of the snapshot.
struct NewSnapshot {
    std::string name, title;
    bool internal_memory = false;
    std::string memory_file;
    struct Disk {
        std::string target, overlay;
        bool excluded = false;
    };
    std::vector<Disk> disks;
};
std::string new_snapshot_xml(const NewSnapshot& snapshot);

}  // namespace wsvirt::backend::libvirt
