// One call at a time gives a file to a machine. Whether a file is free is told by the disks of the machines,
// and a machine has its disk only when the job that gives it has ended: until then the call holds a claim to
// the file, and looks once more whether it is free when it has it. Keep what is claimed until the job has
// ended (captured by its work). The image service works on files under the same keys. Thread safe.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim::vs {

using DiskClaims = std::shared_ptr<std::vector<std::shared_ptr<JobManager::Guard>>>;

// The key, among the busy keys of JobManager, of who changes an image file or decides whose it is.
std::string file_key(const std::string& canonical);

// Whether one machine only can have the file of this drive: it has one, and no CD and no shared disk.
bool is_exclusive(const backend::Disk& d);
std::set<std::string> exclusive_files(const backend::MachineSpec& s);
// The files of its drives but CDs, and whether others may have them, too.
using DiskFiles = std::map<std::string, bool, std::less<>>;
DiskFiles disk_files(const backend::MachineSpec& s);

// Claims the files, named by their canonical paths, for a machine (its GUID): all of them or none. Never
// waits. host: as for check_unused(). Errors: busy (another call is giving away or changing one, or another
// machine has it and does not share it, or is not shared with).
Result<DiskClaims> claim_disks(Services& services, const DiskFiles& files, std::string_view machine,
                               std::string_view host = {});

}  // namespace wsvirt::cim::vs
