// Who is asking. There is no default constructor and no public one: only an Authenticator (wsman/auth) can
// make an Identity, so an operation without a sign-in cannot be written down. Copyable value.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace wsvirt {

// viewer: reads; operator_: also changes the state of machines (start, stop, snapshot); administrator:
// everything.
enum class Role : std::uint8_t { viewer = 1, operator_ = 2, administrator = 3 };

class Identity {
  public:
    // Passkey: its constructor is private, its friends are the only makers.
    class Key {
        friend class IdentityIssuer;  // wsman/auth/authenticator.hpp; tests use it too
        Key() = default;
    };
    Identity(Key, std::string name, Role role) : name_(std::move(name)), role_(role) {}

    const std::string& name() const { return name_; }
    Role role() const { return role_; }
    bool may(Role needed) const { return role_ >= needed; }

  private:
    std::string name_;
    Role role_;
};

}  // namespace wsvirt
