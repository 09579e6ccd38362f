#include "wsman/ops/fragment_path.hpp"

#include <boost/test/unit_test.hpp>

#include "wsman/ops/filters.hpp"

using namespace wsvirt::wsman;

BOOST_AUTO_TEST_SUITE(fragment_path)

BOOST_AUTO_TEST_CASE(W_FRG_15_level_1_forms) {
    BOOST_TEST(FragmentPath::parse(".")->steps.empty());
    BOOST_TEST(FragmentPath::parse("/")->steps.empty());
    BOOST_TEST(FragmentPath::parse("/p:X")->absolute);
    BOOST_TEST(FragmentPath::parse("../X")->steps.at(0).name == "X");
    BOOST_TEST(FragmentPath::parse("./p:Name")->steps.at(0).name == "Name");
    const auto a = FragmentPath::parse("A[2]/q:B[ 3 ]/text()").value();
    BOOST_TEST(a.steps.size() == 2u);
    BOOST_TEST(*a.steps[0].index == 2u);
    BOOST_TEST(*a.steps[1].index == 3u);
    BOOST_TEST(a.text);
    const auto b = FragmentPath::parse("Name/@xsi:nil").value();
    BOOST_TEST(b.attribute == "nil");
    BOOST_TEST(FragmentPath::parse("@x")->attribute == "x");
}

BOOST_AUTO_TEST_CASE(W_FRG_05_beyond_level_1) {
    for (const auto* bad : {"", "/p:X/p:A[position()<3]", "a[0]", "a[-1]", "a//b", "a|b", "a[", "text()",
                            "@a/text()", "a/", "count(a)", "a b", "..", "a[b='1']", "/", "*"})
        if (std::string_view(bad) != "/") BOOST_TEST(!FragmentPath::parse(bad).ok(), bad);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(xpath_filter)

namespace {
bool passes(const char* expression, std::string item, std::string* out = nullptr) {
    auto f = compile_xpath(expression, {});
    BOOST_REQUIRE_MESSAGE(f.index() == 0, expression);
    const bool r = std::get<0>(f)->apply(item).value_or(false);
    if (out) *out = item;
    return r;
}
const std::string item =
    "<p:X xmlns:p=\"urn:x\"><p:Name>a</p:Name><p:C>1</p:C><p:C>2</p:C><p:b x=\"z\">100</p:b></p:X>";
}  // namespace

BOOST_AUTO_TEST_CASE(W_FLT_10_expressions_that_select_every_item) {
    for (const auto* e : {"/", "/p:X", "../X", "."}) BOOST_TEST(passes(e, item), e);
}

BOOST_AUTO_TEST_CASE(W_FLT_11_level_2_predicates) {
    BOOST_TEST(passes("../p:X[p:Name=\"a\"]", item));
    BOOST_TEST(!passes("../p:X[p:Name=\"b\"]", item));
    BOOST_TEST(passes("/X[C=\"2\" and not(C=\"3\")]", item));
    BOOST_TEST(passes("b[.=\"100\" and @x=\"z\"]", item));
    BOOST_TEST(!passes("C[2][not(.=\"2\" or .=\"4\")]", item));
    BOOST_TEST(passes("X[Name!=\"p:b\"]|/X[child::Name]", item));
}

BOOST_AUTO_TEST_CASE(parts_become_a_fragment) {
    std::string out;
    BOOST_TEST(passes("p:C", item, &out));
    BOOST_TEST(out.starts_with("<w:XmlFragment><C"));
    BOOST_TEST(out.find(">2</C></w:XmlFragment>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(W_FLT_06_broken_expressions) {
    for (const auto* e : {"", "/X[", "a b", "unknown()", "((("})
        BOOST_TEST(compile_xpath(e, {}).index() == 1u, e);
}

BOOST_AUTO_TEST_CASE(what_an_item_costs_is_limited) {
    const auto nested = [](unsigned levels, unsigned width) {
        std::string e = "count(//*)";
        for (unsigned i = 1; i < width; ++i) e += "+count(//*)";
        for (unsigned i = 0; i < levels; ++i) e = "count(//*[" + e + " > 0])";
        return e + " > 0";
    };
    std::string large = "<X>";
    for (int i = 0; i < 99; ++i) large += "<P>v</P>";
    large += "</X>";
    const auto costs_too_much = [](const std::string& expression, std::string of) {
        const auto f = compile_xpath(expression, {});
        BOOST_REQUIRE_MESSAGE(f.index() == 0, expression);
        const auto applied = std::get<0>(f)->apply(of);
        if (!applied) BOOST_TEST((applied.error().status == wsvirt::Status::invalid_query));
        return !applied;
    };
    for (const auto& e :
         {nested(4, 1), nested(3, 1), nested(2, 50), std::string("//*[//*/preceding::*[//P]]"),
          std::string("//*[../* = ../*[../* != .]]")}) {
        BOOST_TEST(costs_too_much(e, large), e);
        BOOST_TEST(!costs_too_much(e, "<X><P>v</P></X>"), e);
    }
    for (const auto* e :
         {"X[P=\"v\"]", "//*[contains(., \"v\")]", "X[P[.=\"v\"] and not(P=\"w\" or count(P) > 3)]",
          "//P[position() > 3]|//P[1]", "count(//*[count(//*) > 3]) > 2"})
        BOOST_TEST(!costs_too_much(e, large), e);
    // Text that is gone through again for every element.
    BOOST_TEST(
        costs_too_much("//*[//*[contains(/, \"v\")]]", "<X><P>" + std::string(100'000, 'v') + "</P></X>"));
    const auto refused = compile_xpath("*[*[*[*[*[1]]]]]", {});
    BOOST_REQUIRE(refused.index() == 1u);
    BOOST_TEST(std::get<1>(refused).limit == "wsman.limits.max_filter_nesting");
}

BOOST_AUTO_TEST_SUITE_END()
