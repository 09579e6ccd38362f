#include "wsman/http/request_parser.hpp"

#include <boost/test/unit_test.hpp>

#include "wsman/http/response.hpp"

using namespace wsvirt::wsman;
using State = RequestParser::State;

namespace {

// Feeds the text in pieces of `step` bytes, as a connection would; what is left over at the end.
std::string feed_all(RequestParser& parser, std::string_view text, std::size_t step) {
    std::string waiting;
    for (std::size_t at = 0; at < text.size(); at += step) {
        waiting += text.substr(at, step);
        for (;;) {
            const auto before = parser.state();
            const auto used = parser.feed(waiting);
            waiting.erase(0, used);
            if (parser.state() == State::failed || parser.state() == State::complete) {
                if (at + step < text.size()) waiting += text.substr(at + step);
                return waiting;
            }
            if (used == 0 && parser.state() == before) break;
        }
    }
    return waiting;
}

unsigned status_of(std::string_view text) {
    RequestParser parser(4096);
    feed_all(parser, text, text.size());
    return parser.state() == State::failed ? parser.error_status() : 200;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_parser)

BOOST_AUTO_TEST_CASE(the_same_request_in_pieces_of_any_size) {
    const std::string text =
        "POST /wsman?x=1 HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;ext=1\r\nhello\r\n7\r\n, world\r\n0\r\nLater: 1\r\n\r\nREST";
    for (std::size_t step = 1; step <= text.size(); ++step) {
        RequestParser parser(4096);
        BOOST_TEST(feed_all(parser, text, step) == "REST");
        BOOST_TEST((parser.state() == State::complete));
        BOOST_TEST(parser.request().body == "hello, world");
        BOOST_TEST(parser.request().method == "POST");
        BOOST_TEST(parser.request().header("x-y") == "z");
        BOOST_TEST(parser.request().header("Later") == "");
        BOOST_TEST(parser.path() == "/wsman");
        BOOST_TEST(parser.keep_alive());
    }
}

BOOST_AUTO_TEST_CASE(it_stops_at_the_end_of_the_header) {
    RequestParser parser(4096);
    const std::string_view text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    BOOST_TEST(parser.feed(text) == text.size() - 3);
    BOOST_TEST((parser.state() == State::body));
    BOOST_TEST(parser.content_length().value() == 3u);
    BOOST_TEST(parser.feed("abc") == 3u);
    BOOST_TEST((parser.state() == State::complete));
}

BOOST_AUTO_TEST_CASE(bodies_over_the_limit) {
    const std::string plain = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    RequestParser parser(4096);
    parser.feed(plain);
    parser.limit_body(3);
    parser.feed("abcd");
    BOOST_TEST(parser.error_status() == 413u);
    RequestParser chunked(4096);
    chunked.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    chunked.limit_body(3);
    feed_all(chunked, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 3);
    BOOST_TEST(chunked.error_status() == 413u);

    RequestParser wordy(64 * 1024);
    wordy.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    wordy.limit_body(1024);
    for (int i = 0; i < 3; ++i) wordy.feed("1;" + std::string(60'000, 'x') + "\r\nx\r\n");
    BOOST_TEST(wordy.error_status() == 400u);
    BOOST_TEST((wordy.state() == State::failed));

    RequestParser single(4096);  // each octet in a chunk of its own
    single.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    single.limit_body(100'000);
    std::string octets;
    for (int i = 0; i < 100'000; ++i) octets += "1\r\nx\r\n";
    feed_all(single, octets + "0\r\n\r\n", 10'000);
    BOOST_TEST((single.state() == State::complete));
}

BOOST_AUTO_TEST_CASE(headers_over_the_limit) {
    const std::string begin = "POST / HTTP/1.1\r\nHost: a\r\n";
    BOOST_TEST(status_of(begin + "X: " + std::string(5000, 'x') + "\r\n\r\n") == 431u);
    std::string many = begin;
    for (int i = 0; i < 200; ++i) many += "X" + std::to_string(i) + ": " + std::string(30, 'x') + "\r\n";
    for (const std::size_t step : {1ul, 7ul, 100ul, 10'000ul}) {
        RequestParser parser(4096);
        feed_all(parser, many + "\r\n", step);
        BOOST_TEST(parser.error_status() == 431u);
    }
    RequestParser endless(4096);
    feed_all(endless, std::string(10'000, 'x'), 100);
    BOOST_TEST((endless.state() == State::failed));
}

BOOST_AUTO_TEST_CASE(what_can_be_read_in_two_ways_is_refused) {
    const std::string begin = "POST / HTTP/1.1\r\nHost: a\r\n";
    for (const auto* more :
         {"Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n",
          "Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length: x\r\n", "Content-Length: \r\n",
          "Content-Length: 1, 2\r\n", "Content-Length: 99999999999999999999\r\n",
          "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "Transfer-Encoding: gzip, chunked\r\n",
          "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
          "Host: b\r\n", "Name : x\r\n", "authorization: a\r\nAuthorization: a\r\n"})
        BOOST_TEST(status_of(begin + more + "\r\nx") == 400u, more);
    BOOST_TEST(status_of("POST / HTTP/1.1\r\n\r\n") == 400u);
    BOOST_TEST(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400u);
    BOOST_TEST(status_of(begin + "Expect: tea\r\n\r\n") == 417u);
    BOOST_TEST(status_of("POST / HTTP/3.0\r\nHost: a\r\n\r\n") == 505u);
}

BOOST_AUTO_TEST_CASE(paths_of_all_forms_of_target) {
    const auto path = [](const std::string& target) {
        RequestParser parser(4096);
        parser.feed("POST " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
        return std::string(parser.path());
    };
    BOOST_TEST(path("/wsman") == "/wsman");
    BOOST_TEST(path("/wsman?a=/b") == "/wsman");
    BOOST_TEST(path("http://h:5985/wsman/x?y") == "/wsman/x");
    BOOST_TEST(path("HTTPS://h") == "/");
    BOOST_TEST(path("*") == "*");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(http_response)

BOOST_AUTO_TEST_CASE(a_head_cannot_be_split_by_a_header) {
    HttpResponse response;
    response.headers = {{"X-A", "b\r\nSet-Cookie: c"}};
    response.body = "12345";
    std::string head;
    append_head(head, response, "today", false);
    BOOST_TEST(head.find("\nSet-Cookie") == std::string::npos);
    BOOST_TEST(head.find("Content-Length: 5\r\n") != std::string::npos);
    BOOST_TEST(head.find("Connection: close\r\n") != std::string::npos);
    BOOST_TEST(head.substr(head.size() - 4) == "\r\n\r\n");
}

// RFC 9110 5.6.7
BOOST_AUTO_TEST_CASE(dates) {
    BOOST_TEST(http_date(std::chrono::system_clock::from_time_t(784111777)) ==
               "Sun, 06 Nov 1994 08:49:37 GMT");
}

BOOST_AUTO_TEST_SUITE_END()
