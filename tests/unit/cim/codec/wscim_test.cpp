#include "cim/codec/wscim.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "cim/codec/base64.hpp"
#include "cim/schema/mof.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

constexpr std::string_view model = R"mof(
class T_Root { string Description; };
class T_Base : T_Root { [Key] string Id; };
class T_All : T_Base {
    boolean B; uint8 U8; uint64 U64; sint64 S64; real32 R32; real64 R64; char16 C; string S; datetime D;
    uint16 Us[]; string Ss[]; [OctetString] uint8 Octets[]; uint8 Bytes[];
    [EmbeddedInstance("T_Leaf")] string Leaf;
    [EmbeddedInstance("T_Leaf")] string Leaves[];
    T_Leaf Direct;
    T_Base ref R;
};
class T_Leaf : T_Root { [Key] sint64 N; string Note; T_Leaf Inner; };
class T_Other : T_Root { string X; };
[Association] class T_Link { [Key] T_Base ref Left; [Key] T_Base ref Right; };
)mof";

const Namespace& ns() {
    static Schema s;
    static const auto r = compile_mof(s, model, "model.mof", "root/test", false);
    BOOST_REQUIRE(r.ok());
    return *s.find("root/test");
}

wscim::Style style(wscim::Family f = wscim::Family::dmtf) {
    wscim::Style s;
    s.family = f;
    s.name_space = "root/test";
    s.address = "http://h/wsman";
    return s;
}

constexpr std::string_view open =
    R"(<r xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_All" )"
    R"(xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" )"
    R"(xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd">)";

struct Document {
    explicit Document(std::string_view inside) {
        const std::string text = std::string(open) + std::string(inside) + "</r>";
        const auto r =
            doc.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
        BOOST_REQUIRE_MESSAGE(r, text);
    }
    pugi::xml_node root() const { return doc.document_element(); }
    std::vector<pugi::xml_node> nodes() const {
        std::vector<pugi::xml_node> r;
        for (const auto& c : root().children())
            if (c.type() == pugi::node_element) r.push_back(c);
        return r;
    }
    pugi::xml_document doc;
};

Result<Value> read(std::string_view property, std::string_view inside) {
    const Document d(inside);
    return wscim::value_from_nodes(ns(), *ns().find("T_All")->property(property), d.nodes());
}

void check_read(std::string_view property, std::string_view inside, const Value& wanted) {
    BOOST_TEST_CONTEXT(inside) {
        const auto v = read(property, inside);
        BOOST_REQUIRE_MESSAGE(v.ok(), (v.ok() ? "" : v.error().text));
        BOOST_TEST((*v == wanted));
    }
}

void check_leaf(std::string_view inside, std::string_view property = "Leaf") {
    BOOST_TEST_CONTEXT(inside) {
        const auto v = read(property, inside);
        BOOST_REQUIRE_MESSAGE(v.ok(), (v.ok() ? "" : v.error().text));
        const auto* i = v->is_array() ? v->as_array()->at(0).as_instance() : v->as_instance();
        BOOST_REQUIRE(i);
        BOOST_TEST(i->cls().name() == "T_Leaf");
        BOOST_TEST((i->get("N") == Value(7)));
        BOOST_TEST(i->string("Note") == "a<b");
        BOOST_TEST(!i->has("Inner"));
    }
}

Instance full() {
    Instance i(ns().find("T_All"));
    i.set("Id", "x&\"<>\x01");
    i.set("B", true);
    i.set("U8", 255);
    i.set("U64", std::numeric_limits<std::uint64_t>::max());
    i.set("S64", std::numeric_limits<std::int64_t>::min());
    i.set("R32", 0.5);
    i.set("R64", std::numeric_limits<double>::infinity());
    i.set("C", 0x20ac);
    i.set("D", DateTime::from_cim("20261121101500.000000+000").value());
    i.set("Us", Value::array_of(std::vector<int>{3, 2}));
    i.set("Octets", Value::array_of(std::vector<int>{0, 255}));
    i.set("Bytes", Value::array_of(std::vector<int>{1, 2}));
    Instance leaf(ns().find("T_Leaf"));
    leaf.set("N", 7);
    leaf.set("Note", "a<b");
    i.set("Direct", Value(leaf));
    i.set("Leaf", Value(leaf));
    i.set("R", Value(ObjectPath("root/test", "T_Base", {{"Id", Value("k\\1")}})));
    return i;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wscim_codec)

