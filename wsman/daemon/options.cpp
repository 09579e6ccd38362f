#include "wsman/daemon/options.hpp"

#include <CLI/CLI.hpp>

#include "wsman/daemon/version.hpp"

namespace wsvirt::wsman {

ParsedOptions parse_options(int argc, const char* const* argv) {
    ParsedOptions parsed;
    Options& o = parsed.options;
    CLI::App app{"wsvirtd: a WS-Management server for libvirt and QEMU machines"};
    app.set_version_flag("--version", std::string("wsvirtd ") + version());
    std::string config;
    std::string state;
    std::string schema;
    bool check = false;
    bool print = false;
    app.add_option("--config", config, "configuration file (TOML)")->type_name("FILE");
    app.add_option("--state-dir", state, "where state, users and certificates are kept")->type_name("DIR");
    app.add_option("--schema-dir", schema, "where the MOF files are")
        ->type_name("DIR")
        ->envname("WSVIRT_SCHEMA_DIR");
    app.add_option("--ready-fd", o.ready_fd, "descriptor for the lines that say where the daemon listens")
        ->type_name("N");
    auto* check_flag = app.add_flag("--check-config", check, "check the configuration and end");
    app.add_flag("--print-config", print, "print the configuration as it is in force and end")
        ->excludes(check_flag);

    auto* user = app.add_subcommand("user", "wsvirt's own users")->require_subcommand(1);
    auto* add = user->add_subcommand("add",
                                     "add a user or change one; the password comes from the terminal or "
                                     "the first line of standard input");
    add->add_option("NAME", o.user)->required();
    const std::map<std::string, Role> roles{
        {"administrator", Role::administrator}, {"operator", Role::operator_}, {"viewer", Role::viewer}};
    add->add_option("--role", o.role, "administrator (default), operator or viewer")
        ->transform(CLI::Transformer(roles))
        ->check(CLI::IsMember(std::set<Role>{Role::administrator, Role::operator_, Role::viewer}));
    auto* remove = user->add_subcommand("rm", "remove a user");
    remove->add_option("NAME", o.user)->required();
    user->add_subcommand("list", "list the users and their roles");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        parsed.exit = app.exit(e) == 0 ? 0 : 2;
        return parsed;
    }
    if (!config.empty()) o.config = config;
    o.state_dir = state;
    o.schema_dir = schema;
    using Command = Options::Command;
    if (user->parsed())
        o.command = add->parsed()      ? Command::user_add
                    : remove->parsed() ? Command::user_remove
                                       : Command::user_list;
    else if (check)
        o.command = Command::check_config;
    else if (print)
        o.command = Command::print_config;
    return parsed;
}

}  // namespace wsvirt::wsman
