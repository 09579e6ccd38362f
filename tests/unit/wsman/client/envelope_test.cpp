#include "wsman/client/envelope.hpp"

#include <boost/test/unit_test.hpp>
#include <pugixml.hpp>

using namespace wsvirt::client;

namespace {
struct Read {
    pugi::xml_document doc;
    explicit Read(const std::string& text) { BOOST_REQUIRE(doc.load_string(text.c_str())); }
    std::string at(const char* path) const { return doc.select_node(path).node().text().get(); }
    std::size_t count(const char* path) const { return doc.select_nodes(path).size(); }
};
const Circumstances here{"https://h:5986/wsman", std::chrono::seconds(30), 100000, "de-DE"};
}  // namespace

BOOST_AUTO_TEST_SUITE(client_envelope)

// W-ADDR-01, W-ADDR-04, W-ADDR-08, W-ADDR-17: the headers every request needs.
BOOST_AUTO_TEST_CASE(every_request_has_the_headers_it_needs) {
    const Resource r{"http://x/C", {{"A", "1 & <2>"}}};
    const Read m(get_request(here, r));
    BOOST_TEST(m.at("//s:Header/wsa:Action") == "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get");
    BOOST_TEST(m.at("//s:Header/wsa:To") == here.to);
    BOOST_TEST(m.at("//s:Header/wsman:ResourceURI") == r.uri);
    BOOST_TEST(m.at("//s:Header/wsa:MessageID").substr(0, 5) == "uuid:");
    BOOST_TEST(m.at("//s:Header/wsa:ReplyTo/wsa:Address") ==
               "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous");
    BOOST_TEST(m.at("//s:Header/wsman:OperationTimeout") == "PT30.000S");
    BOOST_TEST(m.at("//s:Header/wsman:SelectorSet/wsman:Selector[@Name='A']") == "1 & <2>");
    BOOST_TEST(m.count("//s:Body/*") == 0U);
}

BOOST_AUTO_TEST_CASE(no_selectors_no_selector_set) {
    BOOST_TEST(Read(get_request(here, {"http://x/C", {}})).count("//wsman:SelectorSet") == 0U);  // W-SEL-11
}

BOOST_AUTO_TEST_CASE(identify_has_no_addressing_headers) {
    const Read m(identify_request());
    BOOST_TEST(m.count("//s:Header/*") == 0U);
    BOOST_TEST(m.count("//s:Body/wsmid:Identify") == 1U);
}

BOOST_AUTO_TEST_CASE(enumerate_with_a_filter) {
    const Read m(enumerate_request(here, {"http://x/*", {}}, "SELECT * FROM C WHERE A < 'b'",
                                   EnumerationMode::epr, 7));
    const auto filter = m.doc.select_node("//wsen:Enumerate/wsman:Filter").node();
    BOOST_TEST(filter.text().get() == std::string("SELECT * FROM C WHERE A < 'b'"));
    BOOST_TEST(filter.attribute("Dialect").value() ==
               std::string("http://schemas.microsoft.com/wbem/wsman/1/WQL"));
    BOOST_TEST(m.at("//wsen:Enumerate/wsman:EnumerationMode") == "EnumerateEPR");
    BOOST_TEST(m.at("//wsen:Enumerate/wsman:MaxElements") == "7");
    BOOST_TEST(m.count("//wsman:OptimizeEnumeration") == 1U);
}

BOOST_AUTO_TEST_CASE(pull_and_release_carry_the_whole_reference) {  // W-ADDR-30
    const Resource r{"http://x/C", {{"__cimnamespace", "root/v"}}};
    for (const Read& m :
         {Read(pull_request(here, r, "uuid:ctx", 5)), Read(release_request(here, r, "uuid:ctx"))}) {
        BOOST_TEST(m.at("//s:Header/wsman:ResourceURI") == r.uri);
        BOOST_TEST(m.at("//s:Header/wsman:SelectorSet/wsman:Selector") == "root/v");
        BOOST_TEST(m.at("//s:Body/*/wsen:EnumerationContext") == "uuid:ctx");
    }
}

BOOST_AUTO_TEST_CASE(invoke_sends_each_kind_of_parameter) {
    Argument nothing;
    nothing.kind = Argument::Kind::null;
    nothing.name = "N";
    const Naming naming;
    const Read m(invoke_request(
        here, {"http://x/Svc", {}}, "Do",
        {Argument::of_text("T", "a<b"), nothing, Argument::of_reference("R", {"http://x/C", {{"K", "v"}}}),
         Argument::of_instance("I", naming.of_class("Msvm_X"), {{"Notes", "one"}, {"Notes", "two"}})}));
    BOOST_TEST(m.at("//s:Header/wsa:Action") == "http://x/Svc/Do");
    const auto input = m.doc.select_node("//s:Body/p:Do_INPUT").node();
    BOOST_TEST(input.attribute("xmlns:p").value() == std::string("http://x/Svc"));
    BOOST_TEST(m.at("//p:Do_INPUT/p:T") == "a<b");
    BOOST_TEST(m.doc.select_node("//p:N").node().attribute("xsi:nil").as_bool());
    BOOST_TEST(m.at("//p:R/wsa:ReferenceParameters/wsman:SelectorSet/wsman:Selector[@Name='K']") == "v");
    const auto instance = m.doc.select_node("//p:I").node();
    BOOST_TEST(instance.attribute("xsi:type").value() == std::string("e:Msvm_X_Type"));
    BOOST_TEST(m.count("//p:I/e:Notes") == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