BOOST_AUTO_TEST_CASE(writes_an_instance) {  // C-XML-01..12
    std::string out = "before";
    wscim::write_instance(out, style(), full());
    const auto has = [&](std::string_view part) {
        BOOST_TEST(out.find(part) != out.npos, part << " in " << out);
    };
    BOOST_TEST(out.starts_with(
        "before<p:T_All "
        "xmlns:p=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_All\"><p:B>true</p:B>"));
    has("<p:Bytes>1</p:Bytes><p:Bytes>2</p:Bytes><p:C>\xe2\x82\xac</p:C>"
        "<p:D><cim:Datetime>2026-11-21T10:15:00Z</cim:Datetime></p:D>"
        "<p:Description xsi:nil=\"true\"/><p:Direct ");  // alphabetical, NULL is nil
    has("<p:Direct xmlns:e0=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_Leaf\" "
        "xsi:type=\"e0:T_Leaf_Type\"><e0:Description xsi:nil=\"true\"/><e0:Inner "
        "xsi:nil=\"true\"/><e0:N>7</e0:N>"
        "<e0:Note>a&lt;b</e0:Note></p:Direct>");
    has("<p:Id>x&amp;\"&lt;&gt;?</p:Id>");  // W-ENC-11
    has("<p:Leaf>&lt;INSTANCE CLASSNAME=\"T_Leaf\"&gt;");
    has("<p:Octets>AP8=</p:Octets>");  // C-XML-14
    has("<p:R><a:Address>http://h/wsman</a:Address><a:ReferenceParameters>"
        "<w:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_Base</"
        "w:ResourceURI><w:SelectorSet>"
        "<w:Selector Name=\"__cimnamespace\">root/test</w:Selector><w:Selector Name=\"Id\">k\\1</w:Selector>"
        "</w:SelectorSet></a:ReferenceParameters></p:R><p:R32>0.5</p:R32><p:R64>INF</p:R64>");
    has("<p:S64>-9223372036854775808</p:S64>");
    has("<p:U64>18446744073709551615</p:U64>");
    has("<p:Us>3</p:Us><p:Us>2</p:Us></p:T_All>");
    BOOST_TEST(out.find("p:Ss") == out.npos);  // a NULL array has no element
    BOOST_TEST(out.find("Leaves") == out.npos);
    const Document d(out.substr(6));
    const auto back = wscim::instance_from_node(ns(), d.nodes()[0]);
    BOOST_REQUIRE_MESSAGE(back.ok(), (back.ok() ? "" : back.error().text));
    for (const auto* name : {"B", "U8", "U64", "S64", "R32", "R64", "C", "D", "Us", "Octets", "Bytes", "R"})
        BOOST_TEST((back->get(name) == full().get(name)), name);
    BOOST_TEST((back->get("Direct").as_instance()->get("N") == Value(7)));
    BOOST_TEST(back->get("Leaf").as_instance()->string("Note") == "a<b");
}

