#include "wsman/client/options.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <initializer_list>

using namespace wsvirt;
using namespace wsvirt::client;

namespace {
Parsed parse(std::initializer_list<const char*> words) {
    std::vector<const char*> argv{"wsvirt"};
    argv.insert(argv.end(), words);
    return parse_command_line(static_cast<int>(argv.size()), argv.data());
}
template <class T>
T command(std::initializer_list<const char*> words) {
    auto p = parse(words);
    BOOST_REQUIRE_MESSAGE(p.options, p.text);
    BOOST_REQUIRE(std::holds_alternative<T>(p.options->command));
    return std::get<T>(p.options->command);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(client_options)

BOOST_AUTO_TEST_CASE(tls_to_this_host_is_the_default) {
    auto p = parse({"identify"});
    BOOST_REQUIRE(p.options);
    BOOST_TEST(p.options->connection.url == "https://localhost:5986/wsman");
    BOOST_TEST(!p.options->connection.insecure);
    BOOST_TEST(p.options->naming.name_space == "root/virtualization/v2");
}

BOOST_AUTO_TEST_CASE(common_options_stand_before_or_after_the_command) {
    for (const auto& p : {parse({"--url", "http://h/wsman", "--json", "vm", "list"}),
                          parse({"vm", "list", "--json", "--url", "http://h/wsman"})}) {
        BOOST_REQUIRE(p.options);
        BOOST_TEST(p.options->connection.url == "http://h/wsman");
        BOOST_TEST(p.options->json);
        BOOST_TEST(std::holds_alternative<VmListCommand>(p.options->command));
    }
}

BOOST_AUTO_TEST_CASE(environment_gives_defaults) {
    setenv("WSVIRT_URL", "https://from.env/wsman", 1);
    BOOST_TEST(parse({"identify"}).options->connection.url == "https://from.env/wsman");
    BOOST_TEST(parse({"identify", "--url", "https://given/wsman"}).options->connection.url ==
               "https://given/wsman");
    unsetenv("WSVIRT_URL");
}

BOOST_AUTO_TEST_CASE(get_takes_selectors) {
    const auto c = command<GetCommand>({"get", "Msvm_ComputerSystem", "Name=A", "CreationClassName=B"});
    BOOST_TEST(c.resource == "Msvm_ComputerSystem");
    BOOST_TEST(c.selectors == (std::vector<std::string>{"Name=A", "CreationClassName=B"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(invoke_keeps_its_kinds_of_parameters_apart) {
    const auto c = command<InvokeCommand>(
        {"invoke", "C.K=\"v\"", "Do", "A=1", "--ref", "R=X.Y=1", "B=2", "-i", "S=Cls:P=1", "-s", "N=v"});
    BOOST_TEST(c.method == "Do");
    BOOST_TEST(c.arguments == (std::vector<std::string>{"A=1", "B=2"}), boost::test_tools::per_element());
    BOOST_TEST(c.references == std::vector<std::string>{"R=X.Y=1"}, boost::test_tools::per_element());
    BOOST_TEST(c.instances == std::vector<std::string>{"S=Cls:P=1"}, boost::test_tools::per_element());
    BOOST_TEST(c.selectors == std::vector<std::string>{"N=v"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(machine_actions) {
    BOOST_TEST((command<VmStateCommand>({"vm", "start", "a", "b"}).action == VmAction::start));
    BOOST_TEST((command<VmStateCommand>({"vm", "stop", "a"}).action == VmAction::stop));
    BOOST_TEST((command<VmStateCommand>({"vm", "stop", "--off", "a"}).action == VmAction::off));
    BOOST_TEST((command<VmStateCommand>({"vm", "stop", "a", "--off"}).action == VmAction::off));
    BOOST_TEST((command<VmStateCommand>({"vm", "save", "a"}).action == VmAction::save));
    BOOST_TEST((command<VmStateCommand>({"vm", "pause", "a"}).action == VmAction::pause));
    BOOST_TEST((command<VmStateCommand>({"vm", "resume", "a"}).action == VmAction::resume));
    const auto rm = command<VmStateCommand>({"vm", "rm", "--force", "a"});
    BOOST_TEST((rm.action == VmAction::remove));
    BOOST_TEST(rm.force);
    BOOST_TEST(rm.names.size() == 1U);
}

BOOST_AUTO_TEST_CASE(define_reads_everything) {
    const auto c = command<VmDefineCommand>({"vm",
                                             "define",
                                             "web",
                                             "-g",
                                             "2",
                                             "-c",
                                             "4",
                                             "-m",
                                             "2048",
                                             "--iso",
                                             "/a.iso",
                                             "--disk",
                                             "/b.qcow2",
                                             "--new-disk",
                                             "/c.vhdx:10",
                                             "--switch",
                                             "Default Switch",
                                             "--serial",
                                             "\\\\.\\pipe\\web",
                                             "--start"});
    BOOST_TEST(c.name == "web");
    BOOST_TEST(c.generation == 2U);
    BOOST_TEST(c.processors == 4U);
    BOOST_TEST(c.memory_mib == 2048U);
    BOOST_TEST(c.isos.size() == 1U);
    BOOST_TEST(c.disks.size() == 1U);
    BOOST_TEST(c.new_disks.front() == "/c.vhdx:10");
    BOOST_TEST(c.switches.front() == "Default Switch");
    BOOST_TEST(c.start);
}

BOOST_AUTO_TEST_CASE(a_wrong_command_line_is_exit_code_2_and_help_is_0) {
    for (const auto& p :
         {parse({}), parse({"frobnicate"}), parse({"vm"}), parse({"vm", "start"}), parse({"get"}),
          parse({"vm", "define", "x", "-g", "3"}), parse({"identify", "--timeout", "0"})}) {
        BOOST_TEST(!p.options);
        BOOST_TEST(p.exit_code == 2);
        BOOST_TEST(!p.text.empty());
    }
    BOOST_TEST(parse({"--help"}).exit_code == 0);
    BOOST_TEST(parse({"vm", "define", "--help"}).exit_code == 0);
    BOOST_TEST(parse({"--version"}).exit_code == 0);
    BOOST_TEST(parse({"--help"}).text.find("Exit codes:") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(password_comes_from_the_file_before_the_environment) {
    Options o;
    setenv("WSVIRT_PASSWORD", "from env", 1);
    BOOST_TEST(find_password(o).value() == "from env");
    const std::string file = "/tmp/wsvirt-client-password-test." + std::to_string(getpid());
    std::ofstream(file) << "s3cret \nsecond line\n";
    o.password_file = file;
    BOOST_TEST(find_password(o).value() == "s3cret ");
    std::remove(file.c_str());
    BOOST_TEST((find_password(o).error().status == Status::invalid_parameter));
    unsetenv("WSVIRT_PASSWORD");
}

BOOST_AUTO_TEST_SUITE_END()
