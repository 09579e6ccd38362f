#include "wsman/http/request_parser.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include "base/text.hpp"

namespace wsvirt::wsman {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

// Headers that may be there once only: a second one is a mistake or an attempt to be read in two ways.
bool is_singular(http::field name, std::string_view text) {
    switch (name) {
        case http::field::host:
        case http::field::authorization:
        case http::field::content_length:
        case http::field::content_type:
        case http::field::content_encoding:
        case http::field::transfer_encoding:
        case http::field::expect:
        case http::field::soapaction:
            return true;
        default:
            return iequals(text, "WSMANIDENTIFY");
    }
}

std::string_view path_of(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"})
        if (istarts_with(target, scheme)) {  // absolute form, RFC 9112 3.2.2
            target.remove_prefix(scheme.size());
            const auto slash = target.find('/');
            target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
            break;
        }
    return target.substr(0, target.find_first_of("?#"));
}

}  // namespace

class RequestParser::Impl : public http::basic_parser<true> {
  public:
    explicit Impl(std::uint32_t limit) : limit_(limit) {
        header_limit(limit);
        body_limit(boost::none);  // limit_body() sets it once it is known who asks
    }

    std::size_t feed(std::string_view bytes);
    // Beast counts what is in chunks, not what stands around it.
    void limit_framing(std::uint64_t body) {
        constexpr std::uint64_t around_an_octet = 16, extras = 64 * 1024;  // each may have a chunk of its own
        most_on_wire_ =
            body > UINT64_MAX / around_an_octet - extras ? UINT64_MAX : body * around_an_octet + extras;
    }
    void set_failure(unsigned status, std::string text) {
        state = State::failed;
        error_status = status;
        error_text = std::move(text);
    }

    void explain(beast::error_code ec);

    State state = State::header;
    unsigned error_status = 400;
    std::string error_text;
    HttpRequest request;
    bool expects_continue = false;
    int version = 11;

  private:
    void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int http_version,
                         beast::error_code&) override {
        request.method.assign(method.data(), method.size());
        request.target.assign(target.data(), target.size());
        version = http_version;
    }
    void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
    void on_field_impl(http::field name, beast::string_view name_text, beast::string_view value,
                       beast::error_code& ec) override;
    void on_header_impl(beast::error_code& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, beast::error_code&) override {
        constexpr std::uint64_t at_once = 64 * 1024;  // a promise alone gets no more memory than this
        if (length) request.body.reserve(static_cast<std::size_t>(std::min(*length, at_once)));
    }
    std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }
    void on_finish_impl(beast::error_code&) override {}

    void refuse(beast::error_code& ec, unsigned status, std::string text) {
        set_failure(status, std::move(text));
        ec = http::error::bad_value;
    }
    std::uint32_t limit_;
    std::size_t header_used_ = 0;
    std::uint64_t on_wire_ = 0, most_on_wire_ = UINT64_MAX;  // of the body
    bool host_seen_ = false;
    bool header_done_ = false;
};

void RequestParser::Impl::on_field_impl(http::field name, beast::string_view name_text,
                                        beast::string_view value, beast::error_code& ec) {
    if (header_done_) return;  // trailers are read past: nothing in them may change what was decided
    const std::string_view key(name_text.data(), name_text.size());
    const std::string_view text(value.data(), value.size());
    if (is_singular(name, key)) {
        for (const auto& [have, ignored] : request.headers)
            if (iequals(have, key))
                return refuse(ec, 400, "The header " + std::string(key) + " is there twice; send it once.");
    }
    if (name == http::field::host) host_seen_ = true;
    if (name == http::field::transfer_encoding && !iequals(trim(text), "chunked"))
        return refuse(ec, 400, "The only transfer coding that this server takes is chunked.");
    if (name == http::field::expect) {
        if (!iequals(trim(text), "100-continue"))
            return refuse(ec, 417, "The only expectation that this server meets is 100-continue.");
        expects_continue = version >= 11;
    }
    request.headers.emplace_back(key, text);
}

