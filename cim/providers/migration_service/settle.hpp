// A migration that was cut off, brought to one place: libvirt leaves the machine on one host, or a half one
// on the other, for a moment; then what is left over is taken away. And what could not be looked at, because
// a host does not answer: it is kept in the Store (kind "migration_left", key = the machine's GUID) until the
// host is back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::migration_service {

struct CutOff {
    std::string guid;
    HostEntry source, destination;
    bool was_running = false;
    bool disks_only = false;          // on one host
    std::vector<std::string> copies;  // files that were being made at the destination
};
// From what a job keeps (see plan.hpp). nullopt: no migration, or of hosts that are not configured any more.
std::optional<CutOff> cut_off_of(const Services& services, const std::map<std::string, std::string>& extra,
                                 const std::vector<JobRecord::Affected>& affected);

enum class Outcome : std::uint8_t { moved, stayed, unknown };
struct Settled {
    Outcome outcome = Outcome::unknown;
    std::string where;  // a sentence, for the person who asked for the migration
};
// Blocks until both hosts answer, at most for some seconds. Nobody else may change the machine meanwhile.
Settled settle(const CutOff& c);

// To be settled when the destination answers again.
void leave_for_later(Services& services, const CutOff& c);
// Begins a job for each that was left and whose hosts answer.
void settle_what_was_left(Services& services);

}  // namespace wsvirt::cim::migration_service
