#include "wsman/ops/contexts.hpp"

#include "base/text.hpp"

namespace wsvirt::wsman {
namespace {

Error unknown_context() {
    return {Status::invalid_enumeration_context, "wsvirt.enumeration.unknown",
            "The enumeration context is not valid: it has ended, expired or never existed. Enumerate again."};
}
Error too_many(std::string limit) {
    return {Status::server_limits_exceeded, "wsvirt.enumeration.quota",
            "Too many enumerations are open. Release some, or pull them to their end.", std::move(limit)};
}

}  // namespace

Result<std::string> ContextTable::add(std::unique_ptr<Enumeration> e) {
    const std::lock_guard lock(mutex_);
    const auto now = cim::Clock::now();
    next_sweep_ = {};
    drop_expired(now);
    if (all_.size() >= settings_.max_contexts) return too_many("wsman.limits.max_contexts");
    auto& count = per_user_[e->owner];
    if (count >= settings_.max_contexts_per_user) return too_many("wsman.limits.max_contexts_per_user");
    ++count;
    e->id = "uuid:" + make_guid();
    e->last_used = now;
    auto id = e->id;
    all_.emplace(id, std::move(e));
    return id;
}

void ContextTable::erase(std::map<std::string, std::shared_ptr<Enumeration>, std::less<>>::iterator at) {
    const auto user = per_user_.find(at->second->owner);
    if (user != per_user_.end() && --user->second == 0) per_user_.erase(user);
    all_.erase(at);
}

void ContextTable::drop_expired(cim::Clock::time_point now) {
    if (now < next_sweep_) return;
    next_sweep_ = now + std::chrono::seconds(1);
    for (auto i = all_.begin(); i != all_.end();) {
        const auto at = i++;
        const auto& e = *at->second;
        const auto end = e.expires ? *e.expires : e.last_used + settings_.context_idle;
        if (e.busy || now < end) continue;
        count_expired(e);
        erase(at);
    }
}

std::shared_ptr<Enumeration> ContextTable::find(std::string_view id, std::string_view user) {
    const auto now = cim::Clock::now();
    const auto at = all_.find(id);
    if (at == all_.end() || at->second->owner != user) return nullptr;
    const auto& e = *at->second;
    if (!e.busy && now >= (e.expires ? *e.expires : e.last_used + settings_.context_idle)) {
        count_expired(e);
        erase(at);
        return nullptr;
    }
    return at->second;
}

Result<std::shared_ptr<Enumeration>> ContextTable::lend(std::string_view id, std::string_view user) {
    const std::lock_guard lock(mutex_);
    drop_expired(cim::Clock::now());
    auto e = find(id, user);
    if (!e || e->released) return unknown_context();
    if (e->busy)
        return Error{Status::busy, "wsvirt.enumeration.busy",
                     "Another Pull of the same enumeration is under way. Pull one at a time."};
    e->busy = true;
    return e;
}

void ContextTable::give_back(const std::shared_ptr<Enumeration>& e) {
    const std::lock_guard lock(mutex_);
    e->busy = false;
    e->last_used = cim::Clock::now();
    if (!e->items.ended && !e->released) return;
    if (const auto at = all_.find(e->id); at != all_.end()) erase(at);
}

Result<void> ContextTable::release(std::string_view id, std::string_view user) {
    const std::lock_guard lock(mutex_);
    const auto e = find(id, user);
    if (!e || e->released) return unknown_context();
    if (e->busy)
        e->released = true;
    else
        erase(all_.find(id));
    return {};
}

Result<std::string> ContextTable::resource_of(std::string_view id, std::string_view user) {
    const std::lock_guard lock(mutex_);
    const auto e = find(id, user);
    if (!e || e->released) return unknown_context();
    return e->resource_uri;
}

void ContextTable::count_expired(const Enumeration& e) {
    // What a client asked to expire was not ended by us.
    if (!e.expires) expired_.count("wsman.limits.context_idle", e.owner);
}

void ContextTable::add_to(Usage& usage) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [user, count] : per_user_) usage.enumerations[user] = count;
    usage.refusals.merge(expired_.counts());
}

std::size_t ContextTable::size() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
}

}  // namespace wsvirt::wsman
