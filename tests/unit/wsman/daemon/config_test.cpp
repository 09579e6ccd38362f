#include "wsman/daemon/config.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "wsman/daemon/config_units.hpp"
#include "wsman/daemon/libvirt_settings.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;
using std::chrono::milliseconds;

namespace {

std::string only_error(std::string_view text) {
    const auto result = parse_config(text, "w.toml");
    BOOST_TEST(result.errors.size() == 1u);
    for (const auto& e : result.errors) BOOST_TEST_MESSAGE(e);
    return result.errors.empty() ? "" : result.errors.front();
}

bool starts_with(const std::string& text, std::string_view with) {
    return text.compare(0, with.size(), with) == 0;
}

class Folder {
  public:
    Folder() : path_(std::filesystem::temp_directory_path() / ("wsvirt-config-" + make_guid())) {
        std::filesystem::create_directories(path_ / "conf.d");
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::filesystem::path write(const std::string& name, std::string_view text) const {
        std::ofstream(path_ / name) << text;
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(an_empty_file_gives_the_defaults) {
    const auto result = parse_config("", "w.toml");
    BOOST_TEST(result.errors.empty());
    BOOST_TEST(result.config.backend.uri == "qemu:///embed");
    BOOST_TEST(result.config.limits.header_bytes == 64u * 1024);
    auto config = result.config;
    complete(config);
    BOOST_REQUIRE(config.listeners.size() == 2u);
    BOOST_TEST(config.listeners[0].port == 5985);
    BOOST_TEST(config.listeners[0].address == "localhost");
    BOOST_TEST(!config.listeners[0].tls);
    BOOST_TEST(config.listeners[1].port == 5986);
    BOOST_TEST(config.listeners[1].tls);
    BOOST_TEST(!config.server.name.empty());
    BOOST_TEST(config.server.state_dir.is_absolute());
}

BOOST_AUTO_TEST_CASE(values_of_every_kind_are_read) {
    const auto result = parse_config(R"(
[server]
name = "host-1"
workers = 3
stop_time = "1500ms"
[http]
max_body = "3MiB"
idle_time = 7
body_time = 1.5
[auth.pam]
enabled = true
groups = { admins = "administrator", ops = "operator" }
[backend]
uri = "test:///default"
storage_folders = ["/vms", "/srv/images"]
libvirt_log_limit = "1MiB"
[[backend.switch]]
name = "inner"
network = "default"
[[listener]]
address = "127.0.0.1"
port = 0
[[listener]]
address = "*"
port = 5986
tls = true
certificate = "/c.pem"
key = "/k.pem"
minimum_tls = "1.3"
[[host]]
name = "b"
uri = "qemu+tls://b/system"
storage_folders = ["/vms"]
[[host.switch]]
name = "lan"
bridge = "br0"
)",
                                     "w.toml");
    for (const auto& e : result.errors) BOOST_TEST_MESSAGE(e);
    BOOST_REQUIRE(result.errors.empty());
    const auto& c = result.config;
    BOOST_TEST(c.server.name == "host-1");
    BOOST_TEST(c.server.workers == 3u);
    BOOST_TEST(libvirt_settings(c).libvirt_log_limit == 1u << 20);
    BOOST_TEST((c.server.stop_time == milliseconds(1500)));
    BOOST_TEST(c.limits.body_bytes == 3u * 1024 * 1024);
    BOOST_TEST((c.limits.idle_time == milliseconds(7000)));
    BOOST_TEST((c.limits.body_time == milliseconds(1500)));
    BOOST_TEST((c.pam.groups.at("ops") == Role::operator_));
    BOOST_TEST(c.backend.storage_folders.size() == 2u);
    BOOST_REQUIRE(c.backend.switches.size() == 1u);
    BOOST_TEST(c.backend.switches[0].network == "default");
    BOOST_REQUIRE(c.listeners.size() == 2u);
    BOOST_TEST(c.listeners[1].minimum_tls == "1.3");
    BOOST_REQUIRE(c.hosts.size() == 1u);
    BOOST_REQUIRE(c.hosts[0].switches.size() == 1u);
    BOOST_TEST(c.hosts[0].switches[0].bridge == "br0");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_an_error_with_line_and_column) {
    BOOST_TEST(only_error("[server]\n  nmae = \"x\"\n") == "w.toml:2:3: unknown key server.nmae");
    BOOST_TEST(only_error("[srever]\nname = \"x\"\n") == "w.toml:1:2: unknown key srever");
    BOOST_TEST(starts_with(only_error("[[listener]]\nport = 1\nprot = 2\n"),
                           "w.toml:3:1: unknown key listener.prot"));
    BOOST_TEST(starts_with(only_error("[[host]]\nname = \"a\"\nuri = \"a://b\"\n[[host.switch]]\nname = "
                                      "\"n\"\nbridge = \"b\"\nx = 1\n"),
                           "w.toml:7:1: unknown key host.switch.x"));
}

BOOST_AUTO_TEST_CASE(a_wrong_type_is_an_error_with_line_and_column) {
    BOOST_TEST(only_error("[server]\nname = 5\n") == "w.toml:2:8: server.name must be a text in quotes");
    BOOST_TEST(only_error("[server]\nworkers = \"many\"\n") ==
               "w.toml:2:11: server.workers must be a whole number");
    BOOST_TEST(
        starts_with(only_error("[auth.pam]\nenabled = 1\n"), "w.toml:2:11: auth.pam.enabled must be true"));
    BOOST_TEST(starts_with(only_error("[http]\nidle_time = \"soon\"\n"),
                           "w.toml:2:13: http.idle_time must be a time"));
    BOOST_TEST(starts_with(only_error("[http]\nmax_body = \"2 bytes\"\n"),
                           "w.toml:2:12: http.max_body must be a size"));
    BOOST_TEST(starts_with(only_error("server = 1\n"), "w.toml:1:10: server must be a section"));
    BOOST_TEST(
        starts_with(only_error("listener = 1\n"), "w.toml:1:12: listener must be given as [[listener]]"));
    BOOST_TEST(starts_with(only_error("[backend]\nstorage_folders = [\"/a\", 2]\n"),
                           "w.toml:2:19: backend.storage_folders"));
}

BOOST_AUTO_TEST_CASE(hosts_are_checked) {
    const auto host = [](const std::string& rest) {
        return only_error("[server]\nname = \"hvA\"\n[[host]]\nuri = \"qemu+tls://b/system\"\n" + rest);
    };
    BOOST_TEST(starts_with(host("name = \"HVA\"\n"), "w.toml:5:8: host.name \"HVA\" is the name of this"));
    BOOST_TEST(starts_with(host(""), "w.toml:3:1: host.name a host needs a name"));
    BOOST_TEST(starts_with(host("name = \"b\"\nmigration_uri = \"b\"\n"),
                           "w.toml:6:17: host.migration_uri must be a libvirt URI"));
    BOOST_TEST(starts_with(host("name = \"b\"\nmigration_data_address = \"tcp://b\"\n"),
                           "w.toml:6:26: host.migration_data_address must be an address"));
    BOOST_TEST(starts_with(host("name = \"b\"\nstorage_folders = [\"vms\"]\n"),
                           "w.toml:6:19: host.storage_folders"));
    BOOST_TEST(starts_with(host("name = \"b\"\n[[host]]\nname = \"B\"\nuri = \"qemu+tls://c/system\"\n"),
                           "w.toml:7:8: host.name there is another host named \"B\""));
    BOOST_TEST(starts_with(host("name = \"b\"\n[[host.switch]]\nname = \"s\"\n"),
                           "w.toml:7:8: host.switch.network a switch is either"));
    BOOST_TEST(starts_with(only_error("[[host]]\nname = \"b\"\nuri = \"qemu:///embed\"\n"),
                           "w.toml:3:7: host.uri must be a host where libvirtd runs"));
}

BOOST_AUTO_TEST_CASE(an_impossible_value_is_an_error_with_line_and_column) {
    BOOST_TEST(
        starts_with(only_error("[server]\nworkers = 0\n"), "w.toml:2:11: server.workers must be between"));
    BOOST_TEST(
        starts_with(only_error("[server]\nworkers = -1\n"), "w.toml:2:11: server.workers must be between"));
    BOOST_TEST(
        starts_with(only_error("[[listener]]\nport = 65536\n"), "w.toml:2:8: listener.port must be between"));
    BOOST_TEST(starts_with(only_error("[log]\nlevel = \"loud\"\n"), "w.toml:2:9: log.level must be one of"));
    BOOST_TEST(starts_with(only_error("[[listener]]\ntls = true\nminimum_tls = \"1.0\"\n"),
                           "w.toml:3:15: listener.minimum_tls"));
    BOOST_TEST(starts_with(only_error("[auth.pam]\ngroups = { a = \"king\" }\n"),
                           "w.toml:2:16: auth.pam.groups must be a role"));
    BOOST_TEST(starts_with(only_error("[backend]\nstorage_folders = [\"vms\"]\n"),
                           "w.toml:2:19: backend.storage_folders"));
    BOOST_TEST(starts_with(
        only_error("[[host]]\nname = \"a\"\nuri = \"a://b\"\n[[host]]\nname = \"A\"\nuri = \"b://c\"\n"),
        "w.toml:5:8: host.name there is another host"));
    BOOST_TEST(starts_with(only_error("[[host]]\nname = \"a\"\n"), "w.toml:"));
}

BOOST_AUTO_TEST_CASE(broken_toml_is_an_error_with_line_and_column) {
    BOOST_TEST(starts_with(only_error("[server]\nname = \n"), "w.toml:2:"));
}

BOOST_AUTO_TEST_CASE(every_mistake_is_reported_at_once) {
    const auto result = parse_config("[server]\nname = 1\nworkers = 0\nx = 1\n", "w.toml");
    BOOST_TEST(result.errors.size() == 3u);
}

BOOST_AUTO_TEST_CASE(what_is_printed_is_read_back_alike) {
    auto first = parse_config(
        "[[listener]]\nport = 7\n[[host]]\nname = \"q\\\"\\\\\"\nuri = \"x://y\"\n"
        "[[host.switch]]\nname = \"s\"\nnetwork = \"n\"\n[auth.pam]\nusers = { \"a b\" = \"viewer\" }\n",
        "w.toml");
    BOOST_REQUIRE(first.errors.empty());
    complete(first.config);
    const auto text = print_config(first.config);
    const auto second = parse_config(text, "printed.toml");
    for (const auto& e : second.errors) BOOST_TEST_MESSAGE(e);
    BOOST_REQUIRE(second.errors.empty());
    BOOST_TEST(print_config(second.config) == text);
}

BOOST_AUTO_TEST_CASE(drop_ins_come_later_in_order_and_lists_add_up) {
    const Folder folder;
    const auto main_file =
        folder.write("wsvirtd.toml", "[server]\nname = \"a\"\nworkers = 2\n[[listener]]\nport = 1\n");
    folder.write("conf.d/20.toml", "[server]\nname = \"c\"\n[[listener]]\nport = 2\n");
    folder.write("conf.d/10.toml", "[server]\nname = \"b\"\n");
    folder.write("conf.d/ignored.txt", "not toml");
    const auto good = load_config(main_file);
    BOOST_REQUIRE(good.errors.empty());
    BOOST_TEST(good.config.server.name == "c");
    BOOST_TEST(good.config.server.workers == 2u);
    BOOST_TEST(good.config.listeners.size() == 2u);
    folder.write("conf.d/30.toml", "\n\n[server]\nbad = 1\n");
    const auto bad = load_config(main_file);
    BOOST_REQUIRE(bad.errors.size() == 1u);
    BOOST_TEST(bad.errors[0].find("conf.d/30.toml:4:1: unknown key server.bad") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(drop_ins_count_where_the_usual_file_is_absent) {
    const Folder folder;
    const auto main_file =
        folder.write("conf.d/10.toml", "[server]\nname = \"b\"\n").parent_path().parent_path() /
        "wsvirtd.toml";
    const auto good = load_config(main_file, true);
    for (const auto& e : good.errors) BOOST_TEST_MESSAGE(e);
    BOOST_TEST(good.errors.empty());
    BOOST_TEST(good.config.server.name == "b");
    BOOST_TEST(load_config(main_file).errors.size() == 1u);  // one that was asked for must be there
    const auto nowhere = main_file.parent_path() / "none" / "wsvirtd.toml";
    BOOST_TEST(load_config(nowhere, true).errors.empty());
    // A folder that is there and cannot be read is no folder without drop-ins.
    std::filesystem::create_directories(nowhere.parent_path());
    std::ofstream(nowhere.parent_path() / "conf.d") << "";
    const auto bad = load_config(nowhere, true);
    BOOST_REQUIRE(bad.errors.size() == 1u);
    BOOST_TEST(bad.errors[0].find("conf.d:1:1: the folder cannot be read") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_time_at_all_is_impossible_for_what_waits) {
    for (const std::string key :
         {"open_limit", "call_limit", "read_limit", "agent_limit", "shut_down_limit"}) {
        BOOST_TEST(
            only_error("[backend]\n" + key + " = 0\n").find("backend." + key + " must be at least 1s") !=
            std::string::npos);
        BOOST_TEST(parse_config("[backend]\n" + key + " = 1\n", "w.toml").errors.empty());
    }
    BOOST_TEST(only_error("[backend]\nlibvirt_log_limit = \"1KiB\"\n").find("backend.libvirt_log_limit") !=
               std::string::npos);
    BOOST_TEST(only_error("[http]\nwrite_time = \"0s\"\n").find("at least 100ms") != std::string::npos);
    BOOST_TEST(only_error("[wsman.limits]\nmax_timeout = 0\n").find("at least 100ms") != std::string::npos);
    BOOST_TEST(
        parse_config("[jobs]\nsynchronous_window = 0\n[auth]\nremember = 0\n", "w.toml").errors.empty());
}

// [[host]] entries add up, so they are compared when all files are read.
BOOST_AUTO_TEST_CASE(hosts_of_several_files_are_compared) {
    const Folder folder;
    const auto main_file = folder.write(
        "wsvirtd.toml",
        "[backend]\nuri = \"qemu:///system\"\n[[host]]\nname = \"b\"\nuri = \"qemu+tls://b/system\"\n");
    const auto error_with = [&](std::string_view more) {
        folder.write("conf.d/10.toml", more);
        const auto r = load_config(main_file);
        BOOST_TEST(r.errors.size() == 1u);
        return r.errors.empty() ? std::string() : r.errors[0];
    };
    const auto has = [](const std::string& text, std::string_view part) {
        return text.find(part) != std::string::npos;
    };
    BOOST_TEST(has(error_with("[[host]]\nname = \"B\"\nuri = \"qemu+tls://c/system\"\n"),
                   "conf.d/10.toml:2:8: host.name there is another host named \"B\""));
    BOOST_TEST(
        has(error_with("[server]\nname = \"B\"\n"), "wsvirtd.toml:4:8: host.name \"b\" is the name of this"));
    BOOST_TEST(has(error_with("[[host]]\nname = \"c\"\nuri = \"QEMU+tls://B/system/\"\n"),
                   "conf.d/10.toml:3:7: host.uri \"QEMU+tls://B/system/\" is"));
    BOOST_TEST(has(error_with("[[host]]\nname = \"c\"\nuri = \"qemu:///system\"\n"),
                   "conf.d/10.toml:3:7: host.uri"));
    BOOST_TEST(has(error_with("[[host]]\nname = \"c\"\nuri = \"test:///default\"\n"),
                   "conf.d/10.toml:3:7: host.uri must be a host where libvirtd runs"));
    folder.write("conf.d/10.toml", "[[host]]\nname = \"c\"\nuri = \"qemu+tls://c/system\"\n");
    BOOST_TEST(load_config(main_file).errors.empty());
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_an_error) {
    BOOST_TEST(load_config("/nowhere/at/all.toml").errors.size() == 1u);
}

BOOST_AUTO_TEST_CASE(durations_and_sizes) {
    BOOST_TEST((parse_duration("5min") == milliseconds(300'000)));
    BOOST_TEST((parse_duration("0s") == milliseconds(0)));
    BOOST_TEST(!parse_duration("-1s"));
    BOOST_TEST(!parse_duration("99999999999999999999h"));
    BOOST_TEST(!parse_duration("1"));
    BOOST_TEST(!duration_of(-1));
    BOOST_TEST((parse_size("64KiB") == 65536u));
    BOOST_TEST(!parse_size("18446744073709551615KiB"));
    BOOST_TEST(print_duration(milliseconds(90'000)) == "90s");
    BOOST_TEST(print_size(65536) == "64KiB");
}

BOOST_AUTO_TEST_CASE(firmware_is_given_in_pairs) {
    const Folder folder;
    const auto errors = [&](const std::string& text) {
        return load_config(folder.write("wsvirtd.toml", text)).errors;
    };
    for (const std::string section :
         {"[backend]\n", "[[host]]\nname = \"hvB\"\nuri = \"qemu+tls://b/system\"\n"})
        for (const std::string name : {"firmware", "secure_firmware"}) {
            const auto line = [&](const char* half) { return name + half + " = \"/fw/x.fd\"\n"; };
            for (const char* half : {"_code", "_vars"}) {
                const auto all = errors(section + line(half));
                BOOST_TEST_REQUIRE(all.size() == 1U);
                BOOST_TEST(all[0].find(name + half + " " + name + "_code and " + name +
                                       "_vars belong together") != std::string::npos,
                           all[0]);
            }
            BOOST_TEST(errors(section + line("_code") + line("_vars")).empty());
        }
    // Files add up.
    folder.write("conf.d/10.toml", "[backend]\nfirmware_vars = \"/fw/vars.fd\"\n");
    BOOST_TEST(errors("[backend]\nfirmware_code = \"/fw/code.fd\"\n").empty());
}

// The programs and files of this host are not those of another one.
BOOST_AUTO_TEST_CASE(each_host_has_programs_and_firmware_of_its_own) {
    const auto r = parse_config(R"(
[backend]
accelerator = "kvm"
emulator = "/here/qemu"
firmware_code = "/here/code"
firmware_vars = "/here/vars"
migration_data_address = "192.0.2.1"
[[host]]
name = "plain"
uri = "qemu+tls://plain/system"
[[host]]
name = "said"
uri = "qemu+tls://said/system"
accelerator = "tcg"
emulator = "/there/qemu"
secure_firmware_code = "/there/code"
secure_firmware_vars = "/there/vars"
)",
                                "w.toml");
    BOOST_TEST_REQUIRE(r.errors.empty());
    BOOST_TEST(r.config.backend.migration_data_address == "192.0.2.1");
    const auto here = libvirt_settings(r.config);
    BOOST_TEST(here.accelerator == "kvm");
    BOOST_TEST(here.emulator == "/here/qemu");
    BOOST_TEST(here.firmware.code == "/here/code");
    BOOST_TEST(here.firmware.vars == "/here/vars");
    const auto plain = libvirt_settings(r.config, r.config.hosts.at(0));
    BOOST_TEST(plain.accelerator == "auto");
    BOOST_TEST(plain.emulator.empty());
    BOOST_TEST(plain.firmware.code.empty());
    const auto said = libvirt_settings(r.config, r.config.hosts.at(1));
    BOOST_TEST(said.accelerator == "tcg");
    BOOST_TEST(said.emulator == "/there/qemu");
    BOOST_TEST(said.firmware.code.empty());
    BOOST_TEST(said.firmware.secure_code == "/there/code");
    BOOST_TEST(said.firmware.secure_vars == "/there/vars");
    BOOST_TEST(said.start_disconnected);
}

BOOST_AUTO_TEST_SUITE_END()
