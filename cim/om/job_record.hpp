// A JobRecord as the text of its row in the store, and back. Lines of name, tab, value; unknown names are
// skipped, so that an older service can read a newer one's rows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cim/om/jobs.hpp"

namespace wsvirt::cim {

inline constexpr std::string_view job_kind = "job";  // of the rows

std::string job_to_text(const JobRecord& r);
std::optional<JobRecord> job_from_text(std::string_view text);  // nullopt: no job row
JobError job_error_of(const Error& e);
// What a record says of a job that has ended so, now.
void end_as(JobRecord& r, JobState state);

}  // namespace wsvirt::cim
