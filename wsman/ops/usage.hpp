// How much of its limits the service is using, and how often each limit has refused something: in all and for
// each user. For metrics. Limits are named as in the configuration file ("wsman.limits.max_selectors").
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace wsvirt::wsman {

struct Usage {
    std::map<std::pair<std::string, std::string>, std::uint64_t> refusals;  // by limit and user
    std::map<std::string, std::size_t, std::less<>> operations;             // under way, by user
    std::map<std::string, std::size_t, std::less<>> enumerations;           // open, by user
};

// Thread safe.
class RefusalCounter {
  public:
    void count(std::string_view limit, std::string_view user) {
        const std::lock_guard lock(mutex_);
        ++counts_[{std::string(limit), std::string(user)}];
    }
    std::map<std::pair<std::string, std::string>, std::uint64_t> counts() const {
        const std::lock_guard lock(mutex_);
        return counts_;
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;
};

}  // namespace wsvirt::wsman
