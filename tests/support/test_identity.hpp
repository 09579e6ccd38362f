// Identities for tests, without a sign-in.
#pragma once

#include <string>
#include <utility>

#include "wsman/auth/authenticator.hpp"

namespace wsvirt {

struct TestIdentity {
    static Identity make(Role role = Role::administrator, std::string name = "test") {
        return IdentityIssuer::make(std::move(name), role);
    }
};

}  // namespace wsvirt
