#include "cim/schema/mof.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

constexpr std::string_view model = R"mof(
#pragma locale("en_US")
/* flavors as DSP0004 has them */
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
Qualifier Abstract : boolean = false, Scope(class, association, indication), Flavor(EnableOverride, Restricted);
Qualifier ValueMap : string[], Scope(property, parameter, method);
Qualifier Values : string[], Scope(any), Flavor(EnableOverride, ToSubclass, Translatable);

// subclasses may come first
[Version("2." "0")] class T_Child : T_Base {
    [Override("Size"), ValueMap{"1", "2"}, Values{"One", "Two"}] uint16 Size = 0x10;
    uint32 Extra[] = {1, 2};
    [EmbeddedInstance("T_Leaf")] string Leaf;
    T_Leaf Direct;
};
[Abstract] class T_Base {
    [Key, Required] string Id;
    uint16 Size = 3;
    datetime When;
    boolean On = TRUE;
    char16 Letter = 'x';
    [Static, ValueMap{"0", ".."}] uint32 Go([In(false), Out] T_Leaf ref Made, [In] string Names[], [Out] uint8 Raw[4]);
    void Nothing();
};
class T_Leaf { [Key] sint64 N; string Note = "a\tb\x41\"\\"; };
[Association] class T_Link { [Key] T_Base ref Left; [Key] T_Leaf ref Right; };
[Indication] class T_Event { string Text; };
)mof";

Schema loaded(std::string_view more = {}) {
    Schema s;
    const auto r = compile_mof(s, std::string(model) + std::string(more), "model.mof", "root/test", false);
    BOOST_REQUIRE_MESSAGE(r.ok(), (r.ok() ? "" : r.error().text));
    return s;
}

Error refused(std::string_view text) {
    Schema s;
    const auto r = compile_mof(s, text, "bad.mof", "root/test", false);
    BOOST_REQUIRE_MESSAGE(!r.ok(), text);
    return r.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mof)

BOOST_AUTO_TEST_CASE(inheritance_shares_what_is_the_same) {
    const auto s = loaded();
    const auto* ns = s.find("ROOT\\Test");
    BOOST_REQUIRE(ns);
    const auto base = ns->find("t_base"), child = ns->find("T_CHILD");
    BOOST_REQUIRE(base && child);
    BOOST_TEST(child->superclass() == base);
    BOOST_TEST(child->is_a("T_Base"));
    BOOST_TEST(!base->is_a("T_Child"));
    BOOST_TEST(base->is_abstract());
    BOOST_TEST(!child->is_abstract());  // Abstract is not handed down
    BOOST_TEST(child->property("id") == base->property("Id"));
    const auto* size = child->property("Size");
    BOOST_REQUIRE(size);
    BOOST_TEST(size != base->property("Size"));
    BOOST_TEST(child->slot("Size") == base->slot("size"));  // an override keeps the slot
    BOOST_TEST(size->origin == "T_Base");
    BOOST_TEST(size->declared_in == "T_Child");
    BOOST_TEST((size->default_value == Value(16)));
    BOOST_TEST(child->key_slots().size() == 1u);
    BOOST_TEST(child->property("Id")->required);
    BOOST_TEST(child->property("Leaf")->embedded_class == "T_Leaf");
    BOOST_TEST((child->property("Direct")->type == Type::instance));
    BOOST_TEST((base->property("Letter")->default_value == Value(unsigned{'x'})));
    BOOST_TEST(child->slot("Nope") == -1);
    std::vector<std::string> names;
    for (const auto slot : child->alphabetical()) names.push_back(child->properties()[slot]->name);
    BOOST_TEST(
        names == (std::vector<std::string>{"Direct", "Extra", "Id", "Leaf", "Letter", "On", "Size", "When"}),
        boost::test_tools::per_element());
    BOOST_TEST((*find_qualifier(child->qualifiers(), "version") == Value("2.0")));
    BOOST_TEST(ns->with_subclasses(*base).size() == 2u);
    BOOST_TEST(ns->direct_subclasses("").size() == 4u);
    BOOST_TEST(ns->associations().size() == 1u);
    BOOST_TEST(ns->find("T_Event")->is_indication());
    BOOST_TEST(ns->classes().front()->name() == "T_Base");
}

