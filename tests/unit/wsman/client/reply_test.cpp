#include "wsman/client/reply.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/wsman/client/scripted_transport.hpp"

using namespace wsvirt;
using namespace wsvirt::client;

namespace {
std::string envelope(const std::string& body) {
    ScriptedTransport t;
    t.answer(body);
    return t.answers.front().value();
}
std::string fault(const std::string& subcode, const std::string& detail = {}) {
    return envelope("<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>" + subcode +
                    "</e:Value></e:Subcode></e:Code><e:Reason><e:Text>No.</e:Text></e:Reason><e:Detail>" +
                    detail + "</e:Detail></e:Fault>");
}
}  // namespace

BOOST_AUTO_TEST_SUITE(client_reply)

BOOST_AUTO_TEST_CASE(object_with_every_kind_of_value) {
    const auto o =
        read_body(envelope("<p:C><p:A>x y</p:A><p:L>1</p:L><p:L>2</p:L><p:N i:nil=\"true\"/><p:E/>"
                           "<p:D><c:Datetime xmlns:c=\"u\">2026-01-02T03:04:05Z</c:Datetime></p:D><p:R>" +
                           ScriptedTransport::reference("Msvm_ConcreteJob", "InstanceID", "J") +
                           "</p:R><p:I i:type=\"v:Inner_Type\" xmlns:v=\"u\"><v:X>1</v:X></p:I></p:C>"))
            .value();
    BOOST_TEST(o.class_name == "C");
    BOOST_TEST(o.text("a") == "x y");
    BOOST_TEST(o.texts("L") == (std::vector<std::string>{"1", "2"}), boost::test_tools::per_element());
    BOOST_TEST((o.field("N")->values.front().kind == Value::Kind::null));
    BOOST_TEST((o.field("E")->values.front().kind == Value::Kind::text));
    BOOST_TEST(o.text("D") == "2026-01-02T03:04:05Z");
    BOOST_REQUIRE(o.reference("R") != nullptr);
    BOOST_TEST(o.reference("R")->selector("InstanceID") == "J");
    BOOST_REQUIRE((o.field("I")->values.front().kind == Value::Kind::object));
    BOOST_TEST(o.field("I")->values.front().object->class_name == "Inner");
    BOOST_TEST(o.field("I")->values.front().object->text("X") == "1");
}

BOOST_AUTO_TEST_CASE(nested_endpoint_reference_is_a_reference_too) {
    const auto o =
        read_body(envelope("<p:C><p:R><a:EndpointReference>" + ScriptedTransport::reference("X", "K", "v") +
                           "</a:EndpointReference></p:R></p:C>"))
            .value();
    BOOST_REQUIRE(o.reference("R") != nullptr);
    BOOST_TEST(o.reference("R")->class_name() == "X");
}

BOOST_AUTO_TEST_CASE(faults_become_errors_with_the_servers_reason) {
    const auto denied = read_body(fault("w:AccessDenied")).error();
    BOOST_TEST((denied.status == Status::access_denied));
    BOOST_TEST(denied.text == "No.");
    BOOST_TEST((read_body(fault("a:DestinationUnreachable")).error().status == Status::not_found));
    BOOST_TEST((read_body(fault("w:TimedOut")).error().status == Status::timed_out));
    const auto more =
        read_body(fault("w:InternalError",
                        "<f:WSManFault xmlns:f=\"u\" Code=\"1\"><f:Message>The disk is full.</f:Message>"
                        "</f:WSManFault>"))
            .error();
    BOOST_TEST(more.detail == "The disk is full.");
    BOOST_TEST(more.message_id == "fault.InternalError");
}

BOOST_AUTO_TEST_CASE(page_of_objects_and_references) {
    const auto page =
        read_page(
            envelope("<n:PullResponse><n:EnumerationContext>c1</n:EnumerationContext><n:Items>"
                     "<w:Item><p:C><p:A>1</p:A></p:C><a:EndpointReference>" +
                     ScriptedTransport::reference("C", "A", "1") +
                     "</a:EndpointReference></w:Item><p:C><p:A>2</p:A></p:C></n:Items></n:PullResponse>"))
            .value();
    BOOST_TEST(page.items.size() == 2U);
    BOOST_TEST(page.references.size() == 1U);
    BOOST_TEST(page.context == "c1");
    BOOST_TEST(!page.ended);
}

BOOST_AUTO_TEST_CASE(an_empty_context_or_end_of_sequence_ends) {
    BOOST_TEST(read_page(envelope("<n:EnumerateResponse><n:EnumerationContext/></n:EnumerateResponse>"))
                   .value()
                   .ended);
    BOOST_TEST(
        read_page(envelope("<n:PullResponse><n:Items/><n:EndOfSequence/></n:PullResponse>")).value().ended);
}

BOOST_AUTO_TEST_CASE(what_is_no_envelope_is_refused) {
    for (const char* text : {"", "plain", "<html><body>hello</body></html>", "<a><b></a>"})
        BOOST_TEST((read_body(text).error().status == Status::malformed));
}

BOOST_AUTO_TEST_CASE(deep_nesting_does_not_exhaust_the_stack) {
    std::string deep;
    for (int i = 0; i < 5000; ++i) deep += "<p:x>";
    for (int i = 0; i < 5000; ++i) deep += "</p:x>";
    BOOST_TEST(read_body(envelope("<p:C>" + deep + "</p:C>")).ok());
}

BOOST_AUTO_TEST_SUITE_END()
