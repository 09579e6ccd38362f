// wsvirt's own users: a text file of lines "name:role:hash", mode 0600, hash from crypt(3). Changed by
// `wsvirtd user ...`, always as a whole (new file, rename), under a lock, so a reader sees the old or the
// new.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "wsman/auth/authenticator.hpp"

namespace wsvirt::wsman {

struct UserEntry {
    Role role = Role::viewer;
    std::string hash;
};
using UserTable = std::map<std::string, UserEntry, std::less<>>;

std::optional<Role> parse_role(std::string_view name);  // "administrator", "operator", "viewer"
std::string_view role_name(Role role);

// Errors: malformed with "file:line: ..."; a file that does not exist is an empty table.
Result<UserTable> read_user_file(const std::filesystem::path& file);

// Errors: invalid_parameter (name, password), failed (the file system's message in detail).
Result<void> add_user(const std::filesystem::path& file, const std::string& name, Role role,
                      std::string_view password);  // also changes an existing one
Result<void> remove_user(const std::filesystem::path& file, const std::string& name);  // not_found

// Checks against the file's content as of the last refresh(). An unknown user costs the same time as a known
// one. Thread safe.
class UserFileAuthenticator : public Authenticator {
  public:
    explicit UserFileAuthenticator(std::filesystem::path file);
    Result<Identity> check(std::string_view user, std::string_view password) override;
    // Reads the file again when it changed. A file that cannot be read leaves nobody signed in: `problem`
    // says why.
    void refresh(std::string* problem = nullptr);
    // Counts the times that the file was read: whoever remembers sign-ins compares it.
    std::uint64_t version();

  private:
    struct Stamp {
        std::int64_t seconds = -1, nanoseconds = 0, size = -1;
        std::uint64_t inode = 0;
        bool operator==(const Stamp&) const = default;
    };
    static Stamp stamp_of(const std::filesystem::path& file);

    std::filesystem::path file_;
    std::string decoy_;  // a hash that no password has, for unknown users
    std::mutex mutex_;
    Stamp stamp_;
    UserTable users_;
    std::uint64_t version_ = 0;
};

}  // namespace wsvirt::wsman
