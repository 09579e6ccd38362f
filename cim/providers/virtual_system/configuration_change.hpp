// One call that changes settings of one or more virtual systems, from the checks to the job. take() takes the
// busy keys, so that nothing moves between check and change; draft() gives what to change; carry_out() makes
// it real, all or nothing: if a later system refuses, the earlier ones get their old settings back.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/draft.hpp"

namespace wsvirt::cim::vs {

class ConfigurationChange {
  public:
    explicit ConfigurationChange(const MethodCall& call) : call_(call) {}

    // GUIDs of settings. Errors: invalid_parameter (no such settings), busy.
    Result<void> take(const std::set<std::string>& guids);
    // Valid until carry_out(). Errors: invalid_state (a snapshot's devices).
    Result<Draft*> draft(const std::string& guid);
    // The system's own settings; of a snapshot: its name and notes.
    Result<void> change_system(const std::string& guid, const Instance& wanted);
    Result<MethodResult> carry_out(Task task, Arguments results);

  private:
    struct Part {
        Configuration before;
        std::optional<Draft> draft;
        std::optional<backend::SnapshotInfo> snapshot;
    };
    Result<void> change_snapshot(Part& part, const Instance& wanted);
    // Those that the machines do not have yet.
    Result<void> claim_new_disks();

    const MethodCall& call_;
    std::map<std::string, Part, ILess> parts_;
    std::vector<std::shared_ptr<JobManager::Guard>> held_;
    std::vector<DiskClaims> claims_;
};

// Makes new settings real: redefines the machine, or stores the planned system.
Result<void> replace_settings(Services& services, const backend::Call& call, const Configuration& before,
                              const backend::MachineSpec& now);

// "Parameter[2]: ..." in front of the text, where there are several entries.
Error in_element(const Error& e, const std::string& parameter, std::size_t n, std::size_t of);

}  // namespace wsvirt::cim::vs
