// What the command line says.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/identity.hpp"

namespace wsvirt::wsman {

struct Options {
    enum class Command : std::uint8_t { serve, check_config, print_config, user_add, user_remove, user_list };
    Command command = Command::serve;
    std::optional<std::filesystem::path> config;  // none: the usual place, where a file may be absent
    std::filesystem::path state_dir, schema_dir;  // "" = as configured
    int ready_fd = -1;                            // -1: standard output
    std::string user;
    Role role = Role::administrator;
};

struct ParsedOptions {
    Options options;
    std::optional<int> exit;  // set: everything is said already (--help, --version, a mistake); end with this
};
ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace wsvirt::wsman
