// OK(call): a Result that must be good; the message shows the call and the whole error.
#pragma once

#include <boost/test/unit_test.hpp>

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): the message shall show the call
#define OK(call)                                                                        \
    do {                                                                                \
        auto r_ = (call);                                                               \
        BOOST_REQUIRE_MESSAGE(r_, #call << ": " << (r_ ? "" : r_.error().full_text())); \
    } while (false)
