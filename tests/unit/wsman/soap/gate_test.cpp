#include "wsman/soap/gate.hpp"

#include <boost/test/unit_test.hpp>

#include "wsman/soap/names.hpp"

using namespace wsvirt::soap;

namespace {

std::string envelope(const std::string& header, const std::string& body) {
    return "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header>" + header +
           "</s:Header><s:Body>" + body + "</s:Body></s:Envelope>";
}
Refused refusal(const std::string& text, const GateLimits& limits = {}) {
    const auto r = inspect(text, limits);
    BOOST_REQUIRE_MESSAGE(std::holds_alternative<Refusal>(r), "accepted: " << text.substr(0, 200));
    return std::get<Refusal>(r).why;
}
void accepted(const std::string& text) {
    const auto r = inspect(text, {});
    BOOST_CHECK_MESSAGE(std::holds_alternative<Frame>(r),
                        text.substr(0, 200) << ": " << (r.index() ? std::get<Refusal>(r).text : ""));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gate)

BOOST_AUTO_TEST_CASE(finds_the_parts_of_an_envelope) {
    const auto text =
        envelope("<w:A xmlns:w=\"urn:w\" s:mustUnderstand=\" 1 \">x</w:A><B xmlns='urn:b'/>", "<c/>");
    const auto r = inspect(text, {});
    BOOST_REQUIRE(std::holds_alternative<Frame>(r));
    const auto& f = std::get<Frame>(r);
    BOOST_TEST(f.ns == ns::soap12);
    BOOST_TEST(f.prefix == "s");
    BOOST_TEST(f.header_tag == "<s:Header>");
    BOOST_TEST(f.body == "<s:Body><c/></s:Body>");
    BOOST_TEST(!f.body_empty);
    BOOST_REQUIRE(f.headers.size() == 2);
    BOOST_TEST(f.headers[0].ns == "urn:w");
    BOOST_TEST(f.headers[0].name == "A");
    BOOST_TEST(f.headers[0].must_understand);
    BOOST_TEST(f.headers[1].ns == "urn:b");
    BOOST_TEST(f.headers[1].text == "<B xmlns='urn:b'/>");
    BOOST_TEST(!f.headers[1].must_understand);
}

BOOST_AUTO_TEST_CASE(envelope_without_header_or_prefix) {
    accepted(
        "<?xml version=\"1.0\"?>\n<!-- c --><Envelope "
        "xmlns=\"http://www.w3.org/2003/05/soap-envelope\"><Body/></Envelope>\n");
}

BOOST_AUTO_TEST_CASE(W_SOAP_15_no_doctype_and_no_processing_instruction) {
    BOOST_TEST((refusal("<!DOCTYPE s:Envelope>" + envelope("", "")) == Refused::not_well_formed));
    BOOST_TEST((refusal(envelope("", "<?php x?>")) == Refused::not_well_formed));
    BOOST_TEST((refusal(envelope("", "") + "<?x?>") == Refused::not_well_formed));
    BOOST_TEST((refusal(envelope("", "&bomb;")) == Refused::not_well_formed));
}

BOOST_AUTO_TEST_CASE(W_SOAP_16_comments_are_allowed_anywhere) {
    accepted(envelope("<!-- a --><a/><!-- b -->", "<c><!-- c -->t<!-- d --></c>"));
    BOOST_TEST((refusal(envelope("", "<!-- a -- b -->")) == Refused::not_well_formed));
}

BOOST_AUTO_TEST_CASE(W_SOAP_02_text_that_is_not_well_formed) {
    for (const std::string bad : {"<a>", "<a></b>", "<a b=1/>", "<a b='1' b='2'/>", "<a b='<'/>",
                                  "<a b='1'c='2'/>", "<q:a/>", "<a q:b='1'/>", "]]>", "&#0;", "&#x1;",
                                  "&#xD800;", "&lt", "<a xmlns:q=''/>", "<1a/>", "<a:b:c/>", "< a/>"})
        BOOST_TEST((refusal(envelope("", bad)) == Refused::not_well_formed), bad);
    BOOST_TEST((refusal("") == Refused::not_well_formed));
    BOOST_TEST((refusal("hello") == Refused::not_well_formed));
    BOOST_TEST((refusal(envelope("", "").substr(0, 100)) == Refused::not_well_formed));
    BOOST_TEST((refusal(envelope("", "") + envelope("", "")) == Refused::not_well_formed));
}

BOOST_AUTO_TEST_CASE(characters_that_xml_does_not_allow) {
    using namespace std::string_literals;
    for (const auto& bad : {"\0"s, "\x01"s, "\x1F"s, "\xC0\x80"s, "\xED\xA0\x80"s, "\xF4\x90\x80\x80"s,
                            "\xEF\xBF\xBE"s, "\x80"s, "\xE2\x82"s, "\xF0\x82\x82\xAC"s}) {
        BOOST_TEST((refusal(envelope("", "<a>" + bad + "</a>")) == Refused::not_well_formed));
        BOOST_TEST((refusal(envelope("", "<a b='" + bad + "'/>")) == Refused::not_well_formed));
        BOOST_TEST((refusal(envelope("", "<a><![CDATA[" + bad + "]]></a>")) == Refused::not_well_formed));
        BOOST_TEST((refusal(envelope("", "<!--" + bad + "-->")) == Refused::not_well_formed));
    }
    accepted(envelope(
        "", "<a b='\xF0\x9F\x98\x80'>\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 &#x1F600; &amp;&lt;</a>"));
}

BOOST_AUTO_TEST_CASE(limits_hold) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "<a>";
    GateLimits large;
    large.max_bytes = 10'000'000;
    BOOST_TEST((refusal(envelope("", deep), large) == Refused::limit));
    std::string attributes = "<a";
    for (int i = 0; i < 40'000; ++i) attributes += " a" + std::to_string(i) + "='1'";
    BOOST_TEST((refusal(envelope("", attributes + "/>"), large) == Refused::limit));
    BOOST_TEST((refusal(envelope("", "<a b='" + std::string(400'000, 'x') + "'/>")) == Refused::limit));
    BOOST_TEST((refusal(envelope("", "<" + std::string(5000, 'x') + "/>")) == Refused::limit));
    BOOST_TEST((refusal(envelope("<a>" + std::string(40'000, 'x') + "</a>", "")) == Refused::limit));
    BOOST_TEST((refusal(envelope("", std::string(600'000, ' '))) == Refused::too_large));
    std::string many;
    for (int i = 0; i < 100'001; ++i) many += "<a/>";
    large.max_elements = 100'000;
    BOOST_TEST((refusal(envelope("", many), large) == Refused::limit));
    std::string deep_enough, end;
    for (int i = 0; i < 62; ++i) deep_enough += "<a>", end += "</a>";
    accepted(envelope("", deep_enough + end));
}

BOOST_AUTO_TEST_CASE(what_is_not_an_envelope) {
    const std::string s = "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"";
    BOOST_TEST((refusal("<a/>") == Refused::not_an_envelope));
    BOOST_TEST((refusal("<s:Envelope " + s + "/>") == Refused::not_an_envelope));
    BOOST_TEST((refusal("<s:Envelope " + s + "><s:Header/></s:Envelope>") == Refused::not_an_envelope));
    BOOST_TEST(
        (refusal("<s:Envelope " + s + "><s:Body/><s:Body/></s:Envelope>") == Refused::not_an_envelope));
    BOOST_TEST(
        (refusal("<s:Envelope " + s + "><s:Body/><s:Header/></s:Envelope>") == Refused::not_an_envelope));
    BOOST_TEST((refusal("<s:Envelope " + s + "><x/><s:Body/></s:Envelope>") == Refused::not_an_envelope));
}

BOOST_AUTO_TEST_SUITE_END()
