#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/unit/wsman/ops/service.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;
using ops_test::Service;

namespace {

bool has(const HttpResponse& r, std::string_view part) {
    const bool found = r.body.find(part) != std::string::npos;
    if (!found)
        BOOST_TEST_MESSAGE("not found: " << part << "\nin " << r.body.substr(r.body.find("<s:Body>")));
    return found;
}
std::string element(const std::string& name, const std::string& value) {
    return "<p:" + name + ">" + value + "</p:" + name + ">";
}

struct RoundTrip {
    const char* name;
    const char* sent;
    const char* back;
};
std::ostream& operator<<(std::ostream& o, const RoundTrip& r) {
    return o << r.name << "=" << r.sent;
}

const std::vector<RoundTrip> round_trips{
    {"Flag", "true", "true"},
    {"Flag", "1", "true"},
    {"Flag", " false ", "false"},
    {"U8", "0", "0"},
    {"U8", "255", "255"},
    {"S8", "-128", "-128"},
    {"U16", "65535", "65535"},
    {"S16", "-32768", "-32768"},
    {"U32", "4294967295", "4294967295"},
    {"S32", "-2147483648", "-2147483648"},
    {"U64", "18446744073709551615", "18446744073709551615"},
    {"S64", "-9223372036854775808", "-9223372036854775808"},
    {"S64", "9223372036854775807", "9223372036854775807"},
    {"U32", " 7 ", "7"},
    {"R32", "1.5", "1.5"},
    {"R64", "INF", "INF"},
    {"R64", "-INF", "-INF"},
    {"R64", "NaN", "NaN"},
    {"C16", "\xE2\x82\xAC", "\xE2\x82\xAC"},
    {"Text", "a &lt;b&gt; &amp; \xF0\x9F\x98\x80", "a &lt;b&gt; &amp; \xF0\x9F\x98\x80"},
    {"Text", "", ""},
    {"When", "<cim:Datetime>2026-11-02T09:30:00Z</cim:Datetime>",
     "<cim:Datetime>2026-11-02T09:30:00Z</cim:Datetime>"},
    {"When", "20261102093000.000000+000", "<cim:Datetime>2026-11-02T09:30:00Z</cim:Datetime>"},
    {"When", "<cim:CIM_DateTime>201611********.******+000</cim:CIM_DateTime>",
     "<cim:CIM_DateTime>201611********.******+000</cim:CIM_DateTime>"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(invocation)

BOOST_DATA_TEST_CASE(C_XML_07_08_09_parameters_of_every_type_come_back,
                     boost::unit_test::data::make(round_trips), c) {
    Service s;
    const auto r = s.invoke("Echo", element(c.name, c.sent));
    BOOST_TEST(r.status == 200u);
    BOOST_TEST(has(r, element(c.name, c.back)));
}

BOOST_AUTO_TEST_CASE(C_XML_08_intervals) {
    Service s;
    for (const auto* sent : {"<cim:Interval>P1DT2H</cim:Interval>", "00000001020000.000000:000"})
        BOOST_TEST(has(s.invoke("Echo", element("When", sent)), "<cim:Interval>"));
}

BOOST_AUTO_TEST_CASE(W_ACT_04_values_out_of_range_or_of_the_wrong_type) {
    Service s;
    for (const auto& [name, value] :
         std::vector<std::pair<const char*, const char*>>{{"U8", "256"},
                                                          {"U8", "-1"},
                                                          {"S8", "128"},
                                                          {"U16", "x"},
                                                          {"U64", "18446744073709551616"},
                                                          {"Flag", "maybe"},
                                                          {"When", "yesterday"},
                                                          {"C16", "ab"},
                                                          {"U32", "<x/>"}}) {
        const auto r = s.invoke("Echo", element(name, value));
        BOOST_TEST(r.status == 500u);
        BOOST_TEST(has(r, "w:InvalidParameter"), name << "=" << value);
        BOOST_TEST(has(r, "faultDetail/TypeMismatch"));
        BOOST_TEST(has(r, name));
    }
    BOOST_TEST(has(s.invoke("Echo", element("U8", "1") + element("U8", "2")), "w:InvalidParameter"));
}

BOOST_AUTO_TEST_CASE(W_ACT_03_C_INV_07_unknown_and_out_only_parameters) {
    Service s;
    for (const auto& sent : {element("Nope", "1"), element("u9", "1")}) {
        const auto r = s.invoke("Echo", sent);
        BOOST_TEST(has(r, "w:InvalidParameter"));
        BOOST_TEST(has(r, "faultDetail/InvalidName"));
    }
    BOOST_TEST(has(s.invoke("Job", element("Job", "")), "faultDetail/InvalidName"));
}

BOOST_AUTO_TEST_CASE(C_INV_01_02_03_W_ACT_01_02_action_and_elements) {
    Service s;
    const auto r = s.invoke("Echo", element("U8", "1"));
    BOOST_TEST(has(r, "<a:Action>" + Service::dmtf + "/EchoResponse</a:Action>"));
    BOOST_TEST(has(r, "<p:Echo_OUTPUT xmlns:p=\"" + Service::dmtf + "\">"));
    BOOST_TEST(has(r, "<p:ReturnValue>0</p:ReturnValue></p:Echo_OUTPUT>"));
}

BOOST_AUTO_TEST_CASE(C_INV_13_wmi_names_are_mirrored) {
    Service s;
    const auto r = s.invoke("Echo", element("U8", "1"), "", Service::wmi);
    BOOST_TEST(has(r, "<p:Echo_OUTPUT xmlns:p=\"" + Service::wmi + "\">"));
}

BOOST_AUTO_TEST_CASE(C_INV_05_C_XML_04_arrays) {
    Service s;
    const auto r = s.invoke("Echo", element("Texts", "b") + element("Numbers", "1") + element("Texts", "a"));
    BOOST_TEST(has(r, element("Texts", "b") + element("Texts", "a")));
    BOOST_TEST(has(r, element("Numbers", "1")));
    BOOST_TEST(!has(r, "<p:Parts"));
}

BOOST_AUTO_TEST_CASE(C_INV_05_C_XML_10_references_with_and_without_wrapper) {
    Service s;
    const std::string content =
        "<a:Address>http://any/</a:Address><a:ReferenceParameters><w:ResourceURI>" + Service::dmtf +
        "</w:ResourceURI><w:SelectorSet><w:Selector Name=\"Id\">x&amp;y</w:Selector></w:SelectorSet>"
        "</a:ReferenceParameters>";
    for (const auto& sent : {content, "<a:EndpointReference>" + content + "</a:EndpointReference>"}) {
        const auto r =
            s.invoke("Echo", element("Other", sent) + element("Others", sent) + element("Others", sent));
        BOOST_TEST(has(r, "<p:Other><a:Address>"));
        BOOST_TEST(has(r, "<w:Selector Name=\"Id\">x&amp;y</w:Selector>"));
        BOOST_TEST(has(r, "<w:Selector Name=\"__cimnamespace\">root/t</w:Selector>"));
    }
}

BOOST_AUTO_TEST_CASE(MS_27_embedded_instances_in_every_form_come_back_as_text) {
    Service s;
    const std::string part = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_Part";
    const std::vector<std::string> forms{
        "<p:Part xmlns:q=\"" + part +
            "\" xsi:type=\"q:T_Part_Type\"><q:Label>L</q:Label><q:Sizes>1</q:Sizes></p:Part>",
        "<p:Part xmlns:q=\"" + part +
            "\" xsi:type=\"q:T_Part\"><q:Label>L</q:Label><q:Sizes>1</q:Sizes></p:Part>",
        "<p:Part><q:T_Part xmlns:q=\"" + part +
            "\"><q:Label>L</q:Label><q:Sizes>1</q:Sizes></q:T_Part></p:Part>",
        "<p:Part>&lt;INSTANCE CLASSNAME=\"T_Part\"&gt;&lt;PROPERTY NAME=\"Label\" "
        "TYPE=\"string\"&gt;&lt;VALUE&gt;L&lt;/VALUE&gt;"
        "&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</p:Part>",
        "<p:Part><![CDATA[<?xml version=\"1.0\"?><INSTANCE CLASSNAME=\"T_Part\"><PROPERTY NAME=\"Label\" "
        "TYPE=\"string\">"
        "<VALUE>L</VALUE></PROPERTY></INSTANCE>]]></p:Part>",
        "<p:Part>instance of T_Part { Label = \"L\"; };</p:Part>",
    };
    for (const auto& form : forms) {
        const auto r = s.invoke("Echo", form);
        BOOST_TEST(has(r, "<p:Part>&lt;INSTANCE CLASSNAME=\"T_Part\"&gt;"), form);
        BOOST_TEST(has(r, "&lt;VALUE&gt;L&lt;/VALUE&gt;"), form);
    }
    for (const auto* bad :
         {"<INSTANCE", "instance of T_Part {", "&lt;INSTANCE CLASSNAME=\"Nope\"/&gt;", "text",
          "&lt;INSTANCE CLASSNAME=\"T_Part\"&gt;&lt;PROPERTY NAME=\"Odd\"/&gt;&lt;/INSTANCE&gt;"}) {
        const auto r = s.invoke("Echo", std::string("<p:Part>") + bad + "</p:Part>");
        BOOST_TEST(r.status == 500u, bad);
    }
}

BOOST_AUTO_TEST_CASE(C_XML_03_C_INV_06_11_nil_forms) {
    Service s;
    for (const auto* nil : {"xsi:nil=\"true\"", "xsi:nil=\"1\""}) {
        const auto r = s.invoke("Echo", std::string("<p:U8 ") + nil + "/>");
        BOOST_TEST(has(r, "<p:U8 xsi:nil=\"true\"/>"));
    }
    BOOST_TEST(has(s.invoke("Echo", ""), "<p:Text xsi:nil=\"true\"/>"));
}

// The method itself says what it lacks, as Hyper-V's do with their ReturnValue; a fault would name the
// parameter.
BOOST_AUTO_TEST_CASE(C_INV_06_required_parameter) {
    Service s;
    const auto r = s.invoke("Needs", "");
    if (r.status != 200u) BOOST_TEST((has(r, "w:InvalidParameter") && has(r, "Must")));
}

BOOST_AUTO_TEST_CASE(results_come_before_the_job_and_the_job_is_nil_without_one) {
    Service s;
    const auto now = s.invoke("Job", element("Code", "0"));
    BOOST_TEST(has(now, "<p:Job xsi:nil=\"true\"/><p:ReturnValue>0</p:ReturnValue>"));
    const auto later = s.invoke("Job", element("Code", "4096"));
    BOOST_TEST(later.body.find("<p:Result>") < later.body.find("<p:Job>"));
    BOOST_TEST(later.body.find("<p:Job>") < later.body.find("<p:ReturnValue>4096"));
}

BOOST_AUTO_TEST_CASE(C_INV_08_a_return_value_is_no_fault) {
    Service s;
    const auto r = s.invoke("Job", element("Code", "32775"));
    BOOST_TEST(r.status == 200u);
    BOOST_TEST(has(r, "<p:ReturnValue>32775</p:ReturnValue>"));
}

BOOST_AUTO_TEST_CASE(C_INV_09_empty_body) {
    Service s;
    BOOST_TEST(s.send(Service::envelope(Service::dmtf + "/Fixed", Service::dmtf, "", "")).status == 200u);
}

BOOST_AUTO_TEST_CASE(C_INV_10_C_OP_07_instance_and_static_methods) {
    Service s;
    BOOST_TEST(s.invoke("Fixed", "", "", Service::dmtf, false).status == 200u);
    BOOST_TEST(s.invoke("Inherited", element("N", "5")).status == 200u);
}

BOOST_AUTO_TEST_CASE(C_INV_12_input_in_the_namespace_of_a_superclass) {
    Service s;
    const std::string parent = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_Parent";
    const auto r = s.send(
        Service::envelope(parent + "/Inherited", Service::dmtf,
                          "<p:Inherited_INPUT xmlns:p=\"" + parent + "\"><p:N>5</p:N></p:Inherited_INPUT>",
                          "<w:SelectorSet><w:Selector Name=\"Id\">one</w:Selector></w:SelectorSet>"));
    BOOST_TEST(has(r, "<p:N>5</p:N>"));
}

BOOST_AUTO_TEST_CASE(W_ACT_05_06_wrong_method_and_wrong_element) {
    Service s;
    const auto unknown = s.invoke("Nope", "");
    BOOST_TEST(has(unknown, "a:ActionNotSupported"));
    BOOST_TEST(has(unknown, "faultDetail/ActionMismatch"));
    const auto wrong = s.send(Service::envelope(Service::dmtf + "/Echo", Service::dmtf, "<x/>", ""));
    BOOST_TEST(has(wrong, "w:SchemaValidationError"));
    const auto other = s.send(Service::envelope(Service::dmtf + "/Echo", Service::dmtf,
                                                "<p:Echo_INPUT xmlns:p=\"urn:other\"/>", ""));
    BOOST_TEST(has(other, "w:SchemaValidationError"));
}

BOOST_AUTO_TEST_CASE(W_RES_09_the_action_alone_names_the_class) {
    Service s;
    auto text = Service::envelope(Service::dmtf + "/Fixed", "@", "", "");
    const auto from = text.find("<w:ResourceURI>");
    text.erase(from, text.find("</w:ResourceURI>") + 16 - from);
    BOOST_TEST(s.send(text).status == 200u);
}

BOOST_AUTO_TEST_CASE(W_TMO_05_08_a_slow_method_is_timed_out) {
    Service s;
    const auto start = cim::Clock::now();
    const auto r = s.invoke("Slow", "", "<w:OperationTimeout>PT0.2S</w:OperationTimeout>");
    BOOST_TEST(has(r, "w:TimedOut"));
    BOOST_TEST(has(r, "Code=\"2150858793\""));
    BOOST_TEST((cim::Clock::now() - start < std::chrono::seconds(2)));
}

BOOST_AUTO_TEST_CASE(W_FLX_02_a_defect_becomes_an_internal_error) {
    Service s;
    const auto r = s.invoke("Throws", "");
    BOOST_TEST(r.status == 500u);
    BOOST_TEST(has(r, "w:InternalError"));
    BOOST_TEST(has(r, "<a:RelatesTo>uuid:1</a:RelatesTo>"));
}

BOOST_AUTO_TEST_CASE(W_FLX_01_a_full_work_queue_and_the_operations_quota) {
    using Refusals = std::map<std::string, std::uint64_t>;
    OpsSettings settings;
    Service s(settings);
    s.pool.full = true;
    BOOST_TEST(has(s.invoke("Fixed", ""), "w:QuotaLimit"));
    s.pool.full = false;
    BOOST_TEST(s.invoke("Fixed", "").status == 200u);
    OpsSettings none = settings;
    none.max_operations_per_user = 0;
    Service closed(none);
    BOOST_TEST(has(closed.invoke("Fixed", ""), "w:QuotaLimit"));
    BOOST_TEST((s.refusals() == Refusals{{"server.work_queue", 1}}));
    BOOST_TEST((closed.refusals() == Refusals{{"wsman.limits.max_operations_per_user", 1}}));
}

BOOST_AUTO_TEST_CASE(C_INV_04_void_methods_have_no_return_value) {
    Service s;
    const auto r = s.invoke("Nothing", "");
    BOOST_TEST(r.status == 200u);
    BOOST_TEST(has(r, "Nothing_OUTPUT"));
    BOOST_TEST(r.body.find("ReturnValue") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(W_ENV_08_the_service_has_a_limit_of_its_own) {
    OpsSettings settings;
    settings.max_envelope_size = 8192;
    Service s(settings);
    const auto r = s.invoke("Echo", element("Text", std::string(20'000, 'x')));
    BOOST_TEST(has(r, "w:EncodingLimit"));
    BOOST_TEST(has(r, "faultDetail/UnreportableSuccess"));
}

BOOST_AUTO_TEST_CASE(W_HTTP_09_sender_faults_as_400_by_configuration) {
    OpsSettings settings;
    settings.sender_fault_status = 400;
    Service s(settings);
    BOOST_TEST(s.invoke("Nope", "").status == 400u);
    BOOST_TEST(s.invoke("Throws", "").status == 500u);
}

BOOST_AUTO_TEST_SUITE_END()
