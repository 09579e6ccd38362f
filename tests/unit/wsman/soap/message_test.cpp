#include "wsman/soap/message.hpp"

#include <boost/test/unit_test.hpp>

#include "wsman/soap/names.hpp"
#include "wsman/soap/writer.hpp"
#include "wsman/soap/xml.hpp"

using namespace wsvirt::soap;

namespace {

constexpr auto media = "application/soap+xml;charset=UTF-8";

std::string envelope(const std::string& header, const std::string& body = "",
                     const std::string& addressing = std::string(ns::wsa04)) {
    return "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:wsa=\"" + addressing +
           "\" xmlns:wsman=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" "
           "xmlns:p=\"http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd\"><s:Header>" +
           header + "</s:Header><s:Body>" + body + "</s:Body></s:Envelope>";
}

const std::string full =
    "<wsa:Action s:mustUnderstand=\"true\">\n urn:act </wsa:Action><wsa:To>http://h/wsman</wsa:To>"
    "<!-- between --><wsa:MessageID>uuid:1</wsa:MessageID>"
    "<wsa:ReplyTo><wsa:Address s:mustUnderstand=\"true\">urn:anon</wsa:Address><wsa:ReferenceParameters>"
    "<q:Id xmlns:q=\"urn:q\">7 &lt; 8</q:Id></wsa:ReferenceParameters></wsa:ReplyTo>"
    "<wsman:ResourceURI s:mustUnderstand=\"true\">http://x/Y</wsman:ResourceURI>"
    "<wsman:SelectorSet><wsman:Selector Name=\"A\"> 1 &amp; <![CDATA[<2>]]> </wsman:Selector>"
    "<wsman:Selector Name=\"E\"/>"
    "<wsman:Selector Name=\"R\">\n <wsa:EndpointReference><wsa:Address>urn:here</wsa:Address>"
    "<wsa:ReferenceParameters><wsman:ResourceURI>http://x/Z</wsman:ResourceURI><wsman:SelectorSet>"
    "<wsman:Selector Name=\"K\">v</wsman:Selector></wsman:SelectorSet></wsa:ReferenceParameters>"
    "</wsa:EndpointReference></wsman:Selector></wsman:SelectorSet>"
    "<wsman:OperationTimeout>PT60.000S</wsman:OperationTimeout>"
    "<wsman:MaxEnvelopeSize s:mustUnderstand=\"1\">153600</wsman:MaxEnvelopeSize>"
    "<wsman:Locale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>"
    "<p:DataLocale xml:lang=\"de-DE\" s:mustUnderstand=\"false\"/><p:SessionId>uuid:s</p:SessionId>"
    "<wsman:OptionSet s:mustUnderstand=\"true\"><wsman:Option Name=\"x\" MustComply=\"true\" "
    "Type=\"xs:int\">5</wsman:Option>"
    "<wsman:Option Name=\"y\"/></wsman:OptionSet>"
    "<wsman:FragmentTransfer s:mustUnderstand=\"true\" "
    "xmlns:f=\"urn:f\">f:Name/text()</wsman:FragmentTransfer>"
    "<wsman:RequestEPR/><wsman:RequestTotalItemsCountEstimate/>"
    "<Other xmlns=\"urn:other\">ignored</Other>";

}  // namespace

BOOST_AUTO_TEST_SUITE(message)

