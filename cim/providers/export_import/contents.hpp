// Whether the files of an import still hold what was exported: their sizes and digests against those of the
// definition file, which planned_of() keeps with the planned system. A file that was read once is not read
// again while its size, time and identity stay the same. Blocking; honours the job's stop token.
#pragma once

#include <filesystem>
#include <vector>

#include "cim/codec/export_definition.hpp"
#include "cim/om/jobs.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim::export_import {

// Notes what the files have to hold. A disk that gets another medium is not checked any more.
void expect_contents(vs::PlannedSystem& p, const std::string& root, const ExportDefinition& d);

// Where the disk is of which this one holds only the changes.
std::filesystem::path base_file(const std::filesystem::path& disk, const ExportDefinition::File& f);

void forget_contents(backend::Attributes& of_disk);

// Files that are missing are somebody else's problem; one that is no regular file below the export folders is
// wrong, and not opened. Notes in `p` what was found right; `changed` says that
// there is something new to keep. Errors: cancelled.
struct ContentCheck {
    std::vector<Error> wrong;  // subject: the path
    bool changed = false;
};
Result<ContentCheck> check_contents(const Services& services, vs::PlannedSystem& p, JobContext& job);

}  // namespace wsvirt::cim::export_import
