// A migration from the call's parameters to what the machine layer is asked for. plan_of() reads and checks
// the parameters; problems_of() looks at both hosts and says everything that would keep the machine from
// moving. Nothing is changed by either. Not thread safe; one call.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/migration_service/wishes.hpp"

namespace wsvirt::cim::migration_service {

struct Plan {
    Wishes wishes;
    HostEntry source, destination;
    std::shared_ptr<const backend::Machine> machine;
    backend::MachineSpec spec;  // how it will be there
    backend::MigrationRequest request;
    bool new_settings = false;  // disks that move alone: more than their paths is to be different
    std::map<std::string, std::string> extra;  // properties of the job

    const std::string& guid() const { return machine->spec.uuid; }
    bool stays() const { return !needs_host(wishes.type); }
    // What is in the drive gets another path.
    bool renames(const backend::Disk& was) const {
        return request.disk_targets.contains(was.path) || request.drive_targets.contains(was.id);
    }
    std::vector<std::string> files_made() const;     // at the destination
    std::vector<std::string> files_removed() const;  // at the source, once the machine stands on their copies
};

// The parameters ComputerSystem, MigrationSettingData, NewSystemSettingData, NewResourceSettingData, and the
// destination. destination: nullopt when none was given, an Error when it names no host.
// Errors: invalid_parameter, type_mismatch, not_supported, and those of settings; ids below
// "wsvirt.migration.incompatible" are parameters that do not fit together.
Result<Plan> plan_of(const MethodCall& call, std::optional<Result<HostEntry>> destination);
std::optional<Result<HostEntry>> destination_host(const MethodCall& call);    // the parameter DestinationHost
std::optional<Result<HostEntry>> destination_system(const MethodCall& call);  // DestinationSystem

// Empty: it can move. The first is the most important. deep: disks are opened, too.
std::vector<Error> problems_of(const Services& services, const Plan& plan, bool deep = false);

bool is_incompatible(const Error& e);
// Nothing has begun yet that could take too long: who does not answer in time does not answer.
Error of_a_look(Error e);

// Why the disk in a drive is not one that a migration copies, as what is said of it; null: it can be copied.
const char* not_copied(const backend::Disk& d);
// A disk that can be copied.
bool is_copied(const backend::Disk& d);

// The attributes of a planned system that say for which host MigrationType 32770 has made it, and of which
// machine.
inline constexpr std::string_view staged_for = "Planned.Host", staged_from = "Planned.Of";

// What a job keeps for the case that it is cut off, beside the properties of its class: the host that the
// machine came from, whether it ran ("1"), stood still, was off or was off and has arrived whole, the files
// that are to be made at the destination (one a line), those of them that were made, each with its mark
// before it (removal.hpp), and those that they are copied from, in the same order, where they are not to
// stay, with what is known of them by marks; and the planned system that the machine becomes.
inline constexpr const char *source_extra = "Source.Host", *running_extra = "Source.Running",
                            *copies_extra = "Destination.Copies", *made_extra = "Destination.Made",
                            *originals_extra = "Source.Originals", *planned_extra = "Destination.Planned";
inline constexpr const char* marks_extra = "Source.Marks";
// "1" while disks that move alone are not the only thing that is to be different.
inline constexpr const char* settings_extra = "Source.Settings";
inline constexpr const char *stood_still = "2", *was_off_and_arrived = "3";

}  // namespace wsvirt::cim::migration_service
