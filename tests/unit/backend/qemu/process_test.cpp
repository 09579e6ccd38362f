// Programs that are run beside us.
#include "backend/qemu/process.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace wsvirt;
using namespace wsvirt::backend;

BOOST_AUTO_TEST_SUITE(process)

// qemu-img says a hundred times how far it is.
BOOST_AUTO_TEST_CASE(what_a_program_says_word_by_word_is_heard_in_pieces_and_whole) {
    constexpr int words = 1000;
    std::string heard;
    int pieces = 0;
    const auto done = qemu::run_program(
        {},
        {"sh", "-c", "i=0; while [ $i -lt " + std::to_string(words) + " ]; do echo word; i=$((i+1)); done"},
        [&](std::string_view text) {
            heard += text;
            ++pieces;
        });
    BOOST_REQUIRE(done);
    BOOST_TEST(done->exit_code == 0);
    BOOST_TEST(std::count(heard.begin(), heard.end(), '\n') == words);
    BOOST_TEST(pieces < words / 10);
}

BOOST_AUTO_TEST_CASE(what_it_says_after_its_errors_have_ended_is_heard_too) {
    std::string heard;
    const auto done = qemu::run_program({}, {"sh", "-c", "echo a; exec 2>&-; sleep 0.2; echo b; exit 3"},
                                        [&](std::string_view text) { heard += text; });
    BOOST_REQUIRE(done);
    BOOST_TEST(heard == "a\nb\n");
    BOOST_TEST(done->exit_code == 3);
}

BOOST_AUTO_TEST_SUITE_END()
