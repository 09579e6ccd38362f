// Planned systems: machines that are described but not made yet. They live in the Store (kind "planned", key
// = GUID; their snapshots under "planned_snapshot", key "<GUID of the system>/<GUID of the snapshot>") as the
// text form of their MachineSpec, so they survive restarts and can never be started. What else is known about
// one (where it was imported from) is in the attributes of its spec under "Planned.". Thread safe; stateless.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

struct PlannedSystem {
    backend::MachineSpec spec;
    std::vector<backend::SnapshotInfo> snapshots;
};

// Attributes of a planned system's spec.
inline constexpr std::string_view planned_created = "Planned.Created";   // unix microseconds
inline constexpr std::string_view planned_changed = "Planned.Changed";   // unix microseconds
inline constexpr std::string_view planned_saved = "Planned.SavedState";  // file with saved memory, or absent
inline constexpr std::string_view planned_nvram = "Planned.Nvram";  // file with variables of UEFI, or absent
inline constexpr std::string_view planned_folder = "Planned.ImportFolder";
// And the device: it was emptied since the import, so saved memory that came along has it.
inline constexpr std::string_view planned_emptied = "Planned.Emptied.";
inline constexpr std::string_view planned_unknown = "Planned.UnknownDevices";  // their names, or absent

class PlannedSystems {
  public:
    explicit PlannedSystems(Services& services) : services_(services) {}

    std::vector<std::shared_ptr<const PlannedSystem>> all() const;
    std::shared_ptr<const PlannedSystem> find(std::string_view guid) const;  // without case; null when absent
    // For certain: not where the Store does not say.
    bool is_gone(std::string_view guid) const;
    // Errors: already_exists (also when a machine has the GUID), failed.
    Result<void> add(const PlannedSystem& p);
    Result<void> replace(const PlannedSystem& p);  // not_found
    Result<void> remove(std::string_view guid);    // not_found

  private:
    Services& services_;
};

}  // namespace wsvirt::cim::vs