BOOST_AUTO_TEST_CASE(every_header_is_read) {
    Receiver receiver;
    // Twice, because the second message gets the context of the first.
    for (int round = 0; round < 2; ++round) {
        const auto in = receiver.receive(envelope(full, "<b xmlns=\"urn:b\">t</b>"), media);
        BOOST_REQUIRE(in.message);
        BOOST_TEST(!in.fault.has_value());
        const auto& h = in.message->headers;
        BOOST_TEST(*h.action == "urn:act");
        BOOST_TEST(*h.to == "http://h/wsman");
        BOOST_TEST(*h.message_id == "uuid:1");
        BOOST_TEST(h.reply_to->address == "urn:anon");
        BOOST_TEST(h.reply_to->echo.find("7 &lt; 8</q:Id>") != std::string::npos);
        BOOST_TEST(h.reply_to->echo.find("xmlns:q=\"urn:q\"") != std::string::npos);
        BOOST_TEST(*h.resource_uri == "http://x/Y");
        BOOST_REQUIRE(h.selectors.size() == 3);
        BOOST_TEST(h.selectors[0].name == "A");
        BOOST_TEST(h.selectors[0].value == "1 & <2>");
        BOOST_TEST(h.selectors[1].value == "");
        BOOST_REQUIRE(h.selectors[2].epr);
        BOOST_TEST(h.selectors[2].epr->resource_uri == "http://x/Z");
        BOOST_TEST(h.selectors[2].epr->selectors.at(0).value == "v");
        BOOST_TEST(h.operation_timeout->value == "PT60.000S");
        BOOST_TEST(!h.operation_timeout->must_understand);
        BOOST_TEST(h.max_envelope_size->value == "153600");
        BOOST_TEST(h.max_envelope_size->must_understand);
        BOOST_TEST(h.locale->value == "en-US");
        BOOST_TEST(h.data_locale->value == "de-DE");
        BOOST_REQUIRE(h.options.size() == 2);
        BOOST_TEST(h.options[0].must_comply);
        BOOST_TEST(h.options[0].value == "5");
        BOOST_TEST(h.options[1].name == "y");
        BOOST_TEST(h.fragment->expression == "f:Name/text()");
        BOOST_TEST(h.fragment->block.find("xmlns:f=\"urn:f\"") != std::string::npos);
        BOOST_TEST(h.request_epr);
        BOOST_TEST(h.request_total);
        BOOST_TEST(xml::is(xml::first_element(in.message->body), "urn:b", "b"));
    }
}

