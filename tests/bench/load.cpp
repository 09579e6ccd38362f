// The load driver: posts one envelope over and over on keep-alive connections and prints what came of it as
// one line of JSON. With --pull each round is an Enumerate and the Pulls to its end; a round is then what is
// timed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

struct Settings {
    std::string host = "127.0.0.1", user, password, ca, body_file, pull_file, extra_header;
    unsigned short port = 5985;
    bool tls = false;
    unsigned connections = 1;
    double seconds = 3, warm_up = 0.5;
};

struct Result {
    std::vector<float> microseconds;
    std::uint64_t messages = 0, bytes = 0, errors = 0;
    std::string first_error;
};

std::string read_file(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + name);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

// Text of the first element with that local name, whatever its prefix.
std::string element_text(const std::string& xml, const std::string& name) {
    const auto at = xml.find(name + ">");
    if (at == std::string::npos) return {};
    const auto from = at + name.size() + 1;
    return xml.substr(from, xml.find('<', from) - from);
}

class Driver {
  public:
    explicit Driver(const Settings& s)
        : settings_(s),
          body_(read_file(s.body_file)),
          pull_(s.pull_file.empty() ? "" : read_file(s.pull_file)) {
        if (s.tls) {
            tls_.set_verify_mode(asio::ssl::verify_peer);
            tls_.load_verify_file(s.ca);
        }
        if (!s.user.empty()) {
            const std::string plain = s.user + ":" + s.password;
            std::string coded(boost::beast::detail::base64::encoded_size(plain.size()), '\0');
            coded.resize(boost::beast::detail::base64::encode(coded.data(), plain.data(), plain.size()));
            authorization_ = "Basic " + coded;
        }
    }

    Result run() {
        const auto now = Clock::now();
        measure_from_ = now + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(settings_.warm_up));
        end_ = measure_from_ +
               std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(settings_.seconds));
        for (unsigned i = 0; i < settings_.connections; ++i)
            asio::co_spawn(io_, connection(), [this](const std::exception_ptr& e) {
                try {
                    if (e) std::rethrow_exception(e);
                } catch (const std::exception& x) {
                    fail(x.what());
                }
            });
        io_.run();
        return std::move(result_);
    }

  private:
    void fail(const std::string& why) {
        ++result_.errors;
        if (result_.first_error.empty()) result_.first_error = why.substr(0, 300);
    }

    asio::awaitable<void> connection() {
        asio::ip::tcp::socket socket(io_);
        const asio::ip::tcp::endpoint server(asio::ip::make_address(settings_.host), settings_.port);
        co_await socket.async_connect(server, asio::use_awaitable);
        socket.set_option(asio::ip::tcp::no_delay(true));
        if (settings_.tls) {
            asio::ssl::stream<asio::ip::tcp::socket> stream(std::move(socket), tls_);
            co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
            co_await rounds(stream);
        } else {
            co_await rounds(socket);
        }
    }

    template <class Stream>
    asio::awaitable<void> rounds(Stream& stream) {
        boost::beast::flat_buffer buffer;
        buffer.reserve(1 << 16);
        while (Clock::now() < end_) {
            const auto start = Clock::now();
            std::uint64_t messages = 0, bytes = 0;
            std::string answer = co_await exchange(stream, buffer, body_);
            for (;;) {
                ++messages;
                bytes += answer.size();
                if (answer.empty()) co_return;
                if (pull_.empty() || answer.find("EndOfSequence") != std::string::npos) break;
                const auto context = element_text(answer, "EnumerationContext");
                if (context.empty()) break;
                std::string next = pull_;
                next.replace(next.find("@CONTEXT@"), 9, context);
                answer = co_await exchange(stream, buffer, next);
            }
            const auto end = Clock::now();
            if (start < measure_from_) continue;
            result_.messages += messages;
            result_.bytes += bytes;
            result_.microseconds.push_back(std::chrono::duration<float, std::micro>(end - start).count());
        }
    }

    // The answer's body; empty (and counted as an error) when it is not HTTP 200.
    template <class Stream>
    asio::awaitable<std::string> exchange(Stream& stream, boost::beast::flat_buffer& buffer,
                                          const std::string& body) {
        http::request<http::string_body> request(http::verb::post, "/wsman", 11);
        request.set(http::field::host, "localhost");
        request.set(http::field::content_type, "application/soap+xml;charset=UTF-8");
        if (!authorization_.empty()) request.set(http::field::authorization, authorization_);
        if (!settings_.extra_header.empty()) request.set(settings_.extra_header, "unauthenticated");
        request.body() = body;
        request.prepare_payload();
        co_await http::async_write(stream, request, asio::use_awaitable);
        http::response_parser<http::string_body> parser;
        parser.body_limit(1ULL << 30);
        co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
        auto response = parser.release();
        if (response.result_int() == 200) co_return std::move(response.body());
        fail("HTTP " + std::to_string(response.result_int()) + ": " + response.body());
        co_return std::string();
    }

    const Settings& settings_;
    std::string body_, pull_, authorization_;
    asio::io_context io_{1};
    asio::ssl::context tls_{asio::ssl::context::tls_client};
    Clock::time_point measure_from_, end_;
    Result result_;
};

float at(const std::vector<float>& sorted, double share) {
    if (sorted.empty()) return 0;
    return sorted[std::min(sorted.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

int main(int argc, char** argv) {
    Settings s;
    CLI::App app("posts an envelope over and over");
    app.add_option("--host", s.host);
    app.add_option("--port", s.port)->required();
    app.add_flag("--tls", s.tls);
    app.add_option("--ca", s.ca);
    app.add_option("--user", s.user);
    app.add_option("--password", s.password);
    app.add_option("--body", s.body_file)->required();
    app.add_option("--pull", s.pull_file, "envelope with @CONTEXT@ in it");
    app.add_option("--header", s.extra_header, "name of a header to send with the value 'unauthenticated'");
    app.add_option("--connections", s.connections);
    app.add_option("--seconds", s.seconds);
    app.add_option("--warm-up", s.warm_up);
    CLI11_PARSE(app, argc, argv);
    try {
        Result r = Driver(s).run();
        std::sort(r.microseconds.begin(), r.microseconds.end());
        std::cout << "{\"rounds\": " << r.microseconds.size() << ", \"messages\": " << r.messages
                  << ", \"bytes\": " << r.bytes << ", \"errors\": " << r.errors
                  << ", \"p50_us\": " << at(r.microseconds, 0.50)
                  << ", \"p99_us\": " << at(r.microseconds, 0.99) << "}\n";
        if (r.errors != 0)
            std::cerr << "bench_load: " << r.errors << " errors, the first: " << r.first_error << '\n';
        return r.errors == 0 && !r.microseconds.empty() ? 0 : 1;
    } catch (const std::exception& e) {
        std::cerr << "bench_load: " << e.what() << '\n';
        return 1;
    }
}