BOOST_AUTO_TEST_CASE(methods) {
    const auto s = loaded();
    const auto child = s.find("root/test")->find("T_Child");
    const auto* go = child->method("GO");
    BOOST_REQUIRE(go);
    BOOST_TEST(go->is_static);
    BOOST_TEST((go->return_type == Type::uint32));
    BOOST_TEST(go->origin == "T_Base");
    const auto* made = go->parameter("made");
    BOOST_TEST(
        (made && !made->in && made->out && made->ref_class == "T_Leaf" && made->type == Type::reference));
    const auto* names = go->parameter("Names");
    BOOST_TEST((names && names->in && !names->out && names->array));
    const auto* raw = go->parameter("Raw");
    BOOST_TEST((raw && !raw->in && raw->out && raw->array));  // WMI's [Out] alone
    BOOST_TEST(!child->method("Nothing")->return_type);
}

BOOST_AUTO_TEST_CASE(instances_in_files) {
    const auto s = loaded(R"mof(
        instance of T_Link { Left = $l; Right = "T_Leaf.N=5"; };
        instance of T_Child as $l { Id = "one"; Extra = {3}; Leaf = instance of T_Leaf { N = -7; }; };
    )mof");
    const auto& all = s.find("root/test")->instances();
    BOOST_REQUIRE(all.size() == 2u);
    BOOST_REQUIRE(all[0].get("Left").as_path());
    BOOST_TEST(all[0].get("Left").as_path()->key_string("Id") == "one");
    BOOST_TEST((*all[0].get("Right").as_path()->key("N") == Value(5)));
    BOOST_TEST(all[1].uint("Size") == 16u);  // the class's default
    BOOST_REQUIRE(all[1].get("Leaf").as_instance());
    BOOST_TEST((all[1].get("Leaf").as_instance()->get("N") == Value(-7)));
    BOOST_TEST(all[1].get("Leaf").as_instance()->string("Note") == "a\tbA\"\\");
}

BOOST_AUTO_TEST_CASE(wire_text_round_trips) {  // MS-27, the MOF form
    const auto s = loaded();
    const auto* ns = s.find("root/test");
    auto read = instances_from_mof(*ns, R"(
instance of T_Child
{
	Id = "a\\b\"c";
	Size = "2";
	On = FALSE;
	When = "20261121101500.000000+000";
	Extra = {4294967295};
	Letter = NULL;
	Direct = instance of T_Leaf { N = 1; };
};
)");
    BOOST_REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error().text));
    BOOST_REQUIRE(read->size() == 1u);
    const auto& i = read->front();
    BOOST_TEST(i.string("Id") == "a\\b\"c");
    BOOST_TEST(i.uint("Size") == 2u);
    BOOST_TEST(i.has("Letter"));
    BOOST_TEST(i.get("Letter").is_null());
    BOOST_TEST(!i.has("Leaf"));
    const auto again = instances_from_mof(*ns, instance_to_mof(i));
    BOOST_REQUIRE_MESSAGE(again.ok(), (again.ok() ? "" : again.error().text));
    BOOST_TEST((again->front() == i));
}

BOOST_AUTO_TEST_CASE(a_number_is_the_code_of_a_character) {
    const auto s = loaded();
    const auto* ns = s.find("root/test");
    for (const char* text : {"000", "7", "0x41", "65535"}) {
        const auto read =
            instances_from_mof(*ns, std::string("instance of T_Child { Letter = ") + text + "; };");
        BOOST_REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error().text));
        const auto again = instances_from_mof(*ns, instance_to_mof(read->front()));
        BOOST_REQUIRE(again.ok());
        BOOST_TEST((again->front() == read->front()));
    }
    BOOST_TEST(!instances_from_mof(*ns, "instance of T_Child { Letter = 65536; };").ok());
    BOOST_TEST(!instances_from_mof(*ns, "instance of T_Child { Letter = -1; };").ok());
}

