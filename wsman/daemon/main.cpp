// wsvirtd: reads options and configuration, then serves until it is told to stop.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "wsman/daemon/config.hpp"
#include "wsman/daemon/daemon.hpp"
#include "wsman/daemon/options.hpp"
#include "wsman/daemon/user_command.hpp"

namespace {

using namespace wsvirt::wsman;
namespace fs = std::filesystem;

fs::path usual_config_file() {
    if (::geteuid() == 0) return "/etc/wsvirt/wsvirtd.toml";
    if (const auto* folder = std::getenv("XDG_CONFIG_HOME"); folder && *folder)
        return fs::path(folder) / "wsvirt/wsvirtd.toml";
    const auto* home = std::getenv("HOME");
    return fs::path(home ? home : "/") / ".config/wsvirt/wsvirtd.toml";
}

int run(const Options& options) {
    auto loaded = load_config(options.config.value_or(usual_config_file()), !options.config);
    for (const auto& error : loaded.errors) std::cerr << error << "\n";
    if (!loaded.errors.empty()) return 2;
    Config& config = loaded.config;
    if (!options.state_dir.empty()) config.server.state_dir = options.state_dir;
    if (!options.schema_dir.empty()) config.server.schema_dir = options.schema_dir;
    complete(config);
    switch (options.command) {
        case Options::Command::check_config:
            return 0;
        case Options::Command::print_config:
            std::cout << print_config(config);
            return 0;
        case Options::Command::serve:
            return serve(config, options.ready_fd);
        default:
            return run_user_command(options, config);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto parsed = parse_options(argc, argv);
    if (parsed.exit) return *parsed.exit;
    try {
        return run(parsed.options);
    } catch (const std::exception& e) {
        std::cerr << "wsvirtd: " << e.what() << "\n";
        return 1;
    }
}
