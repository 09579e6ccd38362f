#include "wsman/client/output.hpp"

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "wsman/client/exit_code.hpp"

using namespace wsvirt;
using namespace wsvirt::client;

namespace {
Value text(std::string t) {
    Value v;
    v.kind = Value::Kind::text;
    v.text = std::move(t);
    return v;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(client_output)

BOOST_AUTO_TEST_CASE(json_strings_are_escaped) {
    BOOST_TEST(json_string("a\"b\\c\n\t\x01") == R"("a\"b\\c\n\t\u0001")");
    BOOST_TEST(json_string("\xE2\x82\xAC") == "\"\xE2\x82\xAC\"");
    BOOST_TEST(json_string("x\xFFy") == "\"x\xEF\xBF\xBDy\"");
}

BOOST_AUTO_TEST_CASE(json_of_an_object) {
    Object o{"C", {{"A", {text("1")}}, {"L", {text("x"), text("y")}}, {"N", {Value{}}}}};
    Value r;
    r.kind = Value::Kind::reference;
    r.reference = {"u", {{"K", "v"}}};
    o.fields.push_back({"R", {r}});
    BOOST_TEST(to_json(o) == R"({"Class": "C", "A": "1", "L": ["x", "y"], "N": null, )"
                             R"("R": {"ResourceURI": "u", "Selectors": {"K": "v"}}})");
}

BOOST_AUTO_TEST_CASE(list_leaves_nulls_out_unless_asked) {
    const Object o{"C", {{"Name", {text("a"), text("b")}}, {"N", {Value{}}}}};
    std::ostringstream some, all;
    write_list(some, o, false);
    write_list(all, o, true);
    BOOST_TEST(some.str() == "Name : a, b\n");
    BOOST_TEST(all.str() == "Name : a, b\nN    : \n");
}

BOOST_AUTO_TEST_CASE(a_server_cannot_send_commands_to_the_terminal) {
    const Object o{"C", {{"Name", {text("a\x1b[2Jb")}}}};
    std::ostringstream out;
    write_list(out, o, false);
    BOOST_TEST(out.str() == "Name : a?[2Jb\n");
}

BOOST_AUTO_TEST_CASE(table_counts_characters) {
    Table t({"NAME", "X"});
    t.add({"\xC3\xA4\xC3\xB6", "1"});
    t.add({"longer name", "2"});
    std::ostringstream out;
    t.write(out);
    BOOST_TEST(out.str() == "NAME         X\n\xC3\xA4\xC3\xB6           1\nlonger name  2\n");
}

BOOST_AUTO_TEST_CASE(without_a_terminal_progress_is_a_line_for_each_step) {
    std::ostringstream out;
    const auto bar = make_progress_bar(out, "x", false);
    for (const unsigned percent : {0U, 0U, 50U, 50U, 100U}) bar->show({percent, ""});
    bar->ended(true);
    const auto line = [](unsigned percent) { return bar_text("x", {percent, ""}, 30) + "\n"; };
    BOOST_TEST(out.str() == line(0) + line(50) + line(100));
}

BOOST_AUTO_TEST_CASE(bar_and_duration) {
    BOOST_TEST(bar_text("x", {50, "busy"}, 10) == "x [#####.....]  50 %  busy");
    BOOST_TEST(bar_text("x", {250, ""}, 4) == "x [####] 100 %");
    BOOST_TEST(duration_text(7'000) == "00:00:07");
    BOOST_TEST(duration_text(90'061'000) == "1 d 01:01:01");
}

BOOST_AUTO_TEST_CASE(exit_codes_as_documented) {
    const auto code = [](Status s, const char* id) { return exit_code_of(Error(s, id, "t")); };
    BOOST_TEST(code(Status::failed, "fault.InternalError") == 1);
    BOOST_TEST(code(Status::invalid_parameter, "client.pair") == 2);
    BOOST_TEST(code(Status::unavailable, "client.connect") == 3);
    BOOST_TEST(code(Status::malformed, "client.reply.xml") == 3);
    BOOST_TEST(code(Status::access_denied, "client.signin") == 4);
    BOOST_TEST(code(Status::not_found, "fault.DestinationUnreachable") == 5);
    BOOST_TEST(code(Status::timed_out, "client.timeout") == 6);
}

BOOST_AUTO_TEST_SUITE_END()
