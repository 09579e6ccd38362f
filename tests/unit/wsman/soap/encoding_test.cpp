#include "wsman/soap/encoding.hpp"

#include <boost/test/unit_test.hpp>

using namespace wsvirt::soap;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(encoding)

BOOST_AUTO_TEST_CASE(W_ENC_01_utf16_in_both_byte_orders_round_trip) {
    const std::string text = "<a>\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80</a>";
    for (const auto e : {Encoding::utf16le, Encoding::utf16be}) {
        const auto wire = encode(text, e);
        const auto back = decode(wire, "application/soap+xml;charset=UTF-16");
        BOOST_TEST((back.status == DecodeStatus::ok));
        BOOST_TEST((back.encoding == e));
        BOOST_TEST(back.text == text);
    }
}

BOOST_AUTO_TEST_CASE(W_ENC_12_a_utf8_bom_is_accepted_and_dropped) {
    const auto r = decode("\xEF\xBB\xBF<a/>", "application/soap+xml; charset=\"utf-8\"");
    BOOST_TEST((r.status == DecodeStatus::ok));
    BOOST_TEST(r.text == "<a/>");
}

BOOST_AUTO_TEST_CASE(W_ENC_13_contradictions) {
    BOOST_TEST(
        (decode("\xFF\xFE<\0"s, "application/soap+xml;charset=UTF-8").status == DecodeStatus::contradiction));
    BOOST_TEST((decode("<a/>", "application/soap+xml;charset=UTF-16").status == DecodeStatus::contradiction));
    BOOST_TEST((decode("\xFF\xFE<\0"s, "application/soap+xml;charset=UTF-16BE").status ==
                DecodeStatus::contradiction));
    BOOST_TEST(
        (decode("<?xml version='1.0' encoding='UTF-16'?><a/>", "application/soap+xml;charset=UTF-8").status ==
         DecodeStatus::contradiction));
}

BOOST_AUTO_TEST_CASE(W_ENC_03_other_character_sets) {
    BOOST_TEST(
        (decode("<a/>", "application/soap+xml;charset=EBCDIC").status == DecodeStatus::unsupported_charset));
    BOOST_TEST((decode("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "application/soap+xml").status ==
                DecodeStatus::unsupported_charset));
}

BOOST_AUTO_TEST_CASE(W_ENC_10_other_media) {
    BOOST_TEST((decode("x", "multipart/related; boundary=x").status == DecodeStatus::unsupported_media));
    BOOST_TEST((decode("x", "application/json").status == DecodeStatus::unsupported_media));
}

BOOST_AUTO_TEST_CASE(broken_utf16) {
    BOOST_TEST((decode("\xFF\xFE<"s, "application/soap+xml").status == DecodeStatus::broken_text));
    BOOST_TEST((decode("\xFF\xFE\x00\xD8"s, "application/soap+xml").status == DecodeStatus::broken_text));
    BOOST_TEST((decode("\xFF\xFE\x00\xDC<\0"s, "application/soap+xml").status == DecodeStatus::broken_text));
}

BOOST_AUTO_TEST_SUITE_END()
