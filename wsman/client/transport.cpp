#include "wsman/client/transport.hpp"

#include <stdsoap2.h>

#include "base/text.hpp"

namespace wsvirt::client {
namespace {

constexpr unsigned max_reply_bytes = 256U * 1024 * 1024;

class GsoapTransport final : public Transport {
  public:
    explicit GsoapTransport(Connection c)
        : connection_(std::move(c)), soap_(soap_new2(SOAP_IO_KEEPALIVE, SOAP_IO_KEEPALIVE | SOAP_IO_STORE)) {
        const auto seconds = static_cast<int>(connection_.timeout.count());
        soap_->connect_timeout = seconds < 15 ? seconds : 15;
        soap_->send_timeout = soap_->recv_timeout = seconds + 10;
        soap_->recv_maxlength = max_reply_bytes;
        soap_->connect_flags = 0;
    }
    ~GsoapTransport() override {
        soap_->keep_alive = 0;
        soap_force_closesock(soap_);
        clear();
        soap_free(soap_);
    }
    GsoapTransport(const GsoapTransport&) = delete;
    GsoapTransport& operator=(const GsoapTransport&) = delete;

    Result<std::string> post(const std::string& envelope, Headers headers) override {
        if (auto ready = prepare_tls(); !ready) return ready.error();
        if (!connection_.user.empty() && headers == Headers::usual) {
            soap_->userid = connection_.user.c_str();
            soap_->passwd = connection_.password.c_str();
        } else {
            soap_->userid = soap_->passwd = nullptr;
        }
        soap_->http_content = "application/soap+xml;charset=UTF-8";
        soap_->http_extra_header =
            headers == Headers::unauthenticated_identify ? "WSMANIDENTIFY: unauthenticated" : nullptr;
        auto answer = exchange(envelope);
        soap_closesock(soap_);  // stays open while both sides keep it alive
        clear();
        return answer;
    }

  private:
    Result<void> prepare_tls() {
        if (tls_ready_ || !istarts_with(connection_.url, "https:")) return {};
        const auto flags = static_cast<unsigned short>(
            (connection_.insecure ? SOAP_SSL_NO_AUTHENTICATION : SOAP_SSL_REQUIRE_SERVER_AUTHENTICATION) |
            SOAP_TLSv1_2 | SOAP_TLSv1_3);
        const char* ca = connection_.ca_file.empty() ? nullptr : connection_.ca_file.c_str();
        if (soap_ssl_client_context(soap_, flags, nullptr, nullptr, ca, nullptr, nullptr) != SOAP_OK)
            return failure(
                Status::unavailable, "client.tls",
                ca ? "The CA file " + connection_.ca_file + " cannot be used; give a PEM file with --ca."
                   : std::string("TLS cannot be set up."));
        tls_ready_ = true;
        return {};
    }

    Result<std::string> exchange(const std::string& envelope) {
        if (soap_connect_command(soap_, SOAP_POST_FILE, connection_.url.c_str(), nullptr) != SOAP_OK ||
            soap_send_raw(soap_, envelope.data(), envelope.size()) != SOAP_OK ||
            soap_end_send(soap_) != SOAP_OK)
            return cannot_connect();
        const auto sent = std::chrono::steady_clock::now();
        size_t length = 0;
        const char* body = nullptr;
        if (soap_begin_recv(soap_) == SOAP_OK) body = soap_http_get_body(soap_, &length);
        if (body == nullptr || soap_end_recv(soap_) != SOAP_OK)
            return no_answer(std::chrono::steady_clock::now() - sent);
        std::string text(body, length);
        if (soap_->status >= 400 && text.find("Envelope") == std::string::npos) return http_error();
        return text;
    }

    Error http_error() {
        const int status = soap_->status;
        const std::string code = "HTTP " + std::to_string(status);
        if (status == 401)
            return Error(Status::access_denied, "client.signin",
                         connection_.user.empty()
                             ? "The server wants a sign-in: give --user and a password."
                             : "The server refused the sign-in of \"" + connection_.user +
                                   "\": check the user name and the password.",
                         {}, code);
        if (status == 403)
            return Error(Status::access_denied, "client.forbidden", "The server does not allow this user in.",
                         {}, code);
        if (status == 503)
            return Error(Status::unavailable, "client.busy", "The server is too busy; try again later.", {},
                         code);
        return Error(Status::failed, "client.http",
                     "The server answered " + code + ". Is " + connection_.url +
                         " the address of a WS-Management server?");
    }

    Error no_answer(std::chrono::steady_clock::duration waited) {
        if (soap_->status >= 400) return http_error();
        if (waited >= std::chrono::seconds(soap_->recv_timeout))
            return Error(Status::timed_out, "client.timeout",
                         "The server did not answer in time; give a longer --timeout.");
        return failure(Status::unavailable, "client.answer",
                       "The connection ended before the answer was complete.");
    }

    Error cannot_connect() {
        if (soap_->error == SOAP_SSL_ERROR)
            return failure(Status::unavailable, "client.tls",
                           "No trusted TLS connection to " + connection_.url +
                               ": give the server's CA with --ca, use the name that its certificate has, or "
                               "--insecure to skip the check.");
        return failure(
            Status::unavailable, "client.connect",
            "No connection to " + connection_.url + ": check the address and that the server runs.");
    }

    Error failure(Status status, const char* id, std::string text) {
        soap_set_fault(soap_);
        const char** reason = soap_faultstring(soap_);
        const char** about = soap_faultdetail(soap_);
        std::string more = reason != nullptr && *reason != nullptr ? *reason : "";
        if (about != nullptr && *about != nullptr) more += (more.empty() ? "" : "; ") + std::string(*about);
        more = replace_all(trim(more), "\n", "; ");
        return Error(status, id, std::move(text), {}, std::move(more));
    }

    void clear() {
        soap_destroy(soap_);
        soap_end(soap_);
    }

    Connection connection_;
    soap* soap_;
    bool tls_ready_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_transport(Connection c) {
    return std::make_unique<GsoapTransport>(std::move(c));
}

}  // namespace wsvirt::client