void RequestParser::Impl::on_header_impl(beast::error_code& ec) {
    if (version >= 11 && !host_seen_) return refuse(ec, 400, "HTTP/1.1 needs a Host header; send one.");
    bool chunked_seen = false;
    bool length_seen = false;
    for (const auto& [key, ignored] : request.headers) {
        chunked_seen = chunked_seen || iequals(key, "Transfer-Encoding");
        length_seen = length_seen || iequals(key, "Content-Length");
    }
    if (chunked_seen && length_seen)
        return refuse(ec, 400, "Send either Content-Length or Transfer-Encoding, not both.");
    if (chunked_seen && version < 11) return refuse(ec, 400, "HTTP/1.0 has no Transfer-Encoding.");
    header_done_ = true;
}

void RequestParser::Impl::explain(beast::error_code ec) {
    if (state == State::failed) return;
    if (ec == http::error::header_limit)
        return set_failure(431, "The request's header is larger than " + std::to_string(limit_) + " bytes.");
    if (ec == http::error::body_limit)
        return set_failure(413, "The request's body is larger than this server accepts.");
    if (ec == http::error::bad_version) return set_failure(505, "This server speaks HTTP/1.1.");
    if (ec == http::error::bad_content_length || ec == http::error::multiple_content_length)
        return set_failure(
            400, "Content-Length must be one decimal number, and not stand beside Transfer-Encoding.");
    if (ec == http::error::bad_transfer_encoding)
        return set_failure(400, "Send either Content-Length or Transfer-Encoding, not both.");
    set_failure(400, "This is no well-formed HTTP/1.1 request (" + ec.message() + ").");
}

std::size_t RequestParser::Impl::feed(std::string_view bytes) {
    std::size_t used = 0;
    if (!got_some())  // an empty line before the request line is no error (RFC 9112 2.2)
        while (bytes.substr(used, 2) == "\r\n") used += 2;
    while (state == State::header || state == State::body) {
        beast::error_code ec;
        const bool had_header = is_header_done();
        const auto rest = bytes.substr(used);
        const auto n = rest.empty() ? 0 : put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
        used += n;
        (had_header ? on_wire_ : header_used_) += n;
        if (header_used_ > limit_) {
            explain(http::error::header_limit);
            break;
        }
        if (ec && ec != http::error::need_more) {
            explain(ec);
            break;
        }
        if (on_wire_ > most_on_wire_) {
            set_failure(400,
                        "The chunks of the request's body take more than what is in them; send larger ones.");
            break;
        }
        if (is_done()) {
            state = State::complete;
        } else if (!had_header && is_header_done()) {
            state = State::body;
            break;
        } else if (ec || n == 0) {
            // A chunk's line or the trailers may not grow without end either.
            if (rest.size() - n > limit_ + 4)
                set_failure(had_header ? 400 : 431, "A line of the request is too long.");
            break;
        }
    }
    return used;
}

RequestParser::RequestParser(std::uint32_t header_limit) : impl_(std::make_unique<Impl>(header_limit)) {}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) {
    return impl_->feed(bytes);
}
RequestParser::State RequestParser::state() const {
    return impl_->state;
}
bool RequestParser::begun() const {
    return impl_->got_some();
}
unsigned RequestParser::error_status() const {
    return impl_->error_status;
}
std::string_view RequestParser::error_text() const {
    return impl_->error_text;
}
HttpRequest& RequestParser::request() {
    return impl_->request;
}
std::string_view RequestParser::path() const {
    return path_of(impl_->request.target);
}
std::optional<std::uint64_t> RequestParser::content_length() const {
    if (!impl_->is_header_done()) return std::nullopt;
    const auto n = impl_->content_length();
    return n ? std::optional<std::uint64_t>(*n) : std::nullopt;
}
bool RequestParser::expects_continue() const {
    return impl_->expects_continue;
}
bool RequestParser::keep_alive() const {
    return impl_->is_header_done() && impl_->version >= 11 && impl_->keep_alive();
}
void RequestParser::limit_body(std::uint64_t bytes) {
    impl_->body_limit(bytes);
    impl_->limit_framing(bytes);
    if (content_length().value_or(0) > bytes) impl_->explain(http::error::body_limit);
}

}  // namespace wsvirt::wsman
