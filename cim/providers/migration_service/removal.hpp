// What goes of the files that a migration has made or copied, and what stays because somebody uses it or
// nobody knows that it is ours. Blocking; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cim/providers/migration_service/settle.hpp"

namespace wsvirt::cim::migration_service {

struct Removal {
    std::size_t used = 0;           // machines stand on them
    std::vector<std::string> left;  // cannot be removed now
    // A file is there that is not certainly ours, and stays.
    std::vector<std::string> strange;
    // Originals that others have come to need meanwhile stay, and what is another file by now: a sentence for
    // each.
    std::vector<std::string> needed;
};

// The files that were being made at the destination, where no machine stands on them and nobody makes them
// anew. keep: they stay, and are strange.
Removal remove_copies(const Services& services, const CutOff& c, bool keep = false);
// At the source, the files whose copies are used now and that no machine of any host stands on.
Removal remove_originals(const Services& services, const CutOff& c);

// What is kept of an original: that it was the machine's own, and by what it is known.
std::string own_mark(const CutOff& c, const std::string& original);

// Made files as a job and the Store keep them: a line for each, the mark and the path.
std::string made_text(const Made& made);
Made made_from(const std::vector<std::string>& lines);

}  // namespace wsvirt::cim::migration_service