BOOST_AUTO_TEST_CASE(wire_text_is_bounded) {
    const auto s = loaded();
    const auto* ns = s.find("root/test");
    BOOST_TEST((instances_from_mof(*ns, "instance of T_Nope {};").error().status == Status::invalid_class));
    const auto unknown = instances_from_mof(*ns, "instance of T_Leaf {\n  X = 1; };").error();
    BOOST_TEST((unknown.status == Status::no_such_property));
    BOOST_TEST(unknown.subject == "X");
    BOOST_TEST(unknown.text.find("MOF text:2:3: ") == 0u);
    const auto type = instances_from_mof(*ns, "instance of T_Child { Size = 65536; };").error();
    BOOST_TEST((type.status == Status::type_mismatch));
    BOOST_TEST(type.subject == "Size");
    for (const char* text :
         {"#pragma include(\"/etc/passwd\")", "class X {};", "Qualifier Q : boolean;",
          "instance of T_Leaf { N = 1; N = 2; };", "instance of T_Leaf { N = 1 };", "instance of",
          "instance of T_Leaf { N = {{1}}; };", "instance of T_Leaf { Note = \"x; };"})
        BOOST_TEST_CONTEXT(text)
    BOOST_TEST((instances_from_mof(*ns, text).error().status == Status::malformed));
    BOOST_TEST(!instances_from_mof(*ns, "instance of T_Leaf { Note = instance of T_Leaf {}; };").ok());
    std::string deep;
    for (int i = 0; i < 5000; ++i) deep += "instance of T_Child { Direct = ";
    BOOST_TEST((instances_from_mof(*ns, deep).error().status == Status::malformed));
    BOOST_TEST((instances_from_mof(*ns, std::string(100, ' '), MofLimits{.bytes = 99}).error().status ==
                Status::server_limits_exceeded));
}

BOOST_AUTO_TEST_CASE(instances_of_a_text_have_a_number) {
    const auto s = loaded();
    const auto* ns = s.find("root/test");
    BOOST_TEST(
        (instances_from_mof(*ns, "instance of T_Leaf {}; instance of T_Leaf {};", MofLimits{.instances = 1})
             .error()
             .status == Status::server_limits_exceeded));
}

// A text of some aliases, each used twice by the next, would otherwise be copied thousands of times.
BOOST_AUTO_TEST_CASE(what_an_alias_stands_for_is_in_memory_once) {
    const auto s = loaded(
        "class T_Pair { T_Pair Left; T_Pair Right; string Note; T_Leaf ref Seen; T_Leaf ref Known; };");
    const auto* ns = s.find("root/test");
    std::string text =
        "instance of T_Leaf as $L { N = 1; };\n"
        "instance of T_Pair as $P0 { Note = \"x\"; Seen = $L; Known = $L; };\n";
    const auto grown = [&](int from, int to) {
        for (int i = from; i < to; ++i)
            text += "instance of T_Pair as $P" + std::to_string(i) + " { Left = $P" + std::to_string(i - 1) +
                    "; Right = $P" + std::to_string(i - 1) + "; };\n";
    };
    grown(1, 6);
    const auto made = instances_from_mof(*ns, text);
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().text));
    const auto* last = &made->back();
    for (int level = 0; level < 5; ++level) {
        const auto* left = last->get("Left").as_instance();
        BOOST_REQUIRE(left);
        BOOST_TEST(left == last->get("Right").as_instance());
        last = left;
    }
    BOOST_TEST(last->get("Note").string_or("") == "x");
    BOOST_REQUIRE(last->get("Seen").as_path());
    BOOST_TEST(last->get("Seen").as_path() == last->get("Known").as_path());
    // They count wherever they are used, and so does their depth.
    BOOST_TEST((instances_from_mof(*ns, text, MofLimits{.instances = 100}).error().status ==
                Status::server_limits_exceeded));
    BOOST_TEST((instances_from_mof(*ns, text, MofLimits{.nesting = 5}).error().status == Status::malformed));
    BOOST_TEST(instances_from_mof(*ns, text, MofLimits{.nesting = 6}).ok());
}

