// A migration that was cut off, brought to one place: libvirt leaves the machine on one host, or a half one
// on the other, for a moment; then what is left over is taken away. What cannot be looked at or taken away
// now, because a host does not answer or refuses, is kept in the Store (kind "migration_left", key = the
// machine's GUID and both hosts' names) until it is done: it is tried again when a host comes back, when
// this service starts and with the next migration. Blocking; any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/migration_service/patience.hpp"

namespace wsvirt::cim::migration_service {

// What is still to be done. Only the first asks where the machine is: later it may have gone on.
enum class Rest : std::uint8_t {
    everything,
    at_source,       // it has moved; what is defined at the source goes
    at_destination,  // it has stayed; what is defined at the destination goes, then the copies
    copies,          // the copies go
};

// By path, the mark of each file that was made (Hypervisor::is_made).
using Made = std::map<std::string, std::string>;
// What the mark of a disk that the machine has left behind begins with. Nothing more: it is known by its
// name.
inline constexpr const char* machines_own = "*";

struct CutOff {
    std::string guid;
    HostEntry source, destination;
    bool was_running = false;
    bool was_active = false;          // ran or stood still
    bool arrived = false;             // was off, and all of it was at the destination at the end
    bool disks_only = false;          // on one host
    std::vector<std::string> copies;  // files that were to be made at the destination
    Made made;                        // those that were, as far as it was written down
    // What they were copied from, in the same order: it goes when a machine stands on the copy. Empty: it
    // stays.
    std::vector<std::string> originals;
    Made marks;                        // by what these are known, where the host could tell
    std::vector<std::string> outside;  // copies that lie where no disk may lie, and stay
    std::string planned;  // GUID of the planned system that it has become where it has moved; or ""
    Rest rest = Rest::everything;
    bool stands_still = false;  // at the source, although it ran, and could not be resumed
    bool claimed = false;       // whoever settles it has the copies to itself (claims.hpp)
    std::stop_token stop = {};  // of whoever settles it: what is not done by then is left
    bool alone = false;         // nobody of ours can be at it any more, as the service has been started since
    std::chrono::milliseconds patience = contact_patience;
};
// From what a job keeps (see plan.hpp). nullopt: no migration, or of hosts that are not configured any more.
std::optional<CutOff> cut_off_of(const Services& services, const std::map<std::string, std::string>& extra,
                                 const std::vector<JobRecord::Affected>& affected);

// Of a migration with one host that is not configured any more, which says that this one is gone for good.
struct Alone {
    std::string guid, gone;
    HostEntry host;  // the other
    bool was_running = false;
    std::chrono::milliseconds patience = contact_patience;
};
std::optional<Alone> alone_of(const Services& services, const std::map<std::string, std::string>& extra,
                              const std::vector<JobRecord::Affected>& affected);

enum class Outcome : std::uint8_t { moved, stayed, unknown };
struct Settled {
    Outcome outcome = Outcome::unknown;
    std::string where;           // a sentence, for the person who asked for the migration; "" = as asked
    std::optional<CutOff> left;  // what could not be done now
    // Files that have the names of copies, are not certainly ours, and stay.
    std::vector<std::string> strange = {};
    std::vector<std::string> needed = {};  // a sentence for each original that stays, as others need it
    std::string doubt =
        {};  // "", or a sentence on what somebody has to look at, as nothing of it was changed
};
// Blocks until both hosts answer, at most for some seconds. Nobody else may change the machine meanwhile.
Settled settle(const Services& services, const CutOff& c);
// The same for a migration that failed in front of us and had its destination cleared by the host: only what
// it copied is looked at.
Settled settle_copies(const Services& services, const CutOff& c);

// The machine is whole again on the host that is left, when it is there; what cannot be done now is kept.
// Says where it is, for the person who asked for the migration. Nothing is removed, nor is the machine
// resumed: nobody can tell whether it runs on the host that is gone.
std::string settle_alone(Services& services, const Alone& a);
// It is no planned system any more.
void end_planned(Services& services, const CutOff& c);

// What it was copied from goes, of a migration that has succeeded; the host has tried.
Settled settle_originals(const Services& services, const CutOff& c);
// Whether it certainly stays where it was, whatever a silent destination has of it.
bool has_stayed(const CutOff& c, const backend::Machine& at_source);

// A sentence on what is left, and when it goes; and the same as a job's warning. kept: it was written down.
std::string left_sentence(const CutOff& c, bool kept = true);
JobError left_warning(const CutOff& c, bool kept = true);
JobError needed_warning(const Settled& s);
JobError doubt_warning(const Settled& s);
// The same for files that stay; "" when there are none.
std::string strange_sentence(const Settled& s, const CutOff& c);
Result<void> leave_for_later(const Services& services, const CutOff& c);
// Whether a start that was cut off has seen that it has moved and that its originals stay.
bool keeps_originals(const Services& services, const CutOff& c);
// Whether what a host has of a machine is known to be left over, and is taken away when it can be.
bool is_left_over(const Services& services, const std::string& guid, const HostEntry& host);
// Files of these names are made anew: they are not left over any more.
void made_anew(Services& services, const std::string& host, const std::vector<std::string>& files);
// The machine has come to a host: what that one has of it is not left over any more.
void arrived(Services& services, const std::string& guid, const HostEntry& host);
// It was on a host, and was taken from there to another or removed: it is not looked for where it came from.
void gone_from(Services& services, const std::string& guid, const HostEntry& host);
// Somebody who has locked it has resumed it: that is not done again when it stands still later.
void resumed(Services& services, const std::string& guid);
// The same where nobody has; it does not wait for whoever works on the machine.
void resumed_by_others(Services& services, const std::string& guid);
// Begins a job for each that was left and whose hosts answer.
void settle_what_was_left(Services& services);

}  // namespace wsvirt::cim::migration_service