BOOST_AUTO_TEST_CASE(one_sign_for_a_character_that_xml_does_not_allow) {  // W-ENC-11
    Instance i(ns().find("T_All"));
    i.set("Id", "x");
    i.set("C", 0xffff);
    i.set("S", "a\x02\xef\xbf\xbe");
    std::string out;
    wscim::write_instance(out, {}, i);
    BOOST_TEST(out.find(":C>?</") != std::string::npos);
    BOOST_TEST(out.find(":S>a?"
                        "?</") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(mirrors_the_family) {  // MS-01, C-INV-13
    std::string out;
    wscim::write_instance(out, style(wscim::Family::wmi), full());
    BOOST_TEST(out.starts_with(
        "<p:T_All xmlns:p=\"http://schemas.microsoft.com/wbem/wsman/1/wmi/root/test/T_All\">"));
    out.clear();
    wscim::write_instance_as(out, style(), full(), *ns().find("T_Base"));  // C-POL-03
    BOOST_TEST(out ==
               "<p:T_Base xmlns:p=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_Base\">"
               "<p:Description xsi:nil=\"true\"/><p:Id>x&amp;\"&lt;&gt;?</p:Id></p:T_Base>");
}

BOOST_AUTO_TEST_CASE(projections) {  // C-QRY-04, MS-16
    std::string out;
    wscim::write_fragment(out, style(wscim::Family::wmi), full(), {"U8", "B", "__CLASS", "D"});
    BOOST_TEST(out ==
               "<w:XmlFragment><__CLASS>T_All</__CLASS><B>true</B><D><cim:Datetime>2026-11-21T10:15:00Z"
               "</cim:Datetime></D><U8>255</U8></w:XmlFragment>");
    out.clear();
    wscim::write_fragment(out, style(), full(), {"u8", "S"});
    BOOST_TEST(out ==
               "<w:XmlFragment><p:S xmlns:p=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_All\" "
               "xsi:nil=\"true\"/><p:U8 "
               "xmlns:p=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_All\">255</p:U8>"
               "</w:XmlFragment>");
}

BOOST_AUTO_TEST_CASE(associations_nest_references) {  // C-SEL-02
    const ObjectPath end("root/test", "T_Base", {{"Id", Value("1")}});
    const ObjectPath link("root/test", "T_Link", {{"Right", Value(end)}, {"Left", Value(end)}});
    std::string out;
    wscim::write_epr_content(out, style(wscim::Family::wmi), link);
    BOOST_TEST(out.find("Name=\"Left\"><a:EndpointReference><a:Address>") < out.find("Name=\"Right\""));
    const Document d("<p:X>" + out + "</p:X><p:Y><a:EndpointReference>" + out +
                     "</a:EndpointReference></p:Y>");
    for (const auto& n : d.nodes()) {
        const auto back = wscim::path_from_epr(n);
        BOOST_REQUIRE_MESSAGE(back.ok(), (back.ok() ? "" : back.error().text));
        BOOST_TEST((*back == link));
    }
}

BOOST_AUTO_TEST_CASE(reads_simple_values) {  // C-XML-07, C-XML-19
    for (const auto* yes : {"true", "True", "TRUE", " 1 "})
        check_read("B", std::string("<p:B>") + yes + "</p:B>", Value(true));
    check_read("U64", "<p:U64> 18446744073709551615\n</p:U64>",
               Value(std::numeric_limits<std::uint64_t>::max()));
    check_read("S", "<p:S>a<![CDATA[<b>]]>c</p:S>", Value("a<b>c"));
    check_read("S", "<p:S/>", Value(""));
    check_read("S", "<p:S xsi:nil='true'/>", Value());
    check_read("S", "<p:S xmlns:xsi='http://wrong/xsi' xsi:nil='true'/>", Value());
    check_read("S", "<p:S xsi:type='cim:cimString'>v</p:S>", Value("v"));  // C-XML-13
    check_read("S", "", Value());
    check_read("Us", "<p:Us>7</p:Us>", Value::array_of(std::vector<int>{7}));  // one value for an array
    check_read("Us", "<p:Us>7</p:Us><p:Us>8</p:Us>", Value::array_of(std::vector<int>{7, 8}));
    check_read("Us", "<p:Us xsi:nil='true'/>", Value());
    check_read("Octets", "<p:Octets>AP8=</p:Octets>", Value::array_of(std::vector<int>{0, 255}));
    check_read("Octets", "<p:Octets>0000</p:Octets>", Value::array_of(std::vector<int>{0xd3, 0x4d, 0x34}));
    check_read("Octets", "<p:Octets></p:Octets>", Value(Value::Array{}));
    check_read("Octets", "<p:Octets>0</p:Octets><p:Octets>255</p:Octets>",
               Value::array_of(std::vector<int>{0, 255}));
    check_read("C", "<p:C>A</p:C>", Value(65));
    for (const auto* bad : {"<p:U8>256</p:U8>", "<p:U8>0x10</p:U8>", "<p:U8>-1</p:U8>", "<p:U8/>",
                            "<p:U8><x/></p:U8>", "<p:U8>1</p:U8><p:U8>2</p:U8>"}) {
        const auto v = read("U8", bad);
        BOOST_REQUIRE_MESSAGE(!v.ok(), bad);
        BOOST_TEST((v.error().status == Status::type_mismatch));
        BOOST_TEST(v.error().subject == "U8");
    }
}

BOOST_AUTO_TEST_CASE(reads_datetimes) {  // C-XML-08, C-XML-09
    const Value wanted(DateTime::from_cim("20261121101500.000000+000").value());
    check_read("D", "<p:D><cim:Datetime>2026-11-21T10:15:00Z</cim:Datetime></p:D>", wanted);
    check_read("D", "<p:D>20261121101500.000000+000</p:D>", wanted);
    check_read("D", "<p:D>2026-11-21T10:15:00Z</p:D>", wanted);
    check_read("D", "<p:D><cim:CIM_DateTime>20261121101500.000000+000</cim:CIM_DateTime></p:D>", wanted);
    check_read("D", "<p:D><cim:Interval>PT1H</cim:Interval></p:D>", Value(DateTime::interval(3'600'000'000)));
    BOOST_TEST(!read("D", "<p:D><cim:Foo>PT1H</cim:Foo></p:D>").ok());
    std::string out;
    wscim::write_feature(out, style(), "p", *ns().find("T_All")->property("D"),
                         Value(DateTime::from_cim("20261121******.******+000").value()));
    BOOST_TEST(out == "<p:D><cim:CIM_DateTime>20261121******.******+000</cim:CIM_DateTime></p:D>");
}

BOOST_AUTO_TEST_CASE(embedded_instances_in_every_form) {  // MS-27
    constexpr std::string_view v = "xmlns:v='http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/T_Leaf'";
    const std::string bind(v);
    const std::string in = "<v:N>7</v:N><v:Note>a&lt;b</v:Note>";
    for (const auto* f : {"Leaf", "Direct", "Leaves"}) {
        check_leaf("<p:X " + bind + " xsi:type='v:T_Leaf_Type'>" + in + "</p:X>", f);
        check_leaf("<p:X " + bind + " xsi:type='v:T_Leaf'>" + in + "</p:X>", f);
        check_leaf("<p:X " + bind + " xmlns:q='http://wrong' q:type='v:T_Leaf_Type'>" + in + "</p:X>", f);
        check_leaf("<p:X " + bind + ">" + in + "</p:X>", f);  // class from the declaration
        check_leaf("<p:X><v:T_Leaf " + bind + ">" + in + "</v:T_Leaf></p:X>", f);
        check_leaf(
            "<p:X><q:Any xmlns:q='urn:x' " + bind + " xsi:type='v:T_Leaf_Type'>" + in + "</q:Any></p:X>", f);
        check_leaf(
            R"(<p:X>&lt;INSTANCE CLASSNAME="T_Leaf"&gt;&lt;PROPERTY NAME="N" TYPE="sint64"&gt;&lt;VALUE&gt;7)"
            R"(&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;PROPERTY NAME="Note" TYPE="string"&gt;&lt;VALUE&gt;a&amp;lt;b)"
            R"(&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</p:X>)",
            f);
        const std::string cimxml =
            "<INSTANCE CLASSNAME='t_leaf'>\n <QUALIFIER NAME='q' "
            "TYPE='boolean'><VALUE>true</VALUE></QUALIFIER>"
            "<PROPERTY NAME='__PATH' TYPE='string'><VALUE>x</VALUE></PROPERTY><PROPERTY NAME='n' "
            "TYPE='sint64'>\n"
            "<VALUE>7</VALUE></PROPERTY><PROPERTY NAME='Note' "
            "TYPE='string'><VALUE><![CDATA[a<b]]></VALUE></PROPERTY>"
            "</INSTANCE>";
        check_leaf("<p:X>" + cimxml + "</p:X>", f);
        const std::string plain = replace_all(cimxml, "<![CDATA[a<b]]>", "a&lt;b");
        check_leaf("<p:X><![CDATA[<?xml version=\"1.0\"?>\n" + plain + "]]></p:X>", f);
        check_leaf("<p:X><![CDATA[<DECLARATION><DECLGROUP><VALUE.OBJECT>" + plain +
                       "</VALUE.OBJECT></DECLGROUP></DECLARATION>]]></p:X>",
                   f);
        check_leaf("<p:X>\n instance of T_Leaf\n{\n N = 7;\n Note = \"a&lt;b\";\n};\n</p:X>", f);
    }
    BOOST_TEST(read("Leaf", "<p:X/>").value().is_null());
    BOOST_TEST(read("Leaf", "<p:X xsi:type='p:T_Leaf_Type'/>").value().as_instance());
}

BOOST_AUTO_TEST_CASE(wrong_embedded_instances_name_the_property) {
    struct Case {
        const char* text;
        Status status;
        const char* subject;
    };
    for (const auto& c : {
             Case{"<p:X>hello</p:X>", Status::malformed, "Leaf"},
             Case{"<p:X>&lt;INSTANCE CLASSNAME='T_No'/&gt;</p:X>", Status::invalid_class, "T_No"},
             Case{"<p:X>&lt;INSTANCE</p:X>", Status::malformed, "Leaf"},
             Case{"<p:X><![CDATA[<!DOCTYPE x [<!ENTITY e 'y'>]><INSTANCE CLASSNAME='T_Leaf'/>]]></p:X>",
                  Status::malformed, "Leaf"},
             Case{"<p:X><p:N>x</p:N></p:X>", Status::type_mismatch, "N"},
             Case{"<p:X><p:Nope>x</p:Nope></p:X>", Status::no_such_property, "Nope"},
             Case{"<p:X xsi:type='p:T_Other_Type'><p:X>x</p:X></p:X>", Status::type_mismatch, "Leaf"},
             Case{"<p:X>instance of T_Leaf { N = \"x\"; };</p:X>", Status::type_mismatch, "N"},
             Case{"<p:X>instance of T_Leaf {}; instance of T_Leaf {};</p:X>", Status::malformed, "Leaf"},
         }) {
        BOOST_TEST_CONTEXT(c.text) {
            const auto v = read("Leaf", c.text);
            BOOST_REQUIRE(!v.ok());
            BOOST_TEST((v.error().status == c.status), v.error().text);
            BOOST_TEST(v.error().subject == c.subject);
        }
    }
    std::string deep, end;
    for (int i = 0; i < 100; ++i) deep += "<p:Inner>", end += "</p:Inner>";
    BOOST_TEST((read("Direct", "<p:X>" + deep + end + "</p:X>").error().status == Status::malformed));
}

BOOST_AUTO_TEST_CASE(references_in_every_form) {  // C-INV-05, C-XML-10
    const Value wanted(ObjectPath("root/test", "T_Base", {{"Id", Value("k\\1")}}));
    const std::string epr =
        "<a:Address>http://x</a:Address><a:ReferenceParameters><w:ResourceURI>"
        "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/test/T_Base</w:ResourceURI><w:SelectorSet>"
        "<w:Selector Name='__cimnamespace'>ROOT/test</w:Selector><w:Selector Name='Id'>k\\1</w:Selector>"
        "</w:SelectorSet></a:ReferenceParameters>";
    check_read("R", "<p:R>" + epr + "</p:R>", wanted);
    check_read("R", "<p:R><a:EndpointReference>" + epr + "</a:EndpointReference></p:R>", wanted);
    check_read("R", R"(<p:R>\\HOST\Root\Test:T_Base.Id="k\\1"</p:R>)", wanted);
    check_read("R", R"(<p:R>T_Base.Id="k\\1"</p:R>)", wanted);
    check_read("R",
               "<p:R><INSTANCENAME CLASSNAME='T_Base'><KEYBINDING NAME='Id'><KEYVALUE "
               "VALUETYPE='string'>k\\1</KEYVALUE>"
               "</KEYBINDING></INSTANCENAME></p:R>",
               wanted);
    check_read("R", "<p:R xsi:nil='true'/>", Value());
    for (const auto* bad : {"<p:R/>", "<p:R>x y</p:R>", "<p:R><a:Address>http://x</a:Address></p:R>",
                            "<p:R><a:ReferenceParameters><w:ResourceURI>http://nowhere/X</w:ResourceURI>"
                            "</a:ReferenceParameters></p:R>"}) {
        const auto v = read("R", bad);
        BOOST_REQUIRE_MESSAGE(!v.ok(), bad);
        BOOST_TEST(v.error().subject == "R");
    }
}

BOOST_AUTO_TEST_CASE(references_need_a_class_and_a_namespace_that_can_be) {
    const auto refused = [](const std::string& uri, const std::string& name_space) {
        return !read("R", "<R><a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>" + uri +
                              "</w:ResourceURI><w:SelectorSet><w:Selector Name=\"__cimnamespace\">" +
                              name_space +
                              "</w:Selector><w:Selector Name=\"Id\">k</w:Selector></w:SelectorSet>"
                              "</a:ReferenceParameters></R>")
                    .ok();
    };
    const std::string base = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
    BOOST_TEST(!refused(base + "T_Base", "root/test"));
    BOOST_TEST(refused(base + "T_Base", "root/te st"));
    BOOST_TEST(refused(base + "T Base", "root/test"));
    BOOST_TEST(refused(base + "*", "root/test"));
}

BOOST_AUTO_TEST_CASE(base64_round_trips) {
    for (const std::string s : {"", "a", "ab", "abc", "abcd"})
        BOOST_TEST(base64_decode(base64_encode(s)).value() == s);
    BOOST_TEST(base64_encode("Man") == "TWFu");
    for (const auto* bad : {"a", "ab", "abc", "=abc", "ab=c", "a!bc", "abc===="})
        BOOST_TEST(!base64_decode(bad));
}

BOOST_AUTO_TEST_SUITE_END()
