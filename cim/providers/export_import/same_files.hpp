// Whether the files of a machine on another host are the ones that this service sees under the same names.
// Two hosts may have different files of one name, an old copy of a disk that moved, for instance. That a
// folder is the same is shown by a new file of a name that nobody had, which the other host must see, too; it
// is noted in the Store until it is gone. One thread.
#pragma once

#include <map>
#include <string>

#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::backend {
struct Machine;
}

namespace wsvirt::cim::export_import {

class SameFiles {
  public:
    SameFiles(Services& services, const backend::Machine& machine);

    // Of a file that is about to be read. Errors: not_supported (it is another one, or may be), what the
    // other host says.
    Result<void> check(const std::string& file);
    // Of one that the machine need not have: whether it has it.
    Result<bool> exists(const std::string& file);

  private:
    Result<bool> shared(const std::string& folder);
    Error elsewhere(const std::string& file) const;

    Services& services_;
    std::string host_;
    backend::Hypervisor* other_ = nullptr;  // null: the machine is on this host
    std::map<std::string, bool> folders_;
};

// Removes what a program that was killed left of such questions. Called once at the start.
void remove_left_marks(Store& store);

}  // namespace wsvirt::cim::export_import
