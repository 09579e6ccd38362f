#include "cim/model/value.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "cim/model/object_path.hpp"

using namespace wsvirt::cim;

BOOST_AUTO_TEST_SUITE(value)

BOOST_AUTO_TEST_CASE(integers_keep_their_range) {
    struct Case {
        Type type;
        const char *most, *beyond, *least, *below;
    };
    for (const auto& c :
         {Case{Type::uint8, "255", "256", "0", "-1"}, Case{Type::sint8, "127", "128", "-128", "-129"},
          Case{Type::uint16, "65535", "65536", "0", "-1"},
          Case{Type::sint16, "32767", "32768", "-32768", "-32769"},
          Case{Type::uint32, "4294967295", "4294967296", "0", "-1"},
          Case{Type::sint32, "2147483647", "2147483648", "-2147483648", "-2147483649"},
          Case{Type::uint64, "18446744073709551615", "18446744073709551616", "0", "-1"},
          Case{Type::sint64, "9223372036854775807", "9223372036854775808", "-9223372036854775808",
               "-9223372036854775809"}}) {
        BOOST_TEST_CONTEXT(type_name(c.type)) {
            for (const char* good : {c.most, c.least}) {
                const auto v = value_from_text(c.type, good);
                BOOST_REQUIRE(v.ok());
                BOOST_TEST(value_to_text(c.type, *v) == good);
                BOOST_TEST(convert(c.type, false, Value(good)).ok());
            }
            BOOST_TEST(!value_from_text(c.type, c.beyond).ok());
            BOOST_TEST(!value_from_text(c.type, c.below).ok());
        }
    }
    BOOST_TEST(!value_from_text(Type::uint8, "0x10").ok());
    BOOST_TEST((*value_from_text(Type::uint8, "0x10", true) == Value(16)));
    BOOST_TEST((*value_from_text(Type::uint8, "101b", true) == Value(5)));
    BOOST_TEST((*value_from_text(Type::uint8, "017", true) == Value(15)));
    BOOST_TEST((*value_from_text(Type::uint32, " 7\n") == Value(7)));  // C-XML-19
    BOOST_TEST(!value_from_text(Type::uint32, "7 8").ok());
    BOOST_TEST(!value_from_text(Type::uint32, "1.0").ok());
}

BOOST_AUTO_TEST_CASE(booleans_in_any_case) {
    for (const char* yes : {"true", "True", "TRUE", "1"})
        BOOST_TEST((*value_from_text(Type::boolean, yes) == Value(true)));
    for (const char* no : {"false", "False", "0"})
        BOOST_TEST((*value_from_text(Type::boolean, no) == Value(false)));
    BOOST_TEST(!value_from_text(Type::boolean, "yes").ok());
}

BOOST_AUTO_TEST_CASE(reals) {
    BOOST_TEST(value_to_text(Type::real64, *value_from_text(Type::real64, "0.1")) == "0.1");
    BOOST_TEST(value_to_text(Type::real32, *value_from_text(Type::real32, "0.1")) == "0.1");
    BOOST_TEST(value_to_text(Type::real64, *value_from_text(Type::real64, "INF")) == "INF");
    BOOST_TEST(value_to_text(Type::real64, *value_from_text(Type::real64, "-INF")) == "-INF");
    BOOST_TEST(value_to_text(Type::real64, *value_from_text(Type::real64, "NaN")) == "NaN");
    BOOST_TEST(!value_from_text(Type::real32, "1e39").ok());
    BOOST_TEST(!value_from_text(Type::real64, "1e").ok());
}

BOOST_AUTO_TEST_CASE(a_real32_is_rounded_once) {
    for (const auto* text :
         {"3.40282346e38", "-3.40282346e38", "7.0385307e-26", "1e-45", "0.1", "16777217"}) {
        const auto v = value_from_text(Type::real32, text);
        BOOST_REQUIRE_MESSAGE(v.ok(), text);
        const auto again = value_from_text(Type::real32, value_to_text(Type::real32, *v));
        BOOST_REQUIRE_MESSAGE(again.ok(), text);
        BOOST_TEST((*again == *v), text);
    }
    BOOST_TEST((value_from_text(Type::real32, "1e-50").value() == Value(0)));
    BOOST_TEST(!value_from_text(Type::real32, "3.5e38").ok());
}

BOOST_AUTO_TEST_CASE(characters) {
    BOOST_TEST((*value_from_text(Type::char16, "A") == Value(65)));
    BOOST_TEST(value_to_text(Type::char16, Value(0x20acu)) == "\xe2\x82\xac");
    BOOST_TEST((*value_from_text(Type::char16, "\xe2\x82\xac") == Value(0x20acu)));
    BOOST_TEST(!value_from_text(Type::char16, "AB").ok());
}

BOOST_AUTO_TEST_CASE(numbers_compare_by_value) {
    BOOST_TEST((Value(2u) == Value(2)));
    BOOST_TEST((Value(2.0) == Value(2)));
    BOOST_TEST((Value(-1) != Value(std::numeric_limits<std::uint64_t>::max())));
    BOOST_TEST((Value("a") != Value("A")));
    BOOST_TEST((Value(true) != Value(1)));
}

BOOST_AUTO_TEST_CASE(conversion_loses_nothing) {
    BOOST_TEST((*convert(Type::uint16, false, Value("2")) == Value(2)));
    BOOST_TEST((*convert(Type::boolean, false, Value("True")) == Value(true)));
    BOOST_TEST(!convert(Type::uint16, false, Value(65536)).ok());
    BOOST_TEST(!convert(Type::uint16, false, Value(1.5)).ok());
    BOOST_TEST(!convert(Type::string, false, Value(5)).ok());
    BOOST_TEST(convert(Type::uint16, false, Value()).value().is_null());
    const auto one = convert(Type::uint16, true, Value("7"));  // one value for an array
    BOOST_REQUIRE(one.ok() && one->as_array());
    BOOST_TEST(one->as_array()->size() == 1u);
    BOOST_TEST(!convert(Type::uint16, false, Value::array_of(std::vector<int>{1})).ok());
    const auto path = convert(Type::reference, false, Value("root\\v2:C.K=\"v\""));
    BOOST_REQUIRE(path.ok() && path->as_path());
    BOOST_TEST(path->as_path()->key_string("K") == "v");
}

BOOST_AUTO_TEST_SUITE_END()
