#include "wsman/auth/basic.hpp"

#include <boost/test/unit_test.hpp>

using namespace wsvirt::wsman;

BOOST_AUTO_TEST_SUITE(basic)

// RFC 4648 section 10
BOOST_AUTO_TEST_CASE(base64_vectors) {
    BOOST_TEST(decode_base64("").value() == "");
    BOOST_TEST(decode_base64("Zg==").value() == "f");
    BOOST_TEST(decode_base64("Zm8=").value() == "fo");
    BOOST_TEST(decode_base64("Zm9v").value() == "foo");
    BOOST_TEST(decode_base64("Zm9vYg==").value() == "foob");
    BOOST_TEST(decode_base64("Zm9vYmFy").value() == "foobar");
    BOOST_TEST(decode_base64("+/+/").value() == "\xfb\xff\xbf");
}

BOOST_AUTO_TEST_CASE(base64_that_is_none) {
    for (const auto* text : {"Z", "Zg", "Zg=", "Zg===", "=g==", "Z===", "Zm9v=", "Z m9", "Zm9v\n",
                             "Zh==", "Zm9=", "Zg==Zg==", "Zm-_", "===="})
        BOOST_TEST(!decode_base64(text), text);
}

// RFC 7617 section 2
BOOST_AUTO_TEST_CASE(the_scheme_and_its_credentials) {
    const auto both = parse_basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    BOOST_REQUIRE(both);
    BOOST_TEST(both->user == "Aladdin");
    BOOST_TEST(both->password == "open sesame");
    BOOST_TEST(parse_basic("basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ== ")->user == "Aladdin");
    BOOST_TEST(parse_basic("BASIC dTpwOnE=")->password == "p:q");  // the first colon divides
    BOOST_TEST(parse_basic("Basic Og==")->user.empty());
    BOOST_TEST(parse_basic("Basic dGVzdDoxMjPCow==")->password == "123\xc2\xa3");  // UTF-8
}

BOOST_AUTO_TEST_CASE(what_is_refused) {
    for (const auto* text :
         {"", "Basic", "Basic ", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
          "Basic dXNlcg==" /* no colon */, "Basic dTr/" /* not UTF-8 */, "Basic dTph\x01",
          "Basic dTphAA==" /* NUL */, "Basic dTphCg==" /* line feed */})
        BOOST_TEST(!parse_basic(text), text);
}

BOOST_AUTO_TEST_CASE(scheme_names) {
    BOOST_TEST(scheme_of("Negotiate abc") == "Negotiate");
    BOOST_TEST(scheme_of("  Basic\tx") == "Basic");
    BOOST_TEST(scheme_of("") == "");
}

BOOST_AUTO_TEST_SUITE_END()
