#include "wsman/auth/password.hpp"

#include <crypt.h>
#include <openssl/crypto.h>

#include <array>
#include <cstring>
#include <memory>

namespace wsvirt::wsman {

namespace {

std::string crypt_text(std::string_view password, const char* setting) {
    std::string zero_ended(password);
    auto work = std::make_unique<crypt_data>();
    const char* text = crypt_r(zero_ended.c_str(), setting, work.get());
    std::string hash = text && text[0] != '*' ? text : "";
    OPENSSL_cleanse(zero_ended.data(), zero_ended.size());
    OPENSSL_cleanse(work.get(), sizeof *work);
    return hash;
}

}  // namespace

Result<std::string> hash_password(std::string_view password) {
    if (password.empty() || password.find('\0') != std::string_view::npos)
        return Error{Status::invalid_parameter, "wsvirt.auth.password", "Give a password that is not empty."};
    std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
    if (!crypt_gensalt_rn("$y$", 0, nullptr, 0, setting.data(), setting.size()))
        return Error{Status::failed, "wsvirt.auth.yescrypt",
                     "libcrypt has no yescrypt; install libcrypt1 4.3 or later."};
    auto hash = crypt_text(password, setting.data());
    if (hash.empty())
        return Error{Status::failed, "wsvirt.auth.yescrypt",
                     "The password cannot be hashed; try a shorter one."};
    return hash;
}

bool verify_password(std::string_view password, const std::string& hash) {
    if (password.find('\0') != std::string_view::npos) return false;
    const auto found = crypt_text(password, hash.c_str());
    return !found.empty() && found.size() == hash.size() &&
           CRYPTO_memcmp(found.data(), hash.data(), hash.size()) == 0;
}

}  // namespace wsvirt::wsman
