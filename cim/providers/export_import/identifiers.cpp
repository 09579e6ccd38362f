#include "cim/providers/export_import/identifiers.hpp"

#include <set>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/migration_service/hosts.hpp"

namespace wsvirt::cim::export_import {

namespace {

class Identifiers {
  public:
    explicit Identifiers(const vs::PlannedSystem& planned) : system_(planned.spec.uuid) {}

    Result<void> add(const std::string& snapshot) {
        if (!iequals(snapshot, system_) && snapshots_.insert(snapshot).second) return {};
        return Error(Status::invalid_parameter, "wsvirt.import.identifier_twice",
                     "The definition uses the identifier " + snapshot +
                         " twice; every snapshot needs its own. Export the machine again.",
                     "SystemDefinitionFile");
    }
    Result<void> check_other(const backend::MachineSpec& spec,
                             const std::vector<backend::SnapshotInfo>& its_snapshots) const {
        if (iequals(spec.uuid, system_)) return {};  // itself; another with its identifier is found elsewhere
        if (snapshots_.contains(spec.uuid)) return taken(spec.uuid, "\"" + spec.name + "\"");
        for (const auto& s : its_snapshots)
            if (iequals(s.id, system_) || snapshots_.contains(s.id))
                return taken(s.id, "a snapshot of \"" + spec.name + "\"");
        return {};
    }

  private:
    static Error taken(const std::string& id, const std::string& whose) {
        return Error(Status::invalid_parameter, "wsvirt.import.identifier_taken",
                     "The identifier " + id + " is that of " + whose +
                         " already; import with GenerateNewSystemIdentifier set to true.",
                     "GenerateNewSystemIdentifier");
    }

    std::string system_;
    std::set<std::string, ILess> snapshots_;
};

}  // namespace

Result<void> check_identifiers(Services& services, const vs::PlannedSystem& planned) {
    Identifiers all(planned);
    for (const auto& s : planned.snapshots)
        if (auto r = all.add(s.id); !r) return r;
    for (const auto& host : migration_service::hosts_of(services))
        for (const auto& m : host.hypervisor->machines())
            if (auto r = all.check_other(m->spec, m->snapshots); !r) return r;
    for (const auto& p : vs::PlannedSystems(services).all())
        if (auto r = all.check_other(p->spec, p->snapshots); !r) return r;
    return {};
}

}  // namespace wsvirt::cim::export_import
