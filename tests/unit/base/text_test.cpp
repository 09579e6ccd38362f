#include "base/text.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

#include "base/xml_text.hpp"

using namespace wsvirt;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(names_compare_without_case) {
    BOOST_TEST(iequals("Msvm_ComputerSystem", "msvm_COMPUTERsystem"));
    BOOST_TEST(!iequals("Msvm_ComputerSystem", "Msvm_ComputerSyste"));
    BOOST_TEST(istarts_with("Microsoft:Hyper-V", "microsoft:"));
    BOOST_TEST(iends_with("Microsoft:Definition\\X\\Default", "\\default"));
}

BOOST_AUTO_TEST_CASE(utf8_is_checked) {
    BOOST_TEST(valid_utf8("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"));
    BOOST_TEST(!valid_utf8("\xc0\x80"));          // overlong
    BOOST_TEST(!valid_utf8("\xed\xa0\x80"));      // surrogate
    BOOST_TEST(!valid_utf8("\xf4\x90\x80\x80"));  // above U+10FFFF
    BOOST_TEST(!valid_utf8("\xe2\x82"));          // cut
}

BOOST_AUTO_TEST_CASE(texts_are_cut_between_characters) {
    BOOST_TEST(shortened("abc", 3) == "abc");
    BOOST_TEST(shortened("abcd", 3) == "abc...");
    const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    for (std::size_t n = 0; n < text.size(); ++n) BOOST_TEST(valid_utf8(shortened(text, n)), n);
    BOOST_TEST(shortened(text, 4) == "a\xc3\xa4...");
}

BOOST_AUTO_TEST_CASE(W_ENC_11_what_XML_has_no_place_for_is_replaced) {
    BOOST_TEST(xml_printable("a\t\r\n\xc3\xa4\xf0\x9f\x98\x80") == "a\t\r\n\xc3\xa4\xf0\x9f\x98\x80");
    BOOST_TEST(xml_printable("\x01 x\xef\xbf\xbe\xef\xbf\xbf.") == "? x??.");
    BOOST_TEST(xml_printable("x\xed\xa0\x80y") == "x???y");
    BOOST_TEST(xml_printable("\xe2\x82") == "??");
    BOOST_TEST(xml_printable("") == "");
}

BOOST_AUTO_TEST_CASE(numbers) {
    BOOST_TEST(parse_uint("18446744073709551615").value() == 18446744073709551615ull);
    BOOST_TEST(!parse_uint("18446744073709551616"));
    BOOST_TEST(!parse_uint("-1"));
    BOOST_TEST(!parse_uint(""));
    BOOST_TEST(parse_int("-12").value() == -12);
    BOOST_TEST(parse_int("+12").value() == 12);
    BOOST_TEST(!parse_int("+-12"));
}

BOOST_AUTO_TEST_CASE(guids) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto g = make_guid();
        BOOST_TEST(is_guid(g));
        BOOST_TEST(g == to_upper(g));
        seen.insert(g);
    }
    BOOST_TEST(seen.size() == 1000u);
    BOOST_TEST(!is_guid("{9C5C8B2E-0000-4000-8000-000000000000}"));
}

BOOST_AUTO_TEST_CASE(trimming_and_splitting) {
    BOOST_TEST(trim(" \t a b \r\n") == "a b");
    BOOST_TEST(trim(" ") == "");
    BOOST_TEST(split("a\\b\\", '\\').size() == 3u);
    BOOST_TEST(replace_all("a\\b", "\\", "\\\\") == "a\\\\b");
}

BOOST_AUTO_TEST_SUITE_END()
