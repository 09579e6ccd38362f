// The settings of the migration service and the networks that migrations may use. Both are kept in the Store:
// kinds "migration_service" (key = property) and "migration_network" (key = GUID, the instance as MOF text).
// Thread safe; no state of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cim/model/instance.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"
#include "cim/schema/class.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::migration_service {

inline constexpr const char* service_class = "Msvm_VirtualSystemMigrationService";
inline constexpr const char* service_name = "migrationwmi";
inline constexpr const char* settings_class = "Msvm_VirtualSystemMigrationServiceSettingData";
inline constexpr const char* network_class = "Msvm_VirtualSystemMigrationNetworkSettingData";
inline constexpr const char* capabilities_class = "Msvm_VirtualSystemMigrationCapabilities";
inline constexpr const char* migration_class = "Msvm_VirtualSystemMigrationSettingData";
inline constexpr const char* capabilities_id = "Microsoft:MigrationCapabilities";
inline constexpr const char* settings_id = "Microsoft:VirtualSystemMigrationServiceSettingData";

struct ServiceState {
    bool enabled = true, compression = false;
    std::uint32_t most_machines = 2, most_storage = 2;  // at the same time; 0 = as many as are asked for
    std::uint32_t authentication = 1;                   // Kerberos
};
ServiceState service_state(const Services& services);
Instance settings_instance(const Services& services, const ClassPtr& cls);

struct MigrationNetwork {
    std::string id;  // InstanceID
    std::string subnet;
    unsigned prefix_length = 0;
    std::uint32_t metric = 0;
    std::vector<std::string> tags;
};
std::vector<MigrationNetwork> networks(const Services& services);  // best metric first
Result<void> put_network(const Services& services, const MigrationNetwork& n);
Result<void> erase_network(const Services& services, std::string_view id);
Instance network_instance(const ClassPtr& cls, const MigrationNetwork& n);
// Whether the networks allow an address; all are allowed where no network is configured.
bool allowed(const std::vector<MigrationNetwork>& all, const std::string& address);

// How many migrations may run at a time, of storage alone or of machines.
JobLimit most_active(const Services& services, bool storage);
// What is read from the service's instance beyond what every service shows; its SystemName says of which
// host.
void fill_service(const Services& services, Instance& service);

// One Msvm_VirtualSystemMigrationSettingData for each MigrationType, to copy.
std::vector<Instance> setting_templates(const Services& services, const ClassPtr& cls);
std::vector<std::string> setting_template_ids();  // their InstanceIDs

}  // namespace wsvirt::cim::migration_service
