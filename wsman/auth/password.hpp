// Password hashes through crypt(3): yescrypt for new ones, whatever libcrypt knows for checking.
// Both calls take some 10 ms and 16 MB for that time. Thread safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wsvirt::wsman {

// Errors: failed (libcrypt cannot), invalid_parameter (empty, or holds a NUL).
Result<std::string> hash_password(std::string_view password);

// In constant time with regard to where the hashes differ. False for a hash that libcrypt cannot read.
bool verify_password(std::string_view password, const std::string& hash);

}  // namespace wsvirt::wsman
