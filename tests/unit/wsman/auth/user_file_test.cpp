#include "wsman/auth/user_file.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "base/text.hpp"
#include "wsman/auth/password.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("wsvirt-users-" + make_guid());
    std::filesystem::path file = path / "users";
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    void write(std::string_view text) const { std::ofstream(file) << text; }
};

std::string first_line_error(const Folder& f, std::string_view text) {
    f.write(text);
    const auto users = read_user_file(f.file);
    BOOST_REQUIRE(!users);
    BOOST_TEST((users.error().status == Status::malformed));
    return users.error().text.substr(f.file.string().size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(user_file)

BOOST_AUTO_TEST_CASE(hashes_are_yescrypt_with_a_salt_of_their_own) {
    const auto a = hash_password("secret");
    const auto b = hash_password("secret");
    BOOST_REQUIRE(a);
    BOOST_TEST(a->rfind("$y$", 0) == 0u);
    BOOST_TEST(*a != *b);
    BOOST_TEST(verify_password("secret", *a));
    BOOST_TEST(!verify_password("Secret", *a));
    BOOST_TEST(!verify_password("", *a));
    BOOST_TEST(!verify_password(std::string_view("secret\0", 7), *a));
    BOOST_TEST(!verify_password("secret", ""));
    BOOST_TEST(!verify_password("secret", "*"));
    BOOST_TEST(!verify_password("*0", "*0"));
    BOOST_TEST(!hash_password(""));
    BOOST_TEST(!hash_password(std::string_view("a\0b", 3)));
}

BOOST_AUTO_TEST_CASE(users_are_added_changed_and_removed) {
    const Folder f;
    BOOST_REQUIRE(add_user(f.file, "anna", Role::viewer, "one"));
    BOOST_REQUIRE(add_user(f.file, "b c \xc3\xa9", Role::administrator, "two"));
    BOOST_REQUIRE(add_user(f.file, "anna", Role::operator_, "three"));
    auto users = read_user_file(f.file);
    BOOST_REQUIRE(users);
    BOOST_TEST(users->size() == 2u);
    BOOST_TEST((users->at("anna").role == Role::operator_));
    BOOST_TEST(verify_password("three", users->at("anna").hash));
    struct stat s {};
    BOOST_REQUIRE(::stat(f.file.c_str(), &s) == 0);
    BOOST_TEST((s.st_mode & 0777u) == 0600u);
    BOOST_TEST(remove_user(f.file, "anna").ok());
    BOOST_TEST((remove_user(f.file, "anna").error().status == Status::not_found));
    BOOST_TEST(read_user_file(f.file)->size() == 1u);
}

BOOST_AUTO_TEST_CASE(impossible_names_and_passwords_change_nothing) {
    const Folder f;
    for (const std::string name : {"", "a:b", "a\nb", "\x01", "\xff", "#a"})
        BOOST_TEST((add_user(f.file, name, Role::viewer, "x").error().status == Status::invalid_parameter),
                   name);
    BOOST_TEST(!add_user(f.file, std::string(257, 'a'), Role::viewer, "x"));
    BOOST_TEST(!add_user(f.file, "a", Role::viewer, ""));
    BOOST_TEST(!std::filesystem::exists(f.file));
}

BOOST_AUTO_TEST_CASE(mistakes_are_named_with_their_line) {
    const Folder f;
    BOOST_TEST(first_line_error(f, "# users\n\na:viewer\n").rfind(":3: ", 0) == 0u);
    BOOST_TEST(first_line_error(f, "a:king:$y$x\n").rfind(":1: ", 0) == 0u);
    BOOST_TEST(first_line_error(f, "a:viewer:\n").rfind(":1: ", 0) == 0u);
    BOOST_TEST(first_line_error(f, "a:viewer:x\nb:viewer:x:y\n").rfind(":2: ", 0) == 0u);
}

BOOST_AUTO_TEST_CASE(a_broken_file_is_not_overwritten) {
    const Folder f;
    f.write("broken\n");
    BOOST_TEST(!add_user(f.file, "a", Role::viewer, "x"));
    std::ifstream in(f.file);
    std::string line;
    std::getline(in, line);
    BOOST_TEST(line == "broken");
}

BOOST_AUTO_TEST_CASE(changes_at_the_same_time_are_all_kept) {
    const Folder f;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&f, i] {
            for (int n = 0; n < 3; ++n)
                if (!add_user(f.file, "u" + std::to_string(i) + std::to_string(n), Role::viewer, "x"))
                    std::terminate();
        });
    for (auto& t : threads) t.join();
    BOOST_TEST(read_user_file(f.file)->size() == 12u);
}

BOOST_AUTO_TEST_CASE(the_authenticator_follows_the_file) {
    const Folder f;
    UserFileAuthenticator source(f.file);
    BOOST_TEST((source.check("anna", "one").error().status == Status::access_denied));
    BOOST_REQUIRE(add_user(f.file, "anna", Role::operator_, "one"));
    const auto who = source.check("anna", "one");
    BOOST_REQUIRE(who);
    BOOST_TEST(who->name() == "anna");
    BOOST_TEST((who->role() == Role::operator_));
    BOOST_TEST(!source.check("anna", "two"));
    BOOST_TEST(!source.check("Anna", "one"));
    BOOST_TEST(!source.check("", ""));
    const auto version = source.version();
    f.write("not a line");
    std::string problem;
    source.refresh(&problem);
    BOOST_TEST(problem.find(":1: ") != std::string::npos);
    BOOST_TEST(source.version() != version);
    BOOST_TEST(!source.check("anna", "one"));  // fails closed
}

// The message is the same, so that it does not tell which users exist.
BOOST_AUTO_TEST_CASE(unknown_user_and_wrong_password_look_alike) {
    const Folder f;
    BOOST_REQUIRE(add_user(f.file, "anna", Role::viewer, "one"));
    UserFileAuthenticator source(f.file);
    const auto wrong = source.check("anna", "x").error();
    const auto unknown = source.check("nobody", "x").error();
    BOOST_TEST(wrong.full_text() == unknown.full_text());
    BOOST_TEST(wrong.message_id == unknown.message_id);
}

BOOST_AUTO_TEST_SUITE_END()
