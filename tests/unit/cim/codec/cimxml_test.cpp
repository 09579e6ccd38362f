#include "cim/codec/cimxml.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "cim/schema/mof.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

constexpr std::string_view model = R"mof(
[Abstract, Version("1.0")] class T_Base { [Key] string Id; uint16 Size = 3; void Stop(); };
class T_All : T_Base {
    [Override("Size"), ValueMap{"1"}, Values{"One"}] uint16 Size; boolean B; datetime D; string Ss[]; char16 C; real64 R64;
    [EmbeddedInstance("T_Base")] string Leaf; T_Base ref R; object Any;
    uint32 Go([In(false), Out] T_Base ref Made, string Names[]);
};
)mof";

const Namespace& ns() {
    static Schema s;
    static const auto r = compile_mof(s, model, "model.mof", "root/test", false);
    BOOST_REQUIRE(r.ok());
    return *s.find("root/test");
}

std::string text_of(const pugi::xml_document& d) {
    std::ostringstream out;
    d.save(out, "", pugi::format_raw | pugi::format_no_declaration);
    return out.str();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cimxml_codec)

BOOST_AUTO_TEST_CASE(instances_round_trip) {  // X-MSG-19, X-MSG-22, X-MSG-25, X-MSG-26
    Instance i(ns().find("T_All"));
    i.set("Id", "a<&>\"'\x02 \r\n ");
    i.set("Size", 1);
    i.set("B", false);
    i.set("D", DateTime::from_cim("00000000000130.000000:000").value());
    i.set("Ss", Value(Value::Array{Value("x"), Value(), Value("")}));
    i.set("C", 13);  // a carriage return must not become a line feed
    i.set("R64", 1e300);
    Instance leaf(ns().find("T_All"));
    leaf.set("Id", "inner");
    i.set("Leaf", Value(leaf));
    i.set("R", Value(ObjectPath("root/test", "T_All", {{"Id", Value("k")}})));
    const auto text = cimxml::instance_to_text(i);
    BOOST_TEST(
        text.starts_with("<INSTANCE CLASSNAME=\"T_All\"><PROPERTY NAME=\"Id\" TYPE=\"string\"><VALUE>"));
    BOOST_TEST(text.find("<PROPERTY NAME=\"Any\" TYPE=\"string\" EmbeddedObject=\"object\"/>") !=
               text.npos);  // NULL
    BOOST_TEST(
        text.find(
            "<PROPERTY NAME=\"Leaf\" TYPE=\"string\" EmbeddedObject=\"instance\"><VALUE>&lt;INSTANCE") !=
        text.npos);  // X-MSG-20
    BOOST_TEST(text.find("<VALUE>x</VALUE><VALUE.NULL/><VALUE></VALUE>") != text.npos);
    BOOST_TEST(
        text.find(
            "<PROPERTY.REFERENCE NAME=\"R\" REFERENCECLASS=\"T_Base\"><VALUE.REFERENCE>"
            "<LOCALINSTANCEPATH><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"test\"/>"
            "</LOCALNAMESPACEPATH><INSTANCENAME CLASSNAME=\"T_All\"><KEYBINDING NAME=\"Id\">"
            "<KEYVALUE VALUETYPE=\"string\">k</KEYVALUE>") != text.npos);
    const auto back = cimxml::instance_from_text(ns(), text);
    BOOST_REQUIRE_MESSAGE(back.ok(), (back.ok() ? "" : back.error().text));
    BOOST_TEST(back->string("Id") == "a<&>\"'? \r\n ");
    for (const auto* name : {"Size", "B", "D", "C", "R64", "R", "Any"})
        BOOST_TEST((back->get(name) == i.get(name)), name);
    BOOST_TEST(back->get("Leaf").as_instance()->string("Id") == "inner");
    BOOST_REQUIRE(back->get("Ss").as_array());
    BOOST_TEST((*back->get("Ss").as_array() == *i.get("Ss").as_array()));
}

