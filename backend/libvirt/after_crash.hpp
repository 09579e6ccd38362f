// What a program that was killed leaves for the embedded driver, which lives in the program and so died with
// it, though QEMU did not. libvirt takes up again what ran; this helps where it does not do so by itself.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backend/libvirt/connector.hpp"
#include "backend/libvirt/torn_status.hpp"

namespace wsvirt::backend::libvirt {

// A start that was cut off before there was a QEMU leaves a note of its state that libvirt reads at its next
// start and then believes for ever that the machine is starting: every later call waits in vain for that
// start. Such notes are removed. QEMU gives its answer to what the killed program asked last to whoever is
// connected by then; libvirt would take it for the answer to its own first question and, as it makes no sense
// there, end the machine. Such answers are waited for and dropped, at most for `limit`. Notes of merges that
// went on are corrected by what QEMU says of them (torn_status.hpp). Before libvirt's driver begins, once in
// a process; does nothing while another program uses the folder.
void clear_up_after_crash(const std::string& run_dir, std::chrono::milliseconds limit);

// The part of it that waits for QEMU's answers.
void hear_out_monitors(const std::string& run_dir, std::chrono::milliseconds limit);

// Asks the QEMU that libvirt's note of a machine names; nullopt: it does not answer.
std::optional<MergesInQemu> merges_in_qemu(const std::string& status, std::chrono::milliseconds limit);
// Has it close files that nothing stands on; what it keeps open does no harm but to saving the machine.
void close_nodes(const std::string& status, const std::vector<std::string>& names,
                 std::chrono::milliseconds limit);

// libvirt takes up each machine that ran on in a thread of its own, which may well end with "it never ran",
// and sends no event for that. Waits until it is done with all of them, at most for `limit`; `late` is called
// (in another thread) with each machine that took longer. Of those that run, a saved state that is still
// there is dropped: they were started from it, and starting from it again would spoil their disks.
void wait_until_taken_up(const Connection& connection, std::chrono::milliseconds limit,
                         std::function<void(std::string uuid)> late);

}  // namespace wsvirt::backend::libvirt
