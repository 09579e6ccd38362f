// The folder that the notes of snapshot_journal.hpp lie in. It is that of every host of the service. Private
// to backend/libvirt; any thread.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

// Takes the place of what was noted in the file. Errors: failed.
Result<void> note_again(const Core& core, const std::filesystem::path& file, const Unfinished& what);
// Of every host, but for such as are being written.
std::vector<std::filesystem::path> all_notes(const Core& core);
// Those that the end of an earlier service has left half written.
void remove_half_written(const Core& core);
// Of this host, or an old one that does not say.
bool is_of(const Core& core, const Unfinished& u);
// Of this host and this machine, and of going back to a snapshot.
std::vector<std::filesystem::path> cut_off_applies(const Core& core, std::string_view machine);
// Whether an operation of this process is about it, and is not through.
bool is_held(const std::filesystem::path& file);
// Nor is it let run by what is noted of its start with saved memory.
void stays_paused(const Core& core, std::string_view machine);
// Whether the machine is to be removed yet, as is noted.
bool removal_was_cut_off(const Core& core, std::string_view machine);
// The noted files that are no overlays, of a machine that is not any more.
Result<void> remove_memory_of(const Core& core, const Session& session, const Unfinished& u);
// Says once why what is noted could not be finished. Nothing of a note that is gone.
void note_failure(const std::filesystem::path& file, const Error& why);

}  // namespace wsvirt::backend::libvirt
