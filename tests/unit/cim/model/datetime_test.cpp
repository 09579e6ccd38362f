#include "cim/model/datetime.hpp"

#include <boost/test/unit_test.hpp>

using namespace wsvirt::cim;

BOOST_AUTO_TEST_SUITE(datetime)

BOOST_AUTO_TEST_CASE(cim_timestamps_round_trip) {
    for (const char* text :
         {"20261121101500.123456+060", "19700101000000.000000+000", "20000229235959.999999-720",
          "20261121******.******+000", "202611211015**.******-030", "20261121101500.123***+000",
          "00000101000000.000000+720"}) {
        const auto d = DateTime::from_cim(text);
        BOOST_REQUIRE_MESSAGE(d.ok(), text);
        BOOST_TEST(d->to_cim() == text);
        BOOST_TEST(!d->is_interval());
    }
    BOOST_TEST(DateTime::from_cim("19700101010000.000000+060")->microseconds() == 0);
}

BOOST_AUTO_TEST_CASE(cim_intervals_round_trip) {
    for (const char* text : {"00000001132312.000125:000", "99999999235959.999999:000",
                             "00000000000000.000000:000", "0000000113****.******:000"}) {
        const auto d = DateTime::from_cim(text);
        BOOST_REQUIRE_MESSAGE(d.ok(), text);
        BOOST_TEST(d->to_cim() == text);
        BOOST_TEST(d->is_interval());
    }
    BOOST_TEST(DateTime::from_cim("00000000000130.000000:000")->microseconds() == 90'000'000);
}

BOOST_AUTO_TEST_CASE(wrong_cim_datetimes_are_refused) {
    for (const char* text :
         {"", "20261121101500.123456", "20261321101500.123456+000", "20260230101500.123456+000",
          "20261121241500.123456+000", "2026112110**00.000000+000", "202611211*****.******+000",
          "00000001242312.000125:000", "00000001132312.000125:001", "2026112110150 .123456+000",
          "20261121101500.123456+0 0", "20261121101500,123456+000"})
        BOOST_TEST_CONTEXT(text) BOOST_TEST(!DateTime::from_cim(text).ok());
}

BOOST_AUTO_TEST_CASE(what_has_no_text_is_refused) {
    BOOST_TEST(!DateTime::from_cim("99991231235960.000000+000").ok());
    BOOST_TEST(DateTime::from_cim("99991231235959.999999+000").ok());
    BOOST_TEST(!DateTime::from_xsd("9999-12-31T24:00:00Z").ok());
    BOOST_TEST(!DateTime::from_xsd("P99999999DT2399999976H").ok());
    BOOST_TEST(DateTime::from_xsd("P99999999DT23H59M59.999999S").ok());
    BOOST_TEST(!DateTime::from_xsd("P99999999DT24H").ok());
}

BOOST_AUTO_TEST_CASE(xsd_forms) {  // C-XML-08
    BOOST_TEST(DateTime::from_xsd("2026-11-21T10:15:00Z")->to_cim() == "20261121101500.000000+000");
    BOOST_TEST(DateTime::from_xsd("2026-11-21T10:15:00.5+01:00")->to_cim() == "20261121101500.500000+060");
    BOOST_TEST(DateTime::from_xsd("2026-11-21T10:15:00")->to_cim() == "20261121101500.000000+000");
    BOOST_TEST(DateTime::from_xsd("2026-11-21")->to_cim() == "20261121000000.000000+000");
    BOOST_TEST(DateTime::from_xsd("2026-11-21T24:00:00Z")->to_cim() == "20261122000000.000000+000");
    BOOST_TEST(DateTime::from_xsd("P1DT2H3M4.5S")->to_cim() == "00000001020304.500000:000");
    BOOST_TEST(DateTime::from_xsd("PT90S")->to_cim() == "00000000000130.000000:000");
    BOOST_TEST(DateTime::from_xsd("P0Y0M2D")->to_cim() == "00000002000000.000000:000");
    for (const char* text :
         {"P", "PT", "P1Y", "P1M", "1D", "P1H", "PT1D", "P1DT", "-P1D", "2026-13-01T00:00:00Z",
          "2026-11-21T25:00:00Z", "2026-11-21T10:15Z", "2026-11-21T10:15:00+15:00", "P99999999999D"})
        BOOST_TEST_CONTEXT(text) BOOST_TEST(!DateTime::from_xsd(text).ok());
}

BOOST_AUTO_TEST_CASE(what_xsd_can_say) {
    BOOST_TEST(DateTime::from_cim("20261121101500.000000+060")->to_xsd().value() ==
               "2026-11-21T10:15:00+01:00");
    BOOST_TEST(DateTime::from_cim("20261121101500.250000+000")->to_xsd().value() ==
               "2026-11-21T10:15:00.250000Z");
    BOOST_TEST(DateTime::from_cim("00000001020304.000000:000")->to_xsd().value() == "P1DT2H3M4S");
    BOOST_TEST(!DateTime::from_cim("20261121******.******+000")->to_xsd());
}

BOOST_AUTO_TEST_SUITE_END()
