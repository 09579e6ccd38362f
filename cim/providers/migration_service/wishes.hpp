// What a Msvm_VirtualSystemMigrationSettingData asks for. Every property has its effect or is refused by
// name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cim/providers/methods.hpp"

namespace wsvirt::cim::migration_service {

enum class MigrationType : std::uint16_t {
    machine = 32768,
    storage = 32769,
    staged = 32770,
    both = 32771,
    storage_check = 32772,  // only for CheckVirtualSystemIsMigratable
};
inline bool needs_host(MigrationType t) {
    return t != MigrationType::storage && t != MigrationType::storage_check;
}
inline bool copies_disks(MigrationType t) {
    return !(t == MigrationType::machine || t == MigrationType::staged);
}

struct Wishes {
    MigrationType type = MigrationType::machine;
    bool tls = false, compression = false, keep_source_disks = false, cancel_on_blackout = false;
    std::uint64_t bandwidth_mib_s = 0;   // 0 = as fast as it goes
    std::string planned_system;          // GUID or ""
    std::vector<std::string> addresses;  // of the destination, in order of preference
};

// Without settings: the defaults above. Errors: invalid_parameter, type_mismatch, not_supported; subject =
// the property.
Result<Wishes> wishes_of(const MethodCall& call);

// "byte per second * 2^20" and the like, and a number, as MiB a second (at least 1). Errors:
// invalid_parameter.
Result<std::uint64_t> bandwidth_of(std::uint64_t number, std::string_view unit);

}  // namespace wsvirt::cim::migration_service
