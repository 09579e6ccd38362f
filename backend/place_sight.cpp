#include "backend/place_sight.hpp"

#include "backend/hypervisor.hpp"

namespace wsvirt::backend {

bool PlaceSight::was_last_here(std::string_view uuid) const {
    const std::lock_guard lock(mutex_);
    return last_here_.contains(std::string(uuid));
}

void PlaceSight::set_last_here(std::string_view uuid, bool here) {
    const std::lock_guard lock(mutex_);
    if (here)
        last_here_.emplace(uuid);
    else
        last_here_.erase(std::string(uuid));
}

bool was_last_on(const Hypervisor& host, std::string_view uuid) {
    const auto* sight = dynamic_cast<const PlaceSight*>(&host);
    return sight && sight->was_last_here(uuid);
}

bool knows_since_when(const Hypervisor& host, std::string_view uuid) {
    const auto* sight = dynamic_cast<const PlaceSight*>(&host);
    return !sight || sight->knows_since_when(uuid);
}

}  // namespace wsvirt::backend
