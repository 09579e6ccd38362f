#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "wsman/client/options.hpp"

namespace wsvirt::client {
namespace {

// Reads a line from the terminal without showing it.
std::string ask(const std::string& prompt) {
    termios before{};
    const bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    std::cerr << prompt << std::flush;
    if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    std::string line;
    std::getline(std::cin, line);
    if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << '\n';
    return line;
}

}  // namespace

Result<std::string> find_password(const Options& o) {
    if (!o.password_file.empty()) {
        std::ifstream in(o.password_file);
        std::string line;
        if (!in || (!std::getline(in, line) && line.empty()))
            return Error(Status::invalid_parameter, "client.password.file",
                         "The password file " + o.password_file + " cannot be read or is empty.");
        if (!line.empty() && line.back() == '\r') line.pop_back();
        return line;
    }
    if (const char* given = std::getenv("WSVIRT_PASSWORD"); given != nullptr) return std::string(given);
    if (isatty(STDIN_FILENO) == 0)
        return Error(Status::invalid_parameter, "client.password.none",
                     "A user needs a password: give --password-file or set WSVIRT_PASSWORD.");
    return ask("Password of " + o.connection.user + ": ");
}

}  // namespace wsvirt::client