BOOST_AUTO_TEST_CASE(errors_name_the_place) {
    BOOST_TEST(refused("class A {\n  uint16 x = 70000;\n};").text.find("bad.mof:2:14: ") == 0u);
    BOOST_TEST(refused("class A : B {};").text.find("bad.mof:1:1: ") == 0u);
    BOOST_TEST(refused("class A { uint17 x; };").text.find("bad.mof:1:11: ") == 0u);
    BOOST_TEST((refused("class A : B {}; class B : A {};").status == Status::invalid_superclass));
    BOOST_TEST((refused("class A {}; class a {};").status == Status::already_exists));
    BOOST_TEST((refused("class A { string x; }; class B : A { uint8 x; };").status == Status::type_mismatch));
    for (const char* text :
         {"class A { string x; string X; };", "class A { void f(); void F(); };", "class A { string x };",
          "/* open", "class A { string x = \"\\q\"; };", "[Key Key] class A {};", "#pragma namespace(\"\")",
          "#pragma include(\"x.mof\")", "class A { void f(string a, string A); };", "[A, a] class B {};"})
        BOOST_TEST_CONTEXT(text) BOOST_TEST((refused(text).status != Status::failed));
}

// Whatever order they come in.
BOOST_AUTO_TEST_CASE(a_chain_of_classes_has_an_end) {
    const auto chain = [](int length, bool base_first) {
        std::vector<std::string> all{"[Q0(0)] class C0 { [R0(0)] uint8 P; uint32 M0(); };\n"};
        for (int i = 1; i < length; ++i) {
            const auto n = std::to_string(i);
            all.push_back("[Q" + n + "(" + n + ")] class C" + n + " : C" + std::to_string(i - 1) + " { [R" +
                          n + "(" + n + ")] uint8 P; uint32 M" + n + "(); };\n");
        }
        if (!base_first) std::reverse(all.begin(), all.end());
        std::string text;
        for (const auto& c : all) text += c;
        return text;
    };
    for (const bool base_first : {true, false}) {
        Schema s;
        const auto whole = compile_mof(s, chain(65, base_first), "chain.mof", "root/test", false);
        BOOST_TEST_REQUIRE(whole.ok(), (whole ? "" : whole.error().text));
        const auto last = s.find("root/test")->find("C64");
        BOOST_TEST(last->qualifiers().size() == 65U);
        BOOST_TEST(last->property("P")->qualifiers.size() == 65U);
        BOOST_TEST(last->methods().size() == 65U);
        BOOST_TEST(last->method("M0") == s.find("root/test")->find("C0")->method("M0"));
        for (const int length : {66, 100'000}) {
            const auto e = refused(chain(length, base_first));
            BOOST_TEST((e.status == Status::server_limits_exceeded));
            BOOST_TEST(e.text.find("superclasses") != std::string::npos, e.text);
        }
    }
}

BOOST_AUTO_TEST_CASE(pragma_namespace_switches) {
    Schema s;
    BOOST_REQUIRE(compile_mof(s, R"(class A {}; #pragma namespace("\\\\.\\ROOT\\other")
                                    class B {};)",
                              "x.mof", "root/test", false)
                      .ok());
    BOOST_TEST(s.find("root/test")->find("A"));
    BOOST_TEST(!s.find("root/test")->find("B"));
    BOOST_TEST(s.find("root/other")->find("B"));
    BOOST_TEST(s.all().size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
