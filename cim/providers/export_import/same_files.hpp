// Whether the files of a machine on another host are the ones that this service sees under the same names.
// Two hosts may have different files of one name, an old copy of a disk that moved, for instance. That a
// folder is the same is shown by a new file of a name that nobody had, which the other host must see, too; it
// is noted in the Store until it is gone. One thread.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::backend {
struct Call;
struct Machine;
}  // namespace wsvirt::backend

namespace wsvirt::cim::export_import {

class SameFiles {
  public:
    SameFiles(Services& services, const backend::Machine& machine);
    // Of files that both hosts name alike; asked no longer than this.
    SameFiles(Services& services, const HostEntry& host, std::chrono::milliseconds limit);

    // Of a file that is about to be read. Errors: not_supported (it is another one, or may be), what the
    // other host says.
    Result<void> check(const std::string& file);
    // Of one that the machine need not have: whether it has it.
    Result<bool> exists(const std::string& file);

  private:
    Result<bool> shared(const std::string& folder);
    Error elsewhere(const std::string& file) const;

    backend::Call briefly() const;

    Services& services_;
    std::chrono::milliseconds limit_;
    std::string host_;
    backend::Hypervisor* other_ = nullptr;  // null: the machine is on this host
    std::map<std::string, bool> folders_;
};

// Whether it is shown that a file is one and the same on all of these hosts. One that does not answer shows
// nothing.
bool same_on_all(Services& services, const std::string& file, const std::vector<const HostEntry*>& hosts);

// Removes what a program that was killed left of such questions. Called once at the start.
void remove_left_marks(Store& store);

}  // namespace wsvirt::cim::export_import