BOOST_AUTO_TEST_CASE(lenient_where_clients_need_it) {
    const auto i = cimxml::instance_from_text(
        ns(),
        "<?xml version='1.0' encoding='utf-8'?><INSTANCE CLASSNAME='T_All'><PROPERTY NAME='Ss' TYPE='string'>"
        "<VALUE>one</VALUE></PROPERTY><PROPERTY NAME='Size' TYPE='uint16'><VALUE>0x10</VALUE></PROPERTY>"
        "<PROPERTY NAME='B' TYPE='boolean'><VALUE>TRUE</VALUE></PROPERTY><PROPERTY NAME='R' TYPE='reference'>"
        "<VALUE>T_All.Id=\"z\"</VALUE></PROPERTY></INSTANCE>");
    BOOST_REQUIRE_MESSAGE(i.ok(), (i.ok() ? "" : i.error().text));
    BOOST_TEST(i->get("Ss").as_array()->size() == 1u);
    BOOST_TEST(i->uint("Size") == 16u);
    BOOST_TEST(i->get("R").as_path()->key_string("Id") == "z");
    BOOST_TEST(!i->has("Id"));
}

BOOST_AUTO_TEST_CASE(references_in_mof_text_are_as_elsewhere) {
    const auto i = cimxml::instance_from_text(
        ns(),
        "<INSTANCE CLASSNAME='T_All'><PROPERTY NAME='Leaf' TYPE='string'><VALUE>instance of T_All { R = "
        "\"T_All.Id=\\\"7\\\"\"; Leaf = instance of T_All { R = \"T_All\"; }; "
        "};</VALUE></PROPERTY></INSTANCE>");
    BOOST_REQUIRE_MESSAGE(i.ok(), (i.ok() ? "" : i.error().text));
    const auto* leaf = i->get("Leaf").as_instance();
    BOOST_REQUIRE(leaf);
    const ObjectPath wanted("root/test", "T_All", {{"Id", Value("7")}});
    BOOST_TEST((*leaf->get("R").as_path() == wanted));
    BOOST_TEST(leaf->get("R").as_path()->name_space() == "root/test");
    BOOST_TEST(leaf->get("Leaf").as_instance()->get("R").as_path()->name_space() == "root/test");
}

// DSP0004 5.6.13: the value of an embedded instance in MOF text is a text, too.
BOOST_AUTO_TEST_CASE(texts_of_embedded_instances_in_mof_text_are_instances) {
    const auto leaf_of = [](std::string_view value) {
        const auto text = fmt::format(
            "<INSTANCE CLASSNAME='T_All'><PROPERTY NAME='Leaf' TYPE='string'><VALUE>instance of T_All {{ "
            "Leaf = "
            "{}; }};</VALUE></PROPERTY></INSTANCE>",
            value);
        return cimxml::instance_from_text(ns(), text);
    };
    const auto good = leaf_of("\"instance of T_All { R = \\\"T_All.Id='7'\\\"; };\"");
    BOOST_REQUIRE_MESSAGE(good.ok(), (good.ok() ? "" : good.error().text));
    const auto* inner = good->get("Leaf").as_instance()->get("Leaf").as_instance();
    BOOST_REQUIRE(inner);
    BOOST_TEST(inner->get("R").as_path()->key_string("Id") == "7");
    BOOST_TEST(leaf_of("\"  \"").value().get("Leaf").as_instance()->get("Leaf").is_null());
    for (const auto* bad : {"\"instance ofz//sc!emas.T_All.Id=7\"", "\"x\""}) {
        const auto refused = leaf_of(bad);
        BOOST_REQUIRE(!refused.ok());
        BOOST_TEST((refused.error().status == Status::malformed));
    }
    std::string deep = "instance of T_All { };";
    for (int n = 0; n < 31; ++n)
        deep = "instance of T_All { Leaf = " + deep.substr(0, deep.size() - 1) + "; };";
    const auto nested = [](const std::string& text) {
        return cimxml::instance_from_text(
            ns(), "<INSTANCE CLASSNAME='T_All'><PROPERTY NAME='Leaf' TYPE='string'><VALUE>" + text +
                      "</VALUE></PROPERTY></INSTANCE>");
    };
    const auto deepest = nested(deep);
    BOOST_REQUIRE_MESSAGE(deepest.ok(), (deepest.ok() ? "" : deepest.error().text));
    BOOST_TEST(cimxml::instance_from_text(ns(), cimxml::instance_to_text(*deepest)).ok());
    BOOST_TEST(!nested("instance of T_All { Leaf = " + deep.substr(0, deep.size() - 1) + "; };").ok());
}

