#include "wsman/auth/sign_in.hpp"

#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include "wsman/auth/basic.hpp"

namespace wsvirt::wsman {

using Kind = SignIn::Outcome::Kind;

namespace {

// A name that anybody may choose: it must not look like more fields, nor command a terminal (U+0080 ...
// U+009F).
std::string in_quotes(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto next = i + 1 < name.size() ? static_cast<unsigned char>(name[i + 1]) : 0U;
        if (name[i] == '\xC2' && next < 0xA0) {
            out += fmt::format("\\x{:02x}", next);
            ++i;
        } else {
            if (name[i] == '"' || name[i] == '\\') out += '\\';
            out += name[i];
        }
    }
    return out;
}

}  // namespace

SignIn::SignIn(std::vector<std::shared_ptr<Authenticator>> sources, SignInSettings settings)
    : sources_(std::move(sources)),
      settings_(std::move(settings)),
      cache_(settings_.remember, settings_.remembered),
      limiter_(settings_.failures),
      pool_(settings_.threads, settings_.queue) {}

SignIn::~SignIn() {
    pool_.stop();
}

void SignIn::forget_all() {
    const std::lock_guard guard(mutex_);  // nobody keeps in between what was found before
    generation_.fetch_add(1, std::memory_order_acq_rel);
    cache_.forget_all();
}

void SignIn::count(const Outcome& outcome) {
    switch (outcome.kind) {
        case Kind::accepted:
            ++counters_.accepted;
            break;
        case Kind::denied:
            ++counters_.denied;
            break;
        case Kind::blocked:
            ++counters_.blocked;
            break;
        case Kind::busy:
            ++counters_.busy;
            break;
        case Kind::broken:
            ++counters_.broken;
            break;
    }
}

void SignIn::verify(const LoginDigest& digest, std::string authorization, std::string address, Done done) {
    const auto key = limiter_key(address);
    std::uint64_t generation = 0;
    if (const auto wait = limiter_.blocked_for(key); wait.count() > 0) {
        const Outcome blocked{Kind::blocked, std::nullopt, wait};
        count(blocked);
        return done(blocked);
    }
    {
        const std::lock_guard guard(mutex_);
        generation = this->generation();
        auto [hit, fresh] = pending_.try_emplace({digest, generation});
        hit->second.waiting.emplace_back(key, std::move(done));
        if (!fresh) return;
    }
    const auto delay = limiter_.begin(key);
    const bool taken =
        pool_.post([this, digest, generation, key, delay, text = std::move(authorization)]() mutable {
            auto outcome = check(text, key);
            if (outcome.kind == Kind::denied)
                outcome.wait = delay;
            else
                limiter_.refund(key);
            OPENSSL_cleanse(text.data(), text.size());
            finish(digest, generation, std::move(outcome));
        });
    if (taken) return;
    limiter_.refund(key);
    finish(digest, generation, Outcome{Kind::busy, std::nullopt, {}});
}

SignIn::Outcome SignIn::check(const std::string& authorization, const std::string& address) {
    const auto credentials = parse_basic(authorization);
    if (!credentials) return {Kind::denied, std::nullopt, {}};
    bool broken = false;
    for (const auto& source : sources_) {
        auto who = source->check(credentials->user, credentials->password);
        if (who) return {Kind::accepted, *who, {}};
        if (who.error().status == Status::access_denied) continue;
        broken = true;
        spdlog::error("wsvirt.auth.broken {}", who.error().full_text());
    }
    if (broken) return {Kind::broken, std::nullopt, {}};
    spdlog::warn("wsvirt.auth.denied peer={} user=\"{}\"", address, in_quotes(credentials->user));
    return {Kind::denied, std::nullopt, {}};
}

void SignIn::finish(const LoginDigest& digest, std::uint64_t generation, Outcome outcome) {
    std::vector<std::pair<std::string, Done>> waiting;
    {
        const std::lock_guard guard(mutex_);
        if (auto node = pending_.extract({digest, generation})) waiting = std::move(node.mapped().waiting);
        // Users that changed while the check ran: the answer stands for this request, but is not kept.
        if (outcome.kind == Kind::accepted && generation == this->generation())
            cache_.remember(digest, *outcome.who);
    }
    for (auto& [address, done] : waiting) {
        count(outcome);
        done(outcome);
    }
}

}  // namespace wsvirt::wsman
