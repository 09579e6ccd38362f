// A configuration is what one Msvm_VirtualSystemSettingData stands for: the active settings of a machine,
// those of one of its snapshots, or those of a planned system. Everything that reads settings walks
// configurations and does not care which of the three it has. Values hold what they point into alive. Thread
// safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/machine.hpp"
#include "cim/om/operation.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::vs {

struct Configuration {
    enum class Kind : std::uint8_t { active, snapshot, planned, planned_snapshot };
    Kind kind = Kind::active;
    std::shared_ptr<const backend::Machine> machine;  // active, snapshot
    std::shared_ptr<const PlannedSystem> planned;     // planned, planned_snapshot
    const backend::SnapshotInfo* snapshot = nullptr;  // into machine or planned

    const backend::MachineSpec& spec() const {
        if (snapshot) return snapshot->spec;
        return machine ? machine->spec : planned->spec;
    }
    // GUID of the settings (InstanceID "Microsoft:<id>") and of the system they belong to.
    const std::string& id() const { return snapshot ? snapshot->id : system(); }
    const std::string& system() const { return machine ? machine->spec.uuid : planned->spec.uuid; }
    bool is_planned() const { return planned != nullptr; }
    std::string_view system_class() const {
        return machine ? "Msvm_ComputerSystem" : "Msvm_PlannedComputerSystem";
    }
};

// All of them: machines in order of creation, each followed by its snapshots; planned systems last.
std::vector<Configuration> configurations(Services& services);
// By the GUID of the settings.
std::optional<Configuration> find_configuration(Services& services, std::string_view guid);
// All configurations of one system, the active or planned one first.
std::vector<Configuration> configurations_of(Services& services, std::string_view system_guid);

// A stream that makes the instances of one configuration at a time.
using ConfigurationWriter = std::function<void(const Configuration&, std::vector<Instance>&)>;
StreamPtr stream_configurations(std::vector<Configuration> all, ConfigurationWriter write);

}  // namespace wsvirt::cim::vs
