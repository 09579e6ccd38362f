#include "wsman/daemon/user_command.hpp"

#include <termios.h>
#include <unistd.h>

#include <cstring>
#include <iostream>

#include "wsman/auth/user_file.hpp"

namespace wsvirt::wsman {

namespace {

class NoEcho {
  public:
    NoEcho() {
        if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
    }
    ~NoEcho() {
        if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

  private:
    termios before_{};
    bool changed_ = false;
};

std::optional<std::string> ask_password(const std::string& user) {
    std::string first;
    if (::isatty(STDIN_FILENO) == 0) {
        std::getline(std::cin, first);
        return first;
    }
    const NoEcho quiet;
    std::string second;
    std::cerr << "Password for " << user << ": " << std::flush;
    std::getline(std::cin, first);
    std::cerr << "\nAgain: " << std::flush;
    std::getline(std::cin, second);
    std::cerr << "\n";
    if (first != second) {
        std::cerr << "wsvirtd: the two passwords differ\n";
        return std::nullopt;
    }
    return first;
}

int report(const Result<void>& done) {
    if (done) return 0;
    std::cerr << "wsvirtd: " << done.error().full_text() << "\n";
    return 1;
}

}  // namespace

int run_user_command(const Options& options, const Config& config) {
    const auto& file = config.auth.users_file;
    if (options.command == Options::Command::user_remove) return report(remove_user(file, options.user));
    if (options.command == Options::Command::user_add) {
        auto password = ask_password(options.user);
        if (!password) return 1;
        const auto done = add_user(file, options.user, options.role, *password);
        ::explicit_bzero(password->data(), password->size());
        return report(done);
    }
    const auto users = read_user_file(file);
    if (!users) return report(users.error());
    for (const auto& [name, entry] : *users) std::cout << name << "\t" << role_name(entry.role) << "\n";
    return 0;
}

}  // namespace wsvirt::wsman
