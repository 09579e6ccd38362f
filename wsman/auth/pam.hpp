// Sign-in through PAM: authentication and account check of one service; the role comes from the user's
// groups.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "wsman/auth/authenticator.hpp"

namespace wsvirt::wsman {

struct PamSettings {
    std::string service = "wsvirt";
    std::filesystem::path folder;  // "" = the system's (/etc/pam.d); another one for tests and trials
    std::map<std::string, Role> group_roles;  // group → role; a user gets the highest; none of them = refused
    std::map<std::string, Role> user_roles;  // user → role, before the groups
};

// Blocks for as long as PAM's modules do. Thread safe as far as they are.
class PamAuthenticator : public Authenticator {
  public:
    explicit PamAuthenticator(PamSettings settings) : settings_(std::move(settings)) {}
    Result<Identity> check(std::string_view user, std::string_view password) override;

  private:
    PamSettings settings_;
};

}  // namespace wsvirt::wsman
