#include "wsman/auth/user_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/text.hpp"
#include "wsman/auth/password.hpp"

namespace wsvirt::wsman {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::pair<std::string_view, Role>, 3> roles{
    {{"administrator", Role::administrator}, {"operator", Role::operator_}, {"viewer", Role::viewer}}};

Error file_error(std::string text, const fs::path& file) {
    return {Status::failed, "wsvirt.users.file", std::move(text), file.string(), std::strerror(errno)};
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

bool valid_name(std::string_view name) {
    return !name.empty() && name.size() <= 256 && valid_utf8(name) && name.front() != '#' &&
           std::none_of(name.begin(), name.end(),
                        [](char c) { return c == ':' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<void> write_table(const fs::path& file, const UserTable& users) {
    std::string text;
    for (const auto& [name, entry] : users)
        text += name + ":" + std::string(role_name(entry.role)) + ":" + entry.hash + "\n";
    const fs::path fresh = file.string() + ".new";
    ::unlink(fresh.c_str());
    {
        const Descriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (out.get() < 0) return file_error("The user file cannot be written.", fresh);
        if (::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
            ::fsync(out.get()) != 0)
            return file_error("The user file cannot be written.", fresh);
    }
    if (::rename(fresh.c_str(), file.c_str()) != 0)
        return file_error("The user file cannot be replaced.", file);
    const Descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() >= 0) ::fsync(folder.get());
    return {};
}

// Reads, changes and writes the table while no other process does.
template <class Change>
Result<void> change_table(const fs::path& file, Change change) {
    std::error_code ec;
    if (!file.parent_path().empty()) fs::create_directories(file.parent_path(), ec);
    const fs::path lock_file = file.string() + ".lock";
    const Descriptor lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0)
        return file_error("The user file cannot be locked; check the folder's rights.", lock_file);
    auto users = read_user_file(file);
    if (!users) return users.error();
    if (auto done = change(*users); !done) return done;
    return write_table(file, *users);
}

}  // namespace

std::optional<Role> parse_role(std::string_view name) {
    for (const auto& [text, role] : roles)
        if (text == name) return role;
    return std::nullopt;
}

std::string_view role_name(Role role) {
    for (const auto& [text, value] : roles)
        if (value == role) return text;
    return "viewer";
}

Result<UserTable> read_user_file(const fs::path& file) {
    UserTable users;
    std::ifstream in(file);
    if (!in) {
        if (std::error_code ec; !fs::exists(file, ec) && !ec) return users;
        return file_error("The user file cannot be read.", file);
    }
    std::string line;
    for (unsigned number = 1; std::getline(in, line); ++number) {
        const auto text = trim(line);
        if (text.empty() || text.front() == '#') continue;
        const auto parts = split(text, ':');
        const auto role = parts.size() == 3 ? parse_role(parts[1]) : std::nullopt;
        if (!role || !valid_name(parts[0]) || parts[2].empty())
            return Error{Status::malformed, "wsvirt.users.line",
                         file.string() + ":" + std::to_string(number) +
                             ": a line is name:role:hash, with role administrator, operator or viewer.",
                         file.string()};
        users.insert_or_assign(parts[0], UserEntry{*role, parts[2]});
    }
    return users;
}

Result<void> add_user(const fs::path& file, const std::string& name, Role role, std::string_view password) {
    if (!valid_name(name))
        return Error{
            Status::invalid_parameter, "wsvirt.users.name",
            "A user name is 1 to 256 bytes of UTF-8 without a colon, control characters or a leading #.",
            name};
    auto hash = hash_password(password);
    if (!hash) return hash.error();
    return change_table(file, [&](UserTable& users) -> Result<void> {
        users.insert_or_assign(name, UserEntry{role, *hash});
        return {};
    });
}

Result<void> remove_user(const fs::path& file, const std::string& name) {
    return change_table(file, [&](UserTable& users) -> Result<void> {
        if (users.erase(name) == 0)
            return Error{Status::not_found, "wsvirt.users.unknown", "There is no user of that name.", name};
        return {};
    });
}

UserFileAuthenticator::UserFileAuthenticator(fs::path file) : file_(std::move(file)) {
    decoy_ = hash_password(make_guid()).value_or("*");
    refresh();
}

UserFileAuthenticator::Stamp UserFileAuthenticator::stamp_of(const fs::path& file) {
    struct stat s {};
    if (::stat(file.c_str(), &s) != 0) return {-1, errno, -1, 0};
    return {s.st_mtim.tv_sec, s.st_mtim.tv_nsec, s.st_size, s.st_ino};
}

void UserFileAuthenticator::refresh(std::string* problem) {
    const auto now = stamp_of(file_);
    {
        const std::lock_guard guard(mutex_);
        if (now == stamp_) return;
    }
    auto users = read_user_file(file_);
    if (!users && problem) *problem = users.error().full_text();
    const std::lock_guard guard(mutex_);
    stamp_ = now;
    users_ = users ? std::move(*users) : UserTable{};
    ++version_;
}

std::uint64_t UserFileAuthenticator::version() {
    const std::lock_guard guard(mutex_);
    return version_;
}

Result<Identity> UserFileAuthenticator::check(std::string_view user, std::string_view password) {
    refresh();
    std::optional<UserEntry> entry;
    {
        const std::lock_guard guard(mutex_);
        if (const auto hit = users_.find(user); hit != users_.end()) entry = hit->second;
    }
    const bool right = verify_password(password, entry ? entry->hash : decoy_);
    if (!entry || !right)
        return Error{Status::access_denied, "wsvirt.auth.denied", "The user name or the password is wrong."};
    return make_identity(std::string(user), entry->role);
}

}  // namespace wsvirt::wsman
