#include "wsman/ops/header_checks.hpp"

#include <boost/test/unit_test.hpp>

#include "wsman/soap/names.hpp"

using namespace wsvirt::wsman;
using namespace wsvirt::soap;

namespace {

RequestHeaders good() {
    RequestHeaders h;
    h.to = "http://other-name:5985/wsman";
    h.action = uri::get;
    h.message_id = "uuid:1";
    h.reply_to.emplace().address = uri::anonymous04;
    return h;
}
struct Seen {
    std::optional<Fault> fault;
    Control control;
};
Seen check(const RequestHeaders& h, const OpsSettings& s = {}) {
    Seen r;
    r.fault = check_headers(h, s, "/wsman", r.control);
    return r;
}
Subcode subcode(const RequestHeaders& h) {
    const auto r = check(h);
    BOOST_REQUIRE(r.fault.has_value());
    return r.fault->subcode;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(header_checks)

BOOST_AUTO_TEST_CASE(a_good_request_passes) {
    BOOST_TEST(!check(good()).fault.has_value());
    BOOST_TEST((check(good()).control.timeout == OpsSettings{}.default_timeout));
}

BOOST_AUTO_TEST_CASE(W_ADDR_01_04_08_17_headers_that_are_missing) {
    auto h = good();
    h.to.reset();
    BOOST_TEST((subcode(h) == Subcode::header_required));
    h = good();
    h.action.reset();
    BOOST_TEST((subcode(h) == Subcode::header_required));
    h = good();
    h.reply_to.reset();
    BOOST_TEST((subcode(h) == Subcode::header_required));
    for (const auto* id : {"", "not a uri", "a<b"}) {
        h = good();
        h.message_id = id;
        BOOST_TEST((subcode(h) == Subcode::invalid_header), id);
    }
}

BOOST_AUTO_TEST_CASE(W_ADDR_09_11_21_only_the_anonymous_address) {
    auto h = good();
    h.reply_to->address = "http://other/";
    BOOST_TEST((subcode(h) == Subcode::unsupported_feature));
    h.reply_to->address = "not a uri";
    BOOST_TEST((subcode(h) == Subcode::invalid_header));
    h = good();
    h.fault_to.emplace().address = "http://other/";
    BOOST_TEST(check(h).fault->detail == fd::addressing_mode);
}

BOOST_AUTO_TEST_CASE(W_ADDR_03_the_path_of_To_must_be_ours) {
    auto h = good();
    for (const auto* to :
         {"http://x/wsman", "https://x:1/wsman/", "http://x", "urn:x:y", "http://x/wsman?a=b"}) {
        h.to = to;
        BOOST_TEST(!check(h).fault.has_value(), to);
    }
    h.to = "http://x/other";
    BOOST_TEST((subcode(h) == Subcode::destination_unreachable));
}

BOOST_AUTO_TEST_CASE(W_TMO_01_02_durations) {
    using namespace std::chrono_literals;
    auto h = good();
    for (const auto* good_one : {"PT60S", "PT60.000S", "P0DT0H0M60S", "PT1M"}) {
        h.operation_timeout.emplace().value = good_one;
        BOOST_TEST((check(h).control.timeout == 60s), good_one);
    }
    h.operation_timeout->value = "P10D";
    BOOST_TEST((check(h).control.timeout == OpsSettings{}.max_timeout));
    for (const auto* bad : {"2026-01-01T00:00:00Z", "PT0S", "-PT5S", "", "60"}) {
        h.operation_timeout->value = bad;
        BOOST_TEST((subcode(h) == Subcode::invalid_header), bad);
    }
}

BOOST_AUTO_TEST_CASE(W_ENV_05_06_envelope_size) {
    auto h = good();
    h.max_envelope_size.emplace().value = "8191";
    BOOST_TEST(check(h).fault->detail == fd::minimum_envelope_limit);
    h.max_envelope_size->value = "8192";
    BOOST_TEST(check(h).control.envelope_limit == 8192u);
    BOOST_TEST(check(h).control.limit_is_clients);
    for (const auto* large : {"4000000000", "99999999999999999999999999"}) {
        h.max_envelope_size->value = large;
        BOOST_TEST(check(h).control.envelope_limit == OpsSettings{}.max_envelope_size, large);
    }
    for (const auto* bad : {"", "-1", "0", "abc", "1.5"}) {
        h.max_envelope_size->value = bad;
        BOOST_TEST((subcode(h) == Subcode::invalid_header), bad);
    }
}

BOOST_AUTO_TEST_CASE(W_LOC_02_and_W_ENC_07) {
    auto h = good();
    h.locale.emplace().must_understand = true;
    BOOST_TEST(check(h).fault->detail == fd::locale);
    h = good();
    h.message_id = "urn:" + std::string(2044, 'x');
    BOOST_TEST(!check(h).fault.has_value());
    *h.message_id += "x";
    BOOST_TEST(check(h).fault->detail == fd::uri_limit);
}

BOOST_AUTO_TEST_CASE(W_OPT_03_04_06_12_options) {
    auto h = good();
    h.options = {{"wmi:x", "", "", true}, {"__MI_y", "1", "", true}, {"unknown", "", "", false}};
    BOOST_TEST(!check_options(h, {}).has_value());
    h.options.push_back({"unknown", "", "", true});
    BOOST_TEST(check_options(h, {})->detail == fd::invalid_name);
    h.options = {{"ShowExtensions", "maybe", "", false}};
    BOOST_TEST(check_options(h, {})->detail == fd::invalid_value);
    h.options = {{"ShowExtensions", "true", "", true}};
    BOOST_TEST(check_options(h, {})->detail == fd::not_supported);
    h.options.assign(1000, {"x", "", "", false});
    BOOST_TEST(check_options(h, {})->detail == fd::option_limit);
    h.options = {{"IncludeQualifiers", "", "", false}};
    BOOST_TEST(option(h, "IncludeQualifiers", false));
    BOOST_TEST(!option(h, "IncludeClassOrigin", false));
}

BOOST_AUTO_TEST_SUITE_END()