BOOST_AUTO_TEST_CASE(W_SOAP_04_unknown_header_with_must_understand) {
    Receiver receiver;
    const auto in = receiver.receive(
        envelope(
            "<wsa:MessageID>uuid:2</wsa:MessageID><m:Mystery xmlns:m=\"urn:m\" s:mustUnderstand=\"true\"/>"),
        media);
    BOOST_REQUIRE(in.fault.has_value());
    BOOST_TEST((in.fault->subcode == Subcode::must_understand));
    const auto text = write_fault(&in.message->headers, *in.fault, "host", 100'000);
    BOOST_TEST(text.find("<a:RelatesTo>uuid:2</a:RelatesTo>") != std::string::npos);
    BOOST_TEST(text.find("<s:NotUnderstood xmlns:q=\"urn:m\" qname=\"q:Mystery\"/>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(W_SOAP_07_duplicate_header) {
    Receiver receiver;
    const auto in = receiver.receive(envelope("<wsa:Action>a</wsa:Action><wsa:Action>b</wsa:Action>"), media);
    BOOST_REQUIRE(in.fault.has_value());
    BOOST_TEST((in.fault->subcode == Subcode::invalid_header));
}

BOOST_AUTO_TEST_CASE(W_SOAP_01_soap11_is_answered_with_version_mismatch) {
    Receiver receiver;
    const auto in = receiver.receive(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body/></e:Envelope>", media);
    BOOST_REQUIRE(in.fault.has_value());
    BOOST_TEST((in.fault->subcode == Subcode::version_mismatch));
}

BOOST_AUTO_TEST_CASE(W_ADDR_22_newer_addressing_and_no_mixing) {
    Receiver receiver;
    const std::string h =
        "<wsa:MessageID>urn:3</wsa:MessageID><wsa:ReplyTo><wsa:Address>u</wsa:Address></wsa:ReplyTo>";
    const auto in = receiver.receive(envelope(h, "", std::string(ns::wsa05)), media);
    BOOST_REQUIRE(in.message);
    BOOST_TEST(!in.fault.has_value());
    BOOST_TEST((in.message->headers.addressing == Addressing::wsa05));
    BOOST_TEST(*in.message->headers.message_id == "urn:3");
    const auto mixed = receiver.receive(
        envelope(h + "<o:To xmlns:o=\"http://www.w3.org/2005/08/addressing\">x</o:To>"), media);
    BOOST_TEST(mixed.fault.has_value());
}

BOOST_AUTO_TEST_CASE(a_header_of_the_wrong_shape_still_gives_the_message_id) {
    Receiver receiver;
    const auto in = receiver.receive(
        envelope("<wsa:MessageID>uuid:4</wsa:MessageID><wsa:Action><x/></wsa:Action>"
                 "<wsman:SelectorSet><wsman:Selector Name=\"a\"><x/></wsman:Selector></wsman:SelectorSet>"),
        media);
    BOOST_REQUIRE(in.message);
    BOOST_TEST(in.fault.has_value());
    BOOST_TEST(*in.message->headers.message_id == "uuid:4");
}

BOOST_AUTO_TEST_CASE(multi_reference_attributes_have_no_effect) {
    Receiver receiver;
    const auto in = receiver.receive(
        envelope("<wsa:MessageID id=\"m\">uuid:5</wsa:MessageID><wsa:Action href=\"#m\">a</wsa:Action>"),
        media);
    BOOST_REQUIRE(in.message);
    BOOST_TEST(*in.message->headers.action == "a");
}

BOOST_AUTO_TEST_CASE(a_prefix_may_be_named_like_an_attribute_of_soap) {
    Receiver receiver;
    const auto in = receiver.receive(
        envelope("<q:M xmlns:q=\"urn:q\" xmlns:mustUnderstand=\"urn:m\"/><q:N xmlns:q=\"urn:q\" "
                 "xmlns:mustUnderstand=\"urn:m\" s:mustUnderstand=\"1\"/>"),
        media);
    BOOST_REQUIRE(in.message);
    BOOST_REQUIRE(in.message->frame.headers.size() == 2u);
    BOOST_TEST(!in.message->frame.headers[0].must_understand);
    BOOST_TEST(in.message->frame.headers[1].must_understand);
}

BOOST_AUTO_TEST_CASE(W_SOAP_08_not_understood_names_a_header_of_any_namespace) {
    const auto answer = [](const std::string& block) {
        Receiver receiver;
        const auto in = receiver.receive(envelope("<wsa:MessageID>uuid:8</wsa:MessageID>" + block), media);
        BOOST_REQUIRE(in.fault);
        return write_fault(&in.message->headers, *in.fault, "host", 64 * 1024);
    };
    const auto none = answer("<Mystery s:mustUnderstand=\"1\"/>");
    BOOST_TEST(none.find("<s:NotUnderstood qname=\"Mystery\"/>") != std::string::npos);
    BOOST_TEST(std::holds_alternative<Frame>(inspect(none, {})));
    const auto odd = answer("<q:M xmlns:q='urn:&lt;\"&#38;' s:mustUnderstand=\"1\"/>");
    BOOST_TEST(odd.find("xmlns:q=\"urn:&lt;&quot;&amp;\" qname=\"q:M\"") != std::string::npos, odd);
}

BOOST_AUTO_TEST_CASE(character_references_of_any_length_are_read_in_headers) {
    Receiver receiver;
    const auto in = receiver.receive(
        envelope(
            "<wsa:MessageID>uuid:9</wsa:MessageID><wsman:SelectorSet>"
            "<wsman:Selector Name=\"A\">&#x10FFFF;&#x0001F600;&#00000228;</wsman:Selector>"
            "<wsman:Selector Name=\"B\">&#x0000003C;&#x26;amp;&#00000065;<![CDATA[&#x41;]]></wsman:Selector>"
            "<wsman:Selector Name=\"&#x0000022;&#39;&#x00003E;&#x0E4;\">c<!-- &#x41; --></wsman:Selector>"
            "</wsman:SelectorSet>"),
        media);
    BOOST_REQUIRE(in.message);
    BOOST_REQUIRE(!in.fault);
    const auto& s = in.message->headers.selectors;
    BOOST_REQUIRE(s.size() == 3u);
    BOOST_TEST(s[0].value == "\xf4\x8f\xbf\xbf\xf0\x9f\x98\x80\xc3\xa4");
    BOOST_TEST(s[1].value == "<&amp;A&#x41;");
    BOOST_TEST(s[2].name == "\"'>\xc3\xa4");
    for (const std::string bad : {"&#x0D8000;", "&#x0FFFE0;"}) {
        const auto refused = receiver.receive(envelope("<wsa:MessageID>" + bad + "</wsa:MessageID>"), media);
        const auto text = write_fault(refused.message ? &refused.message->headers : nullptr,
                                      Fault(Subcode::internal_error), "host", 64 * 1024);
        BOOST_TEST(std::holds_alternative<Frame>(inspect(text, {})), text);
    }
}

// The answer that a request with these reference parameters gets, as the gate sees it.
std::string fault_with_echo(const std::string& parameters, const std::string& version, Incoming& in) {
    static Receiver receiver;
    in = receiver.receive(
        envelope("<wsa:MessageID>uuid:7</wsa:MessageID><wsa:ReplyTo><wsa:Address>urn:a</wsa:Address>"
                 "<wsa:ReferenceParameters>" +
                     parameters + "</wsa:ReferenceParameters></wsa:ReplyTo>",
                 "", version),
        media);
    BOOST_REQUIRE(in.message);
    return write_fault(&in.message->headers, Fault(Subcode::internal_error), "host", 512 * 1024);
}

BOOST_AUTO_TEST_CASE(reference_parameters_come_back_well_formed_whatever_they_bind) {
    const std::string own(ns::wsa05);
    for (const auto& version : {std::string(ns::wsa04), own})
        for (const std::string& parameter : std::vector<std::string>{
                 "<q:A xmlns:q=\"urn:q\" xmlns:isrp=\"" + own + "\" isrp:IsReferenceParameter=\"false\"/>",
                 "<isrp:A xmlns:isrp=\"urn:isrp\" xmlns:isrp_=\"urn:other\"><isrp_:B/></isrp:A>",
                 "<q:A xmlns:q=\"urn:q\" xmlnsp=\"1\">wsa-is-reference-parameter=\"true\"</q:A>",
                 "<q:A xmlns:q=\"urn:q\" a='" + std::string(2'000, '"') + "'/>"}) {
            Incoming in;
            const auto answer = fault_with_echo(parameter, version, in);
            const auto seen = inspect(answer, {});
            BOOST_REQUIRE_MESSAGE(std::holds_alternative<Frame>(seen), answer);
            pugi::xml_document doc;
            BOOST_REQUIRE(doc.load_string(answer.c_str()));
            const auto header = xml::first_element(xml::first_element(doc));
            pugi::xml_node block = xml::first_element(header);
            while (block && xml::local_name(block) != "A") block = xml::next_element(block);
            BOOST_REQUIRE_MESSAGE(block, answer);
            BOOST_TEST(xml::namespace_of(block).starts_with("urn:"));
            const std::string_view marked = xml::attribute(block, ns::wsa05, "IsReferenceParameter").value();
            if (version == own) BOOST_TEST(marked == "true");
            if (xml::first_element(block))
                BOOST_TEST(xml::namespace_of(xml::first_element(block)) == "urn:other");
            if (parameter.find("wsa-is") != std::string::npos)
                BOOST_TEST(xml::text(block) == "wsa-is-reference-parameter=\"true\"");
        }
}

BOOST_AUTO_TEST_CASE(reference_parameters_multiply_no_prefixes_without_bound) {
    std::string many;
    for (int i = 0; i < 1'000; ++i) many += "<q/>";
    Incoming in;
    fault_with_echo(many, std::string(ns::wsa04), in);
    BOOST_REQUIRE(in.fault);
    BOOST_TEST((in.fault->subcode == Subcode::encoding_limit));
    BOOST_TEST(in.fault->limit == "wsman.gate.max_header_bytes");
    BOOST_TEST(in.message->headers.reply_to->echo.empty());
    fault_with_echo("<q/><q/>", std::string(ns::wsa04), in);
    BOOST_TEST(!in.fault);
}

BOOST_AUTO_TEST_CASE(W_SOAP_12_a_fault_stays_small) {
    RequestHeaders h;
    h.message_id = "uuid:6";
    h.reply_to.emplace().echo = "<big>" + std::string(20'000, 'x') + "</big>";
    const auto text =
        write_fault(&h, Fault(Subcode::internal_error, {}, std::string(20'000, 'y')), "host", 8192);
    BOOST_TEST(text.size() <= 8192u);
    BOOST_TEST(text.find("w:InternalError") != std::string::npos);
    BOOST_TEST(text.find("uuid:6") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(W_ENC_11_control_characters_never_go_out) {
    std::string out;
    append_escaped(out, "a\x01 b\n<&>\x1F");
    BOOST_TEST(out == "a? b\n&lt;&amp;&gt;?");
}

BOOST_AUTO_TEST_SUITE_END()