BOOST_AUTO_TEST_CASE(references_in_references_have_a_depth_that_every_form_can_hold) {
    const auto nested = [](unsigned levels) {
        std::string path = "<INSTANCENAME CLASSNAME='T_All'/>";
        for (unsigned n = 1; n < levels; ++n)
            path = "<INSTANCENAME CLASSNAME='T_All'><KEYBINDING NAME='Id'><VALUE.REFERENCE>" + path +
                   "</VALUE.REFERENCE></KEYBINDING></INSTANCENAME>";
        return cimxml::instance_from_text(
            ns(), "<INSTANCE CLASSNAME='T_All'><PROPERTY.REFERENCE NAME='R'><VALUE.REFERENCE>" + path +
                      "</VALUE.REFERENCE></PROPERTY.REFERENCE></INSTANCE>");
    };
    const auto deepest = nested(8);
    BOOST_REQUIRE_MESSAGE(deepest.ok(), (deepest.ok() ? "" : deepest.error().text));
    BOOST_TEST(cimxml::instance_from_text(ns(), cimxml::instance_to_text(*deepest)).ok());
    const auto refused = nested(9);
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST((refused.error().status == Status::malformed));
}

// What a reference's keys are says their class, in whichever form the reference comes.
BOOST_AUTO_TEST_CASE(keys_of_references_have_their_types) {
    const auto reference = [](const std::string& path) {
        return cimxml::instance_from_text(
            ns(), "<INSTANCE CLASSNAME='T_All'><PROPERTY.REFERENCE NAME='R'><VALUE.REFERENCE>" + path +
                      "</VALUE.REFERENCE></PROPERTY.REFERENCE></INSTANCE>");
    };
    const auto key = [](const std::string& name, const std::string& value) {
        return "<INSTANCENAME CLASSNAME='T_All'><KEYBINDING NAME='" + name + "'>" + value +
               "</KEYBINDING></INSTANCENAME>";
    };
    const auto number = reference(key("Id", "<KEYVALUE VALUETYPE='numeric'>7</KEYVALUE>"));
    BOOST_TEST(number.value().get("R").as_path()->key_string("Id") == "7");
    const auto inner = reference(key("Id",
                                     "<VALUE.REFERENCE><INSTANCENAME CLASSNAME='T_All'><KEYVALUE>x</KEYVALUE>"
                                     "</INSTANCENAME></VALUE.REFERENCE>"));
    BOOST_REQUIRE(inner.ok());
    BOOST_TEST(inner->get("R").as_path()->key("Id")->as_path()->key_string("Id") == "x");
    const auto zero = reference(key("Other", "<KEYVALUE TYPE='real64'>-0</KEYVALUE>"));
    BOOST_TEST(zero.value().get("R").as_path()->to_text() == "root\\test:T_All.Other=0");
    for (const auto& [name, value] :
         {std::pair("__CIMNAMESPACE", "<KEYVALUE>a b</KEYVALUE>"), std::pair("a b", "<KEYVALUE>x</KEYVALUE>"),
          std::pair("&#1;", "<KEYVALUE>x</KEYVALUE>"),
          std::pair("Other", "<KEYVALUE VALUETYPE='numeric'>NaN</KEYVALUE>")})
        BOOST_TEST(!reference(key(name, value)).ok(), name << " " << value);
    BOOST_TEST(!reference("<INSTANCENAME CLASSNAME='&#xD800;'/>").ok());
    BOOST_TEST(
        !reference("<INSTANCEPATH><NAMESPACEPATH><HOST>a/b</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME='root'/>"
                   "</LOCALNAMESPACEPATH></NAMESPACEPATH><INSTANCENAME CLASSNAME='T_All'/></INSTANCEPATH>")
             .ok());
}

