#include "wsman/soap/fault_texts.hpp"

#include <boost/test/unit_test.hpp>

using namespace wsvirt::soap;

BOOST_AUTO_TEST_SUITE(fault_texts)

BOOST_AUTO_TEST_CASE(W_LOC_01_every_fault_has_a_sentence_in_every_language) {
    for (int i = 0; i <= static_cast<int>(Subcode::version_mismatch); ++i) {
        const auto s = static_cast<Subcode>(i);
        const auto english = local_text(s, {}, "");
        const auto german = local_text(s, {}, "de-DE");
        BOOST_TEST(english.language == "en-US");
        BOOST_TEST(english.text == default_text(s, {}));
        BOOST_TEST(german.language == "de", i);
        BOOST_TEST(!german.text.empty());
        BOOST_TEST(german.text != english.text);
    }
}

BOOST_AUTO_TEST_CASE(W_LOC_01_details_have_their_own_sentence_in_both) {
    for (const auto detail : {fd::max_envelope_size, fd::uri_limit, fd::selector_limit, fd::option_limit})
        for (const auto* language : {"de", "en"})
            BOOST_TEST(local_text(Subcode::encoding_limit, detail, language).text !=
                       local_text(Subcode::encoding_limit, {}, language).text);
}

BOOST_AUTO_TEST_SUITE_END()
