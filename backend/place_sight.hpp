// A host that is told of which of its machines it was the place when they were last seen where they run, and
// that tells how well it knows since when they are as they are. Both matter only for machines that are off on
// several hosts (cluster.hpp). Thread safe.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace wsvirt::backend {

class Hypervisor;

class PlaceSight {
  public:
    PlaceSight() = default;
    virtual ~PlaceSight() = default;
    PlaceSight(const PlaceSight&) = delete;
    PlaceSight& operator=(const PlaceSight&) = delete;

    bool was_last_here(std::string_view uuid) const;
    void set_last_here(std::string_view uuid, bool here);
    // Whether Machine::state_since_us says when its state changed; else it may have changed long before.
    virtual bool knows_since_when(std::string_view uuid) const = 0;

  private:
    mutable std::mutex mutex_;
    std::set<std::string, ILess> last_here_;
};

// Of hosts that tell nothing: no, and yes.
bool was_last_on(const Hypervisor& host, std::string_view uuid);
bool knows_since_when(const Hypervisor& host, std::string_view uuid);

}  // namespace wsvirt::backend
