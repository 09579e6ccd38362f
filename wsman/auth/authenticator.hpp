// Sign-in. An Authenticator checks credentials and is the only maker of Identity values.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/identity.hpp"
#include "base/result.hpp"

namespace wsvirt::wsman {
class Authenticator;
}

namespace wsvirt {

// The only maker of identities. Constructible by authenticators (and, in tests, through TestIdentity).
class IdentityIssuer {
    friend class wsman::Authenticator;
    friend struct TestIdentity;  // tests/support
    static Identity make(std::string name, Role role) {
        return Identity(Identity::Key{}, std::move(name), role);
    }
};
}  // namespace wsvirt

namespace wsvirt::wsman {

// Checks a user name and password. Blocking (yescrypt, PAM): called on the work pool. Thread safe.
// Errors: access_denied (wrong user or password, the same for both), failed (the source is broken).
class Authenticator {
  public:
    virtual ~Authenticator() = default;
    virtual Result<Identity> check(std::string_view user, std::string_view password) = 0;

  protected:
    static Identity make_identity(std::string name, Role role) {
        return IdentityIssuer::make(std::move(name), role);
    }
};

}  // namespace wsvirt::wsman
