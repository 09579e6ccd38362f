// Where users come from, as configured: the user file, and PAM where it is enabled.
#pragma once

#include <memory>

#include "wsman/auth/pam.hpp"
#include "wsman/auth/sign_in.hpp"
#include "wsman/auth/user_file.hpp"
#include "wsman/daemon/config.hpp"

namespace wsvirt::wsman {

class SignInSources {
  public:
    explicit SignInSources(const Config& config);
    SignIn& sign_in() { return *sign_in_; }
    // Reads the user file again when it changed; remembered sign-ins end then.
    void refresh();
    // The same, and remembered sign-ins end in any case.
    void reload();

  private:
    std::shared_ptr<UserFileAuthenticator> users_;
    std::uint64_t known_version_;
    std::unique_ptr<SignIn> sign_in_;
};

}  // namespace wsvirt::wsman