BOOST_AUTO_TEST_CASE(aliases_do_not_multiply_without_bound) {
    std::string text = "instance of T_All as $a0 { };";
    for (int n = 1; n < 30; ++n)
        text += fmt::format("instance of T_All as $a{} {{ Any = $a{}; Leaf = $a{}; }};", n, n - 1, n - 1);
    const auto r = instances_from_mof(ns(), text);
    BOOST_REQUIRE(!r.ok());
    BOOST_TEST((r.error().status == Status::server_limits_exceeded));
}

BOOST_AUTO_TEST_CASE(character_references_name_characters) {
    const auto with = [](const std::string& text) {
        return cimxml::instance_from_text(
            ns(), "<INSTANCE CLASSNAME='T_All'><PROPERTY NAME='Id' TYPE='string'><VALUE>" + text +
                      "</VALUE></PROPERTY></INSTANCE>");
    };
    for (const auto* good : {"&#65;", "&#x41;", "<![CDATA[&#0;]]>A", "<!-- &#0; -->A", "&#x1F600;"})
        BOOST_TEST(with(good).ok(), good);
    for (const auto* bad :
         {"&#0;", "&#x0;", "&#1;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&#;", "&#-1;", "&#65"})
        BOOST_TEST(!with(bad).ok(), bad);
    // What hides no reference from who reads the text: the beginnings of comments in other places.
    for (const std::string before :
         {"<?a <!-- ?><INSTANCE CLASSNAME='T_All'>", "<INSTANCE CLASSNAME='T_All' x='<!--'>",
          "<INSTANCE CLASSNAME='T_All' x='\"><![CDATA['>"}) {
        const auto with_it = [&](const std::string& reference) {
            return cimxml::instance_from_text(ns(), before + "<PROPERTY NAME='Id' TYPE='string'><VALUE>" +
                                                        reference + "</VALUE></PROPERTY></INSTANCE>");
        };
        BOOST_TEST(with_it("&#65;").ok(), before);
        BOOST_TEST(!with_it("&#xD800;").ok(), before);
    }
}

BOOST_AUTO_TEST_CASE(refusals) {
    const auto status = [&](std::string_view text) {
        const auto r = cimxml::instance_from_text(ns(), text);
        BOOST_REQUIRE_MESSAGE(!r.ok(), text);
        return r.error().status;
    };
    BOOST_TEST((status("<INSTANCE CLASSNAME='X'/>") == Status::invalid_class));
    BOOST_TEST((status("<INSTANCE CLASSNAME='T_All'><PROPERTY NAME='X' TYPE='string'/></INSTANCE>") ==
                Status::no_such_property));
    BOOST_TEST(
        (status(
             "<INSTANCE CLASSNAME='T_All'><PROPERTY NAME='Size' TYPE='uint16'><VALUE>70000</VALUE></PROPERTY>"
             "</INSTANCE>") == Status::type_mismatch));
    for (const auto* text :
         {"", "<A/>", "<INSTANCE CLASSNAME='T_All'>", "<!DOCTYPE a><INSTANCE CLASSNAME='T_All'/>",
          "<INSTANCE CLASSNAME='T_All'><PROPERTY NAME='Size'><B/></PROPERTY></INSTANCE>"})
        BOOST_TEST((status(text) == Status::malformed), text);
    std::string deep;
    for (int n = 0; n < 100000; ++n) deep += "<VALUE.OBJECT>";
    BOOST_TEST((status(deep) == Status::malformed));
    std::string closed = deep.substr(0, 14 * 70) + "<INSTANCE CLASSNAME='T_All'/>";
    for (int n = 0; n < 70; ++n) closed += "</VALUE.OBJECT>";
    BOOST_TEST((status(closed) == Status::malformed));
}

