#include "wsman/auth/login_cache.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

namespace wsvirt::wsman {

namespace {

struct DigestHash {
    std::size_t operator()(const LoginDigest& d) const {  // a MAC is as good as random already
        std::size_t h = 0;
        std::memcpy(&h, d.data(), sizeof h);
        return h;
    }
};

struct FreeMac {
    void operator()(EVP_MAC* m) const { EVP_MAC_free(m); }
    void operator()(EVP_MAC_CTX* c) const { EVP_MAC_CTX_free(c); }
};

}  // namespace

bool same_digest(const LoginDigest& a, const LoginDigest& b) {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct LoginCache::Impl {
    struct Entry {
        Identity who;
        Clock::time_point until;
    };
    std::chrono::milliseconds keep;
    std::size_t most;
    std::unique_ptr<EVP_MAC_CTX, FreeMac> keyed;  // read-only template: each digest works on a copy
    mutable std::mutex mutex;
    std::unordered_map<LoginDigest, Entry, DigestHash> entries;

    void make_room(Clock::time_point now) {
        std::erase_if(entries, [&](const auto& e) { return e.second.until <= now; });
        while (entries.size() >= most && !entries.empty()) {
            auto oldest = entries.begin();
            for (auto it = entries.begin(); it != entries.end(); ++it)
                if (it->second.until < oldest->second.until) oldest = it;
            entries.erase(oldest);
        }
    }
};

LoginCache::LoginCache(std::chrono::milliseconds keep, std::size_t most) : impl_(std::make_unique<Impl>()) {
    impl_->keep = keep;
    impl_->most = most;
    std::array<unsigned char, 32> key{};
    const std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    impl_->keyed.reset(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                     OSSL_PARAM_construct_end()};
    if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1 || !impl_->keyed ||
        EVP_MAC_init(impl_->keyed.get(), key.data(), key.size(), parameters) != 1)
        throw std::runtime_error("OpenSSL has no HMAC-SHA-256 or no random numbers");
    OPENSSL_cleanse(key.data(), key.size());
}

LoginCache::~LoginCache() = default;

LoginDigest LoginCache::digest(std::string_view authorization) const {
    LoginDigest out{};
    std::size_t size = 0;
    const std::unique_ptr<EVP_MAC_CTX, FreeMac> work(EVP_MAC_CTX_dup(impl_->keyed.get()));
    if (!work ||
        EVP_MAC_update(work.get(), reinterpret_cast<const unsigned char*>(authorization.data()),
                       authorization.size()) != 1 ||
        EVP_MAC_final(work.get(), out.data(), &size, out.size()) != 1 || size != out.size())
        throw std::runtime_error("HMAC-SHA-256 failed");
    return out;
}

std::optional<Identity> LoginCache::find(const LoginDigest& digest, Clock::time_point now) const {
    const std::lock_guard guard(impl_->mutex);
    const auto hit = impl_->entries.find(digest);
    if (hit == impl_->entries.end() || hit->second.until <= now) return std::nullopt;
    return hit->second.who;
}

void LoginCache::remember(const LoginDigest& digest, const Identity& who, Clock::time_point now) {
    if (impl_->most == 0 || impl_->keep.count() == 0) return;
    const std::lock_guard guard(impl_->mutex);
    if (impl_->entries.size() >= impl_->most) impl_->make_room(now);
    impl_->entries.insert_or_assign(digest, Impl::Entry{who, now + impl_->keep});
}

void LoginCache::forget_all() {
    const std::lock_guard guard(impl_->mutex);
    impl_->entries.clear();
}

std::size_t LoginCache::size() const {
    const std::lock_guard guard(impl_->mutex);
    return impl_->entries.size();
}

}  // namespace wsvirt::wsman
