// How results are shown: tables and lists for people, JSON for programs, and a progress bar.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wsman/client/job.hpp"
#include "wsman/client/object.hpp"

namespace wsvirt::client {

// Control characters become '?', so that a server cannot send commands to the terminal.
std::string printable(std::string_view text);

std::string json_string(std::string_view text);  // quoted and escaped; bad UTF-8 becomes U+FFFD
// {"Class": "...", "Property": "value" or [...] or null}: the client knows no types, so values are strings. A
// reference is {"ResourceURI": ..., "Selectors": {...}}.
std::string to_json(const Object& o);
std::string to_json(const Resource& r);
std::string json_array(const std::vector<std::string>& elements);

// "Name : value" lines; arrays joined with ", ", NULL properties left out unless `nulls`.
void write_list(std::ostream& out, const Object& o, bool nulls);

// A table with a heading, columns as wide as they need; widths count characters, not bytes.
class Table {
  public:
    explicit Table(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    void write(std::ostream& out) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

// "name [#####.....]  50 % status"
std::string bar_text(std::string_view what, const JobStatus& status, unsigned width);
// Redrawn in place on a terminal; elsewhere a line whenever something changes.
std::unique_ptr<JobWatcher> make_progress_bar(std::ostream& out, std::string what, bool terminal);

std::string duration_text(std::uint64_t milliseconds);  // "3 d 04:05:06", "00:00:07"

}  // namespace wsvirt::client