BOOST_AUTO_TEST_CASE(paths_round_trip) {  // X-MSG-17, X-MSG-18, X-MSG-23
    const ObjectPath inner("root/test", "T_All", {{"Id", Value("v")}});
    const ObjectPath p("root/test", "T_Link",
                       {{"A", Value(inner)}, {"N", Value(7)}, {"F", Value(4e27)}, {"B", Value(true)}});
    pugi::xml_document doc;
    cimxml::write_instance_path(doc, p, "host");
    const auto back = cimxml::path_from_node(doc.document_element());
    BOOST_REQUIRE_MESSAGE(back.ok(), (back.ok() ? "" : back.error().text));
    BOOST_TEST((*back == p));
    BOOST_TEST(back->host() == "host");
    BOOST_TEST(text_of(doc).find("<KEYVALUE VALUETYPE=\"numeric\">7</KEYVALUE>") != std::string::npos);
    pugi::xml_document typed;
    typed.load_string(
        "<INSTANCENAME CLASSNAME='X'><KEYVALUE VALUETYPE='numeric' "
        "TYPE='sint8'>-3</KEYVALUE></INSTANCENAME>");
    BOOST_TEST((cimxml::path_from_node(typed.document_element())->keys()[0].second == Value(-3)));
    typed.load_string("<CLASSNAME NAME='X'/>");
    BOOST_TEST(cimxml::path_from_node(typed.document_element())->class_name() == "X");
    for (const char* text :
         {"<FOO/>", "<CLASSNAME NAME='T_?ase'/>", "<CLASSNAME/>", "<INSTANCENAME CLASSNAME='a b'/>",
          "<LOCALINSTANCEPATH><LOCALNAMESPACEPATH><NAMESPACE NAME='r?t'/></LOCALNAMESPACEPATH>"
          "<INSTANCENAME CLASSNAME='X'/></LOCALINSTANCEPATH>"}) {
        typed.load_string(text);
        BOOST_TEST(!cimxml::path_from_node(typed.document_element()).ok(), text);
    }
}

BOOST_AUTO_TEST_CASE(classes) {  // C-CLS-01, C-CLS-05
    pugi::xml_document doc;
    cimxml::write_class(doc, *ns().find("T_All"), ns(), false, true, true);
    const auto text = text_of(doc);
    BOOST_TEST(text.starts_with(
        "<CLASS NAME=\"T_All\" SUPERCLASS=\"T_Base\"><PROPERTY NAME=\"Id\" TYPE=\"string\" "
        "CLASSORIGIN=\"T_Base\" PROPAGATED=\"true\"><QUALIFIER NAME=\"Key\" TYPE=\"boolean\""));
    BOOST_TEST(
        text.find(
            "<PROPERTY NAME=\"Size\" TYPE=\"uint16\" CLASSORIGIN=\"T_Base\"><QUALIFIER NAME=\"Override\"") !=
        text.npos);
    BOOST_TEST(text.find("<METHOD NAME=\"Stop\" CLASSORIGIN=\"T_Base\" PROPAGATED=\"true\"/>") != text.npos);
    BOOST_TEST(text.find("<PARAMETER.REFERENCE NAME=\"Made\" REFERENCECLASS=\"T_Base\">") != text.npos);
    BOOST_TEST(text.find("<PARAMETER.ARRAY NAME=\"Names\" TYPE=\"string\"/>") != text.npos);
    pugi::xml_document local;
    cimxml::write_class(local, *ns().find("T_All"), ns(), true, false, false);
    const auto short_text = text_of(local);
    BOOST_TEST(short_text.find("\"Id\"") == short_text.npos);
    BOOST_TEST(short_text.find("QUALIFIER") == short_text.npos);
    BOOST_TEST(short_text.find("\"Stop\"") == short_text.npos);
    BOOST_TEST(short_text.find("<PROPERTY NAME=\"Size\" TYPE=\"uint16\"><VALUE>3</VALUE></PROPERTY>") !=
               short_text.npos);
}

BOOST_AUTO_TEST_SUITE_END()
