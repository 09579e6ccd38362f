// libvirt's notes of running machines ("status"), which the next start of the driver reads. A kill can catch
// them between two steps of a merge: in a form that libvirt 9 writes but does not read, that ends the program
// when the merge is broken off, or that tells of a merge which QEMU has ended long since, so that the disk is
// busy for ever. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wsvirt::backend::libvirt {

// Whether merges are noted at all.
bool notes_merges(std::string_view status);

// What QEMU itself says, as text: its answers to query-jobs and query-block.
struct MergesInQemu {
    std::string jobs, disks;
};
struct MendedStatus {
    std::string text;
    std::vector<std::string> left;  // files that QEMU has open yet, by its names for them, in this order
};
// The same with each merge as it is in truth; where QEMU has not answered, or with an error, only so that it
// can be read. nullopt: it is right, or this is no such note.
std::optional<MendedStatus> mended_status(std::string_view status, const std::optional<MergesInQemu>& asked);

}  // namespace wsvirt::backend::libvirt
