#include "wsman/http/shared.hpp"

#include "base/text.hpp"

namespace wsvirt::wsman {

ServerShared::ServerShared(ServerSettings s, std::vector<Route> r, SignIn& in)
    : settings(std::move(s)),
      routes(std::move(r)),
      sign_in(in),
      quota(settings.limits.connections, settings.limits.connections_per_peer),
      id_prefix(to_lower(make_guid().substr(0, 4))) {}

const Route* ServerShared::find_route(std::string_view path) const {
    if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    for (const auto& route : routes)
        if (iequals(route.path, path)) return &route;
    return nullptr;
}

Quota::Verdict Quota::enter(const std::string& peer, bool& of_peer) {
    const std::lock_guard guard(mutex_);
    const auto known = by_peer_.find(peer);
    of_peer = all_ < most_ && known != by_peer_.end() && known->second >= most_per_peer_;
    const bool over = of_peer || all_ >= most_;
    if (!over) {
        ++all_;
        ++by_peer_[peer];
        return Verdict::admitted;
    }
    if (over_ >= told) return Verdict::far_over;
    ++over_;
    return Verdict::over;
}

void Quota::leave(const std::string& peer) {
    const std::lock_guard guard(mutex_);
    --all_;
    const auto known = by_peer_.find(peer);
    if (known != by_peer_.end() && --known->second == 0) by_peer_.erase(known);
}

void Quota::leave_over() {
    const std::lock_guard guard(mutex_);
    --over_;
}

}  // namespace wsvirt::wsman
